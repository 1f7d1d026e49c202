"""Nothing stays behind: after quit, and after any daemon is killed."""

import os
import signal

from lab import wait_until
from modes import Mode, expect


def pids(mode):
    status = mode.tp("status", "--format", "json").ok().json()
    return status["user_daemon"].get("pid"), status["root_daemon"].get("pid")


def scenario_quit(lab):
    """After `quit` and after `quit -s` the workstation is as before."""
    for isolated in (False, True):
        before = lab.snapshot()
        mode = Mode(lab, isolated)
        mode.connect().ok()
        mode.curl("http://backend.default/").ok()
        mode.tp("quit").ok()
        lab.same_as(before, f"{mode.name} quit")
        mode.quit().ok()
        lab.same_as(before, f"{mode.name} quit -s")


def scenario_kill_userd(lab):
    """After `kill -9` of the user daemon the workstation is as before, and one can connect again."""
    for isolated in (False, True):
        before = lab.snapshot()
        mode = Mode(lab, isolated)
        mode.connect().ok()
        mode.curl("http://backend.default/").ok()
        os.kill(host_pid(lab, pids(mode)[0]), signal.SIGKILL)
        lab.same_as(before, f"{mode.name}: kill -9 of the user daemon")
        with mode:
            mode.curl("http://backend.default/").ok()
        lab.same_as(before, f"{mode.name}: quit after the kill")


def scenario_kill_rootd(lab):
    """After `kill -9` of the root daemon the workstation is as before, and one can connect again."""
    before = lab.snapshot()
    mode = Mode(lab, False)
    mode.connect().ok()
    mode.curl("http://backend.default/").ok()
    os.kill(host_pid(lab, pids(mode)[1]), signal.SIGKILL)
    lab.same_as(before, "kill -9 of the root daemon")
    wait_until(
        "the user daemon's notice",
        lambda: mode.tp("status", "--format", "json").ok().json()["user_daemon"]["status"] == "disconnected",
        10,
    )
    with mode:
        mode.curl("http://backend.default/").ok()
    lab.same_as(before, "quit after the kill")


def scenario_sigterm(lab):
    """SIGTERM to either daemon undoes everything as well."""
    for which in (0, 1):
        before = lab.snapshot()
        mode = Mode(lab, False)
        mode.connect().ok()
        os.kill(host_pid(lab, pids(mode)[which]), signal.SIGTERM)
        lab.same_as(before, f"SIGTERM to {('the user daemon', 'the root daemon')[which]}")
        mode.quit().ok()


def scenario_twice(lab):
    """A second connect says so, and changes nothing."""
    with Mode(lab, False) as mode:
        present = lab.snapshot()
        result = mode.connect().ok()
        expect("already connected" in result.out.lower(), result)
        mode.tp("connect", "--namespace", "kube-system").failed("already connected", "quit")
        lab.same_as(present, "a second connect")


def host_pid(lab, pid):
    """Daemons share the runner's process namespace, so their own number is ours."""
    expect(pid, "the daemon's pid is in the status")
    return pid
