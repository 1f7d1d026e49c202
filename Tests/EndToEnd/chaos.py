"""Everything that can fail fails, again and again, under load; afterwards everything is as its owners want it.

usage: chaos.py [SECONDS] [--seed N] [--kinds KIND…] [--binaries DIR] [--logs DIR]

Two workstation users, one in isolated and one in host mode, hold intercepts; pods of the cluster and programs of the
workstation ask all the time. Disturbances come one after another, in a random order that the printed seed gives again;
between them owners change their minds. After each one everything must recover by itself within a deadline.

What a lost request is: the cluster's requests have somebody who can answer at any time, the workstation's handler or, where it
cannot be reached, the app. So a request of the cluster may fail only when it was under way on something that was cut just
then: on the cable, in the manager's relay, in a pod that was deleted. Those are counted and told by kind. All others are
failures, and so is a change of who answers where nothing that carries requests was disturbed. Requests of the workstation's programs have no way
into the cluster while the cable is cut; outside of that they are held to the same.
"""

import argparse
import ctypes
import fcntl
import json
import os
import random
import struct
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "cluster"), HERE]

from app import App, Port  # noqa: E402
from connection import Connection  # noqa: E402
from lab import API, ROOT, Lab  # noqa: E402
from program import Load, Server  # noqa: E402
from shell import Failure, expect, run, wait_until  # noqa: E402
from world import Cluster  # noqa: E402

KINDS = ["cut", "unplug", "bad_cable", "manager", "agent", "throttled", "tokens", "api_restart"]
#: How long everything may take to be as before after a disturbance has ended.
RECOVERY = 60
#: Clocks are one, but what is cut takes a moment to be gone.
MARGIN = 0.5


class ChaosLab(Lab):
    """The lab with a cable that can be bad instead of a perfect one."""

    def __init__(self, binaries, logs, seed):
        super().__init__(binaries, logs)
        self.seed = seed

    def _host_network(self):
        run(["ip", "link", "set", "lo", "up"]).ok()
        ends = [tap("ws0"), tap("eth0")]
        self.cable = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "cable.py"), *map(str, ends), str(self.seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=ends, text=True,
        )  # fmt: skip
        self.processes.append(self.cable)
        for end in ends:
            os.close(end)
        run(["ip", "address", "add", f"{API}/24", "dev", "ws0"]).ok()
        run(["ip", "link", "set", "ws0", "up"]).ok()

    def _internet(self):
        pass  # nobody asks for it here

    def set_cable(self, **settings):
        self.cable.stdin.write(json.dumps(settings) + "\n")
        self.cable.stdin.flush()
        if self.cable.stdout.readline() != "set\n":
            raise Failure("the cable's program has ended")

    def inside(self, make):
        """Runs `make` in a thread that is in the workstation's network, and gives its result."""
        results = []

        def go():
            with open(f"/proc/{self.holder.pid}/ns/net") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            results.append(make())

        thread = threading.Thread(target=go)
        thread.start()
        thread.join()
        if not results:
            raise Failure("nothing can be made in the workstation's network")
        return results[0]


