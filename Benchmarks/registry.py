"""The registry: one manager, 1,000 workstations and 20,000 agents, each with TLS links of its own on loopback.

Everything is measured with half of the participants first and with all of them then: a change concerns one workload of
ten pods both times, so that its cost must not differ. `against` names that half. A process may only have so many
descriptors, and the manager needs one for each link: where the system permits fewer, there are as many agents as fit.
"""

import contextlib
import json
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import processes
from lab import Failure

NAME = "registry"
#: Agents of one workload.
PODS = 10
#: Attach and detach, so often.
CHANGES = 100
#: Seconds for which the manager is left alone, to know what it costs to be there.
IDLE = 5.0
#: Descriptors that the manager needs for other things than links, and those that it leaves free.
SPARE = 100
#: Seconds after which a phase has failed.
PATIENCE = 300


class Side:
    """One of the two programs of bench-registry."""

    def __init__(self, program, side, directory, port):
        self.name = side
        #: How many it has, for the manager.
        self.links = 0
        self.log = open(os.path.join(directory, f"{side}-{time.monotonic()}.log"), "w+")
        self.process = subprocess.Popen(
            [program, side, directory, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            bufsize=0,
        )

    def ask(self, other, *words):
        """Asks, while `other` has to stay alive."""
        self.process.stdin.write((" ".join(str(word) for word in words) + "\n").encode())
        return json.loads(self.line(other))

    def line(self, other=None):
        end, text = time.monotonic() + PATIENCE, b""
        while not text.endswith(b"\n"):
            for side in filter(None, (self, other)):
                if side.process.poll() is not None:
                    raise Failure(f"the {side.name} ended with {side.process.returncode}:\n{side.last_words()}")
            if time.monotonic() > end:
                raise Failure(f"the {self.name} has not answered for {PATIENCE} s:\n{self.last_words()}")
            if select.select([self.process.stdout], [], [], 1)[0]:
                text += os.read(self.process.stdout.fileno(), 4096)
        return text

    def last_words(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as file:
            return "".join(line for line in file.readlines()[-2000:] if " info " not in line)[-2000:]

    @property
    def cpu(self):
        return processes.cpu([self.process.pid])

    @property
    def rss(self):
        return processes.rss([self.process.pid])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def run(program, report, workstations, agents, rounds):
    wanted = agents
    agents = fitting(workstations, agents)
    if workstations * PODS >= agents:
        raise Failure(f"{workstations} workstations need more than {workstations * PODS} agents: each has its own workload")
    with contextlib.suppress(OSError), open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
        file.write("1024 65535")
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        port = free_port()
        manager = start(program, directory, port, stack)
        crowd = Side(program, "crowd", directory, port)
        stack.callback(crowd.kill)
        empty = manager.rss
        half = measure(manager, crowd, workstations // 2, agents // 2, rounds)
        say(f"half: {json.dumps(half)}")
        full = measure(manager, crowd, workstations, agents, rounds)
        say(f"full: {json.dumps(full)}")
        # What a manager knows is gone with it; the participants bring it to the next one.
        crowd.ask(manager, "reset")
        crowd_before, began = crowd.cpu, time.monotonic()
        manager.kill()
        manager = start(program, directory, port, stack)
        up = time.monotonic() - began
        recovery = crowd.ask(manager, "recovered")
        recovery["cpu"], recovery["crowd-cpu"] = manager.cpu, crowd.cpu - crowd_before
        say(f"recovery: {json.dumps(recovery)}")
        links = agents + 2 * (workstations + 1)
        text = f"{workstations} workstations, {agents} agents, {links} links, {os.cpu_count()} processors, against half of them"
        report.heading(NAME, text)
        if agents < wanted and not report.as_json:
            print(f"(not {wanted} agents: the system permits a process no more than {limit()} descriptors)")
        report.row(NAME, "workstations", workstations, "")
        report.row(NAME, "agents", agents, "")
        row(report, half, full, "rss", "MiB")
        report.row(NAME, "rss-per-link", (full["rss"] - empty) * 1024 / links, "KiB")
        for case in ("attach-told-p50", "attach-told-p99", "attach-answered-p50", "detach-told-p50", "detach-told-p99"):
            row(report, half, full, case, "us")
        row(report, half, full, "cpu-per-change", "us")
        row(report, half, full, "idle-cpu-per-link", "us/s")
        row(report, half, full, "join-cpu-per-link", "us")
        report.row(NAME, "restart-up", up, "s")
        report.row(NAME, "recover-agents", up + recovery["agents"], "s")
        report.row(NAME, "recover-all", up + recovery["attachments"], "s")
        report.row(NAME, "recover-cpu-manager", recovery["cpu"], "s")
        report.row(NAME, "recover-cpu-crowd", recovery["crowd-cpu"], "s")
        report.row(NAME, "recovered-ids", workstations - recovery["different"], "same", "held", workstations)


def limit():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def fitting(workstations, agents):
    """So many agents, or as many as there can be links."""
    if limit() == resource.RLIM_INFINITY:
        return agents
    return min(agents, (limit() - SPARE - 2 * (workstations + 1)) // (2 * PODS) * 2 * PODS)


def row(report, half, full, case, unit):
    report.row(NAME, case, full[case], unit, "half", half[case])


def measure(manager, crowd, workstations, agents, rounds):
    """Brings so many participants, and takes the figures."""
    before = manager.cpu
    links = agents + 2 * (workstations + 1)
    joined = crowd.ask(manager, "agents", agents, PODS)["seconds"]
    attached = crowd.ask(manager, "workstations", workstations)["seconds"]
    say(f"{agents} agents joined in {joined:.1f} s, {workstations} workstations attached in {attached:.1f} s")
    # Of the second half, only what is new has joined.
    new = links - manager.links
    manager.links = links
    values = {"join-cpu-per-link": (manager.cpu - before) / new * 1e6}
    crowd.ask(manager, "changes", CHANGES // 10)
    values["rss"] = manager.rss
    before, began = manager.cpu, time.monotonic()
    time.sleep(IDLE)
    idle = (manager.cpu - before) / (time.monotonic() - began)
    values["idle-cpu-per-link"] = idle / links * 1e6
    found = []
    for _ in range(rounds):
        before, began = manager.cpu, time.monotonic()
        result = crowd.ask(manager, "changes", CHANGES)
        used = manager.cpu - before - idle * (time.monotonic() - began)
        result["cpu-per-change"] = max(used, 0.0) / (2 * CHANGES) * 1e6
        found.append(result)
    for case in found[0]:
        values[case] = statistics.median(result[case] for result in found)
    return values


def start(program, directory, port, stack):
    manager = Side(program, "manager", directory, port)
    stack.callback(manager.kill)
    manager.line()
    return manager


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def say(text):
    print(text, file=sys.stderr, flush=True)
