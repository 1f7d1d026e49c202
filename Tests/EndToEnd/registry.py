"""The registry: attachments outlast managers, pods and links, and make way for whom they must."""

import os
import re
import signal

from intercept import answered_by, ask, start_handler
from lab import wait_until
from modes import Mode, expect


def attachments(mode):
    return mode.tp("status", "--format", "json").ok().json()["attachments"]


def pods(lab, app, namespace="default"):
    """The names of the pods of an app that are not on their way out."""
    text = lab.kubectl(
        "-n", namespace, "get", "pods", "-l", f"app={app}",
        "-o", "jsonpath={range .items[*]}{.metadata.name} {.metadata.deletionTimestamp}{\"\\n\"}{end}",
    ).ok().out
    return [line.split()[0] for line in text.splitlines() if len(line.split()) == 1]


def scale(lab, count):
    lab.kubectl("scale", "deployment/backend", f"--replicas={count}").ok()
    wait_until(f"{count} pods", lambda: len(pods(lab, "backend")) == count, 60)
    lab.kubectl("rollout", "status", "deployment/backend", "--timeout=60s").ok()


def scenario_manager_deleted(lab):
    """The manager's pod is deleted: the intercept is there again by itself, under the same id, with the same pod."""
    with Mode(lab, False) as mode:
        handler = start_handler(lab, mode, 8090)
        mode.tp("intercept", "backend", "--port", "8090").ok()
        answered_by(lab, mode, "workstation")
        before, pod = attachments(mode)[0], pods(lab, "backend")
        manager = pods(lab, "traffic-manager", "ambassador")
        lab.kubectl("-n", "ambassador", "delete", "pod", *manager, "--wait=false").ok()
        wait_until("a new manager", lambda: pods(lab, "traffic-manager", "ambassador") not in ([], manager), 60)

        def again():
            now = attachments(mode)
            return now and now[0]["state"] == "ACTIVE" and mode.tp("list").ok().out.count("intercepted") == 1

        wait_until("the intercept", again, 40)
        answered_by(lab, mode, "workstation", 20)
        after = attachments(mode)
        expect([one["id"] for one in after] == [before["id"]], f"{after}, before it was {before}")
        expect(pods(lab, "backend") == pod, "the app's pod was not replaced")
        mode.tp("leave", "backend").ok()
        answered_by(lab, mode, "backend")
        handler.kill()


def scenario_replicas(lab):
    """Two replicas, one deleted: the workstation goes on answering, and the new pod's requests are its own, too."""
    with Mode(lab, False) as mode:
        scale(lab, 2)
        try:
            handler = start_handler(lab, mode, 8091)
            mode.tp("intercept", "backend", "--port", "8091").ok()
            first = pods(lab, "backend")
            lab.kubectl("delete", "pod", first[0], "--wait=false").ok()
            wait_until("the successor", lambda: first[0] not in pods(lab, "backend") and len(pods(lab, "backend")) == 2, 60)
            lab.kubectl("rollout", "status", "deployment/backend", "--timeout=60s").ok()
            for _ in range(20):
                expect("workstation" in ask(lab, mode), "every pod's requests are answered here")
            expect(attachments(mode)[0]["state"] == "ACTIVE", attachments(mode))
            mode.tp("leave", "backend").ok()
            handler.kill()
        finally:
            scale(lab, 1)


def scenario_scaled_to_zero(lab):
    """Scaled to zero the intercept waits; scaled up again, the first request is answered here."""
    with Mode(lab, False) as mode:
        handler = start_handler(lab, mode, 8092)
        mode.tp("intercept", "backend", "--port", "8092").ok()
        answered_by(lab, mode, "workstation")
        try:
            scale(lab, 0)
            wait_until("no agent", lambda: attachments(mode)[0]["state"] != "ACTIVE", 20)
        finally:
            scale(lab, 1)
        answered_by(lab, mode, "workstation", 15)
        wait_until("ACTIVE", lambda: attachments(mode)[0]["state"] == "ACTIVE", 20)
        mode.tp("leave", "backend").ok()
        handler.kill()


def scenario_takeover(lab):
    """What a killed daemon held is its user's again at once, and nobody else's."""
    mode, other = Mode(lab, False), Mode(lab, True)
    mode.connect().ok()
    handler = start_handler(lab, mode, 8093)
    mode.tp("intercept", "backend", "--port", "8093").ok()
    os.kill(mode.tp("status", "--format", "json").ok().json()["user_daemon"]["pid"], signal.SIGKILL)
    with other:
        other.tp("intercept", "backend", "--port", "8094").failed("already intercepted by")
    mode.connect().ok()
    mode.tp("intercept", "backend", "--port", "8093").ok()
    answered_by(lab, mode, "workstation")
    mode.tp("leave", "backend").ok()
    mode.quit().ok()
    handler.kill()


def scenario_revoke(lab):
    """An administrator ends another's intercept; its owner is told by whom, and the port is free."""
    with Mode(lab, False) as owner, Mode(lab, True) as other:
        handler = start_handler(lab, owner, 8095)
        owner.tp("intercept", "backend", "--port", "8095").ok()
        refused = other.tp("intercept", "backend", "--port", "8096").failed("already intercepted by")
        found = re.search(r"intercepted by (.+@\S+) as backend", refused.err + refused.out)
        expect(found, refused)
        other.tp("revoke", f"{found[1]}:nothing").failed("it has: backend")
        other.tp("revoke", f"{found[1]}:backend").ok()
        wait_until("the owner's notice", lambda: not attachments(owner), 20)
        status = owner.tp("status", "--format", "json").ok().json()
        expect("revoked by" in status["user_daemon"].get("error", ""), status)
        local = start_handler(lab, other, 8096)
        other.tp("intercept", "backend", "--port", "8096").ok()
        other.tp("leave", "backend").ok()
        local.kill()
        handler.kill()