def tap(name):
    """A TAP device of this network; its descriptor, which stays valid when the device moves elsewhere."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x0002 | 0x1000))
    return descriptor


class Window:
    """A disturbance: when it was, which requests it may have cost, and when everything was as before."""

    def __init__(self, kind, apps=None, cuts=False, outbound=False, turns=True):
        self.kind, self.apps, self.cuts, self.outbound, self.turns = kind, apps, cuts, outbound, turns
        self.begin, self.gone, self.end = time.time(), None, None

    def explains(self, app, began, ended):
        """Whether a failed request of the cluster was under way on what this cut."""
        if not self.cuts or (self.apps is not None and app not in self.apps):
            return False
        return began <= (self.gone or self.begin) + MARGIN and ended >= self.begin - MARGIN

    def covers(self, began, ended):
        """Whether a request was made while this lasted."""
        return began <= (self.end or time.time()) + MARGIN and ended >= self.begin - MARGIN


class Chaos:
    """The run: who wants what, what happened, and what came of the requests."""

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.lab = ChaosLab(options.binaries, options.logs, options.seed)
        self.windows, self.timeline, self.counts = [], [], {}
        self.apps, self.users, self.servers = {}, {}, {}
        self.wanted = {}
        self.loads = []
        self.began = time.time()

    def note(self, text):
        self.timeline.append(f"{time.time() - self.began:8.2f} {text}")

    # -- set-up

    def open(self):
        lab = self.lab
        lab.open()
        lab.start_sandbox()
        wrapper = os.path.join(lab.directory, "telepresence")
        with open(wrapper, "w") as file:
            words = " ".join(lab.enter())
            file.write(f'#!/bin/sh\nexec {words} {lab.binary("telepresence")} "$@"\n')
        os.chmod(wrapper, 0o755)
        options = argparse.Namespace(
            kubeconfig=lab.kubeconfig, context="", image="", no_install=False, manager_namespace="", keep=True,
            telepresence=wrapper,
        )  # fmt: skip
        self.cluster = Cluster(options, "chaos", lab.directory)
        self.cluster.open()
        shapes = {
            "one": {"ports": [Port(8080)], "replicas": 2},
            "two": {"ports": [Port(8080, name=None, target="number")], "replicas": 2},
            "three": {"ports": [Port(8080)], "kind": "StatefulSet"},
            "free": {"ports": [Port(8080)], "replicas": 2},
        }
        for name, shape in shapes.items():
            self.apps[name] = App(self.cluster, self.cluster.namespace, name, **shape).create()
        for name in ("alice", "bob"):
            mode = "isolated" if name == "alice" else "host"
            self.users[name] = Connection(self.cluster, os.path.join(lab.directory, name), mode)
            self.users[name].connect().ok()
            self.servers[name] = self.handler(name)
        for app in self.apps.values():
            app.ready()
        for name, user in (("one", "alice"), ("two", "bob"), ("three", "alice")):
            self.attach(name, user)

    def handler(self, name):
        """A server in the workstation's network, where alice's and bob's daemons dial."""
        server = self.lab.inside(lambda: Server(("127.0.0.1", 0), name))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def attach(self, name, user):
        port = self.servers[user].server_address[1]
        self.users[user].intercept(self.apps[name], port=port)
        self.wanted[name] = user
        self.note(f"{user} intercepts {name}")

    def detach(self, name):
        user = self.wanted.pop(name)
        self.users[user].leave(name)
        self.note(f"{user} leaves {name}")

    def start_load(self):
        # By address: what never got past the cluster's resolver was no request that anybody could have answered.
        self.urls = {name: f"http://{app.address()}/" for name, app in self.apps.items()}
        for url in self.urls.values():
            self.cluster.caller.call("/load", url=url, pause=0.03)
        # The workstation's programs: the same client, in its network, through bob's interface.
        program = [sys.executable, os.path.join(HERE, "chaos.py"), "--outbound", self.urls["free"]]
        command = [*self.lab.enter(), *program]
        self.outbound = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lab.processes.append(self.outbound)

    # -- disturbances: each gives its window, and returns when what it did is over

    def cut(self):
        """The cable is cut, silently, for a while."""
        window = self.window("cut", cuts=True, outbound=True)
        self.lab.set_cable(cut=True)
        # No longer under way on this cable: what was sent since.
        time.sleep(self.random.uniform(0.3, 6.0))
        self.lab.set_cable(cut=False)
        return window

    def unplug(self):
        """The workstation's interface goes down and up again: routes go with it."""
        window = self.window("unplug", cuts=True, outbound=True)
        run(["ip", "link", "set", "ws0", "down"]).ok()
        time.sleep(self.random.uniform(0.3, 3.0))
        run(["ip", "link", "set", "ws0", "up"]).ok()
        return window

    def bad_cable(self):
        """Frames come late and out of order, and some not at all."""
        window = self.window("bad cable")
        self.lab.set_cable(
            delay=self.random.uniform(0.01, 0.08), jitter=self.random.uniform(0, 0.03), reorder=0.1, loss=0.005
        )
        time.sleep(self.random.uniform(1, 5))
        self.lab.set_cable(delay=0.0, jitter=0.0, reorder=0.0, loss=0.0)
        return window

    def manager(self):
        """The manager's pod is deleted; its successor knows everything again."""
        window = self.window("manager restart", cuts=True, outbound=True)
        words = ["-n", self.cluster.manager_namespace]
        self.cluster.kubectl(*words, "delete", "pod", "-l", "app=traffic-manager", "--timeout=60s", seconds=70).ok()
        window.gone = time.time()
        self.cluster.await_manager()
        return window

    def agent(self):
        """A pod with an agent is deleted."""
        name = self.random.choice(sorted(self.apps))
        app = self.apps[name]
        window = self.window(f"pod of {name} deleted", apps=[name], cuts=True, outbound=name == "free")
        pods = app.ready_pods()
        replicas = len(pods)
        app.kubectl("delete", "pod", self.random.choice(pods)["metadata"]["name"], "--timeout=60s", seconds=70).ok()
        wait_until(f"{replicas} ready pods of {name}", lambda: len(app.ready_pods()) == replicas, 60, 0.1)
        window.gone = time.time()
        return window

    def throttled(self):
        """The API server answers many requests with 429."""
        window = self.window("API server says 429", turns=False)
        self.fault("--throttle", "0.7", "--retry-after", "1", "--only", "system:serviceaccount", "--only", "telepresence")
        time.sleep(self.random.uniform(2, 6))
        run(self.fault_words("clear")).ok()
        return window

    def api_restart(self):
        """The API server restarts: every port-forward and watch ends."""
        window = self.window("API server restart", cuts=True, outbound=True)
        self.fault("--restart-api", "--downtime", "500")
        wait_until("the API server's answer", lambda: self.cluster.kubectl("get", "--raw", "/readyz").code == 0, 60)
        window.gone = time.time()
        return window

    def tokens(self):
        """Every service account token issued so far is invalid at once."""
        window = self.window("tokens expired", turns=False)
        self.fault("--expire-tokens", "--cut-watches")
        return window

    def fault_words(self, *words):
        state = os.path.join(self.lab.directory, "sandbox")
        return [self.lab.binary("sandbox"), "fault", *words, "--state", state]

    def fault(self, *words):
        run(self.fault_words(*words)).ok()

    def window(self, kind, **options):
        window = Window(kind, **options)
        self.windows.append(window)
        self.note(kind)
        return window

    # -- the run

    def run(self, seconds):
        kinds = [getattr(self, name) for name in self.options.kinds]
        deadline = time.monotonic() + seconds
        order = []
        while time.monotonic() < deadline:
            if not order:
                order = list(kinds)
                self.random.shuffle(order)
            disturb = order.pop()
            self.counts[disturb.__name__] = self.counts.get(disturb.__name__, 0) + 1
            window = disturb()
            self.recover(window)
            time.sleep(self.random.uniform(0.2, 1.0))
            if self.random.random() < 0.4:
                self.change()

    def recover(self, window):
        """Waits until everybody answers whom the owners want to answer, and the workstation reaches the cluster."""
        began = time.time()
        for name, app in self.apps.items():
            app.answered_by(self.wanted.get(name, "app"), RECOVERY)
        for user in self.users.values():
            wait_until(f"{user.mode} mode's way into the cluster", lambda user=user: self.reaches(user), RECOVERY, 0.1)
        window.end = time.time()
        self.note(f"recovered from {window.kind} {window.end - began:.2f} s after its end")

    def reaches(self, user):
        words = ["--max-time", "3", "-sS", "-o", "/dev/null", f"http://{self.apps['free'].host}/"]
        if user.isolated:
            return user.tp("exec", "--", "curl", *words, seconds=20).code == 0
        return self.lab.ws("curl", *words, env=user.env).code == 0

    def change(self):
        """An owner leaves a workload, or takes one; the requests meanwhile may be answered by either."""
        name = self.random.choice(sorted(self.apps))
        window = Window("change")
        self.windows.append(window)
        if name in self.wanted:
            self.detach(name)
        else:
            self.attach(name, self.random.choice(sorted(self.users)))
        self.apps[name].answered_by(self.wanted.get(name, "app"), 10)
        window.end = time.time()

    # -- the judgement

    def judge(self):
        """Everything as wanted, and every lost request explained."""
        for name, user in self.users.items():
            held = {one["name"]: one["state"] for one in user.attachments()}
            wanted = {app: "ACTIVE" for app, owner in self.wanted.items() if owner == name}
            expect(held == wanted, f"{name} wants {wanted} and has {held}")
        listed = json.loads(self.users["alice"].tp("list", "--format", "json").ok().out)
        for one in listed:
            if one["name"] in self.apps:
                expect(bool(one["attachments"]) == (one["name"] in self.wanted), f"list tells {one}")
        reports = self.cluster.caller.call("/load/stop")
        sums, explained, lost = {"asked": 0, "by": {}}, {}, []
        for name, url in self.urls.items():
            report = reports[url]
            sums["asked"] += report["asked"]
            for by, count in report["by"].items():
                sums["by"][by] = sums["by"].get(by, 0) + count
            for at, seconds, error in report["failed"]:
                window = next((one for one in self.windows if one.explains(name, at, at + seconds)), None)
                if window:
                    explained[window.kind] = explained.get(window.kind, 0) + 1
                else:
                    lost.append(f"{at - self.began:.2f} {name}: {error} after {seconds} s")
            for at, by in report["turns"][1:]:
                if not any(window.turns and window.covers(at, at) for window in self.windows):
                    lost.append(f"{at - self.began:.2f} {name}: answered by {by} while nothing was disturbed")
        self.outbound.stdin.close()
        outbound = json.loads(self.outbound.stdout.readline())
        self.outbound.wait(20)
        away = 0
        for at, seconds, error in outbound["failed"]:
            if any(window.outbound and window.covers(at, at + seconds) for window in self.windows):
                away += 1
            else:
                lost.append(f"{at - self.began:.2f} from the workstation: {error} after {seconds} s")
        self.summary = {
            "requests": sums["asked"],
            "answered by": sums["by"],
            "lost in flight on what was cut": explained,
            "from the workstation": outbound["asked"],
            "without a way into the cluster": away,
        }
        expect(sums["asked"] > 0 and outbound["asked"] > 0, f"there was load: {self.summary}")
        expect(not lost, f"{len(lost)} requests were lost that could have been answered:\n  " + "\n  ".join(lost[:40]))

    def close(self):
        for user in self.users.values():
            try:
                user.close()
            except (Failure, OSError) as error:
                self.note(f"quit: {error}")
        try:
            with open(os.path.join(self.lab.logs, "manager.log"), "w") as file:
                file.write(self.cluster.manager_log(2000))
        except (Failure, OSError, AttributeError):
            pass  # it never came so far
        for name, user in self.users.items():
            logs = os.path.join(user.directory, "logs")
            if os.path.isdir(logs):
                run(["cp", "-r", logs, os.path.join(self.lab.logs, name)])
        if hasattr(self, "cluster"):
            self.cluster.caller.close()
        self.lab.close()


