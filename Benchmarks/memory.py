"""Memory of the idle programs: resident, and the part that no file backs.

With --against DIR (where another build of `traffic` is) manager and agent run a second time from that, in the same lab.
"""

import os
import time

import processes
from lab import Failure, wait_until

NAME = "memory"
#: Seconds after which a program is idle: some give memory back then.
IDLE = 25
#: MiB, of section 8 of the design.
BUDGET = {"agent": 15, "manager": 25, "userd": 25, "rootd": 15}


def run(lab, report, load, count):
    environment = lab.environment("memory")
    report.heading(NAME, "idle programs, after an intercept was made and left")
    try:
        settle(lab, environment)
        own = {role: measured(role) for role in BUDGET}
        other = {}
        if lab.other:
            replace(lab)
            settle(lab, environment)
            other = {role: measured(role) for role in ("agent", "manager")}
        for role, values in own.items():
            theirs = other.get(role, {})
            for name, value in values.items():
                unit = "" if name == "threads" else "MiB"
                report.row(NAME, f"{name}-{role}", value, unit, "the other" if theirs else None, theirs.get(name))
            report.row(NAME, f"rss-{role}", values["rss"], "MiB", "the budget", BUDGET[role])
    finally:
        lab.tp("quit", "-s", seconds=20, env=environment)


def settle(lab, environment):
    """All four programs run, have done their work once, and are idle."""
    lab.tp("connect", env=environment).ok()
    lab.tp("intercept", "backend", "--port", "8099", env=environment).ok()
    lab.tp("leave", "backend", env=environment).ok()
    time.sleep(IDLE)


def measured(role):
    pids = wait_until(f"the {role}", lambda: processes.find()[role], 20)
    return processes.memory(pids[0])


def replace(lab):
    """Manager and agents run from the other image from now on."""
    image = "other/traffic:dev"
    words = ["-n", "ambassador", "set"]
    target = ["deployment/traffic-manager"]
    lab.kubectl(*words, "image", *target, f"traffic-manager={image}").ok()
    lab.kubectl(*words, "env", *target, f"TELEPRESENCE_AGENT_IMAGE={image}").ok()
    lab.kubectl("-n", "ambassador", "rollout", "status", *target, "--timeout=60s").ok()
    lab.kubectl("rollout", "restart", "deployment/backend").ok()
    lab.kubectl("rollout", "status", "deployment/backend", "--timeout=60s").ok()

    def replaced():
        programs = {os.readlink(f"/proc/{pid}/exe") for role in ("agent", "manager") for pid in processes.find()[role]}
        return programs <= {os.path.realpath(os.path.join(lab.other, "traffic"))}

    wait_until("the other programs", replaced, 20)
    lab.tp("quit", env=lab.environment("memory"))


def check(path):
    """The directory must hold a program."""
    if not os.access(os.path.join(path, "traffic"), os.X_OK):
        raise Failure(f"--against {path}: there is no program traffic in it")
