"""Direct links: found, used, cut, given up, and nothing lost that is open elsewhere."""

import os
import subprocess
import threading

from intercept import ask, answered_by, start_handler
from lab import ROOT, Failure, wait_until
from modes import Mode, expect
from relay import Relay, publish, wait_for_link

CHATTER = os.path.join(ROOT, "Tests", "EndToEnd", "chatter.py")


class Chat:
    """A connection to the echo service that never rests."""

    def __init__(self, lab, mode, name):
        self.stop = os.path.join(lab.directory, f"stop-{name}")
        self.mode = mode
        words = ["python3", CHATTER, "echo.default.svc.cluster.local", "7000", self.stop]
        if mode.isolated:
            words = [lab.binary("telepresence"), "exec", "--", *words]
        self.process = lab.ws_start(*words, env=mode.env, user=mode.user, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        expect(line == "talking\n", f"the chat began with {line!r}")

    def end(self):
        """The connection must have lived until now."""
        open(self.stop, "w").close()
        out, _ = self.process.communicate(timeout=30)
        expect(self.process.returncode == 0, f"the chat ended with {self.process.returncode}: {out}")
        expect(int(out) > 0, f"rounds: {out}")


def published(lab, port):
    relay = Relay(lab, port)
    publish(lab, relay.address)
    return relay


def scenario_direct_found(lab):
    """A published manager is found in both modes; status says so, and the traffic takes that way."""
    relay = published(lab, 30081)
    try:
        relay.open()
        for isolated in (False, True):
            with Mode(lab, isolated) as mode:
                wait_for_link(mode, f"direct ({relay.address})")
                before = relay.carried
                answer = mode.check("download", "echo", "7002", "2")
                expect(relay.carried - before > 2_000_000, f"{answer}, and the relay carried {relay.carried - before}")
                mode.check("udp", "echo", "7000")
    finally:
        relay.close()
        publish(lab, "")


def scenario_direct_move(lab):
    """Connections live on while the session moves to a direct link, and while it falls back; new ones take the new way."""
    relay = published(lab, 30082)
    try:
        for isolated in (False, True):
            with Mode(lab, isolated) as mode:
                wait_for_link(mode, "port-forward", 20)
                chat = Chat(lab, mode, f"{mode.name}-1")
                relay.open()
                wait_for_link(mode, "direct", 70)
                mode.curl("http://backend.default/").ok()
                relay.cut()
                wait_for_link(mode, "port-forward")
                mode.curl("http://backend.default/").ok()
                chat.end()
    finally:
        relay.close()
        publish(lab, "")


def scenario_direct_intercept(lab):
    """An intercept answers every request while the session moves to a direct link, and again after it was cut."""
    relay = published(lab, 30083)
    try:
        with Mode(lab, False) as mode:
            handler = start_handler(lab, mode, 8087)
            mode.tp("intercept", "backend", "--port", "8087").ok()
            wrong = []
            count = 0
            done = threading.Event()

            def ask_on():
                nonlocal count
                while not done.is_set():
                    try:
                        text = ask(lab, mode)
                        if "workstation" not in text:
                            wrong.append(text)
                    except Failure as failure:
                        wrong.append(str(failure))
                    count += 1

            asking = threading.Thread(target=ask_on)
            asking.start()
            try:
                relay.open()
                wait_for_link(mode, "direct", 70)
                wait_until("some more requests", lambda seen=count: count > seen + 5, 20)
            finally:
                done.set()
                asking.join()
            expect(not wrong, f"{len(wrong)} of {count} requests went wrong: {wrong[:1]}")
            relay.cut()
            wait_for_link(mode, "port-forward")
            answered_by(lab, mode, "workstation", 15)
            handler.kill()
    finally:
        relay.close()
        publish(lab, "")