def outbound(url):
    """The load of the workstation's programs, until standard input ends."""
    load = Load(url, 0.05, 5)
    sys.stdin.read()
    print(json.dumps(load.stop()), flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(prog="scripts/e2e --sandbox --chaos")
    parser.add_argument("seconds", nargs="?", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--binaries", type=os.path.abspath, default=os.path.join(ROOT, ".build", "debug"))
    parser.add_argument("--logs", type=os.path.abspath, default=os.path.join(ROOT, ".build", "e2e-logs"))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="only these disturbances")
    parser.add_argument("--outbound", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.outbound:
        return outbound(options.outbound)
    options.logs = os.path.join(options.logs, "chaos")
    print(f"chaos: seed {options.seed}", flush=True)
    chaos = Chaos(options)
    began = time.monotonic()
    message, status = "", 0
    try:
        chaos.open()
        chaos.start_load()
        chaos.run(options.seconds)
        chaos.judge()
    except Failure as error:
        message, status = f": {error}", 1
    except Exception:
        message, status = f": {traceback.format_exc()}", 1
    finally:
        chaos.close()
    took = time.monotonic() - began
    print(f"{'FAIL' if status else 'ok  '} chaos ({took:.0f} s){message}", flush=True)
    counts = ", ".join(f"{name} {count}" for name, count in sorted(chaos.counts.items()))
    print(f"disturbances: {counts}; seed {options.seed}")
    if hasattr(chaos, "summary"):
        for key, value in chaos.summary.items():
            print(f"{key}: {json.dumps(value) if isinstance(value, dict) else value}")
    if status:
        print("timeline, seconds from the beginning:")
        print("\n".join(chaos.timeline))
        print(f"logs: {options.logs}")
    return status


if __name__ == "__main__":
    sys.exit(main())
