"""The registry: one manager, 1,000 workstations and 20,000 agents, each with TLS links of its own on loopback.

Everything is measured with half of the participants first and with all of them then: a change concerns one workload of
ten pods both times, so that its cost must not differ. `against` names that half.
"""

import contextlib
import json
import os
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


class Side:
    """One of the two programs of bench-registry."""

    def __init__(self, program, side, directory, port):
        self.process = subprocess.Popen(
            [program, side, directory, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"bench-registry ended with {self.process.wait()}")
        return line

    @property
    def pids(self):
        return [self.process.pid]

    def kill(self):
        self.process.kill()
        self.process.wait()


def run(program, report, workstations, agents, rounds):
    if workstations * PODS >= agents:
        raise Failure(f"{workstations} workstations need more than {workstations * PODS} agents: each has its own workload")
    with contextlib.suppress(OSError), open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
        file.write("1024 65535")
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        port = free_port()
        manager = start(program, directory, port, stack)
        crowd = Side(program, "crowd", directory, port)
        stack.callback(crowd.kill)
        empty = processes.rss(manager.pids)
        half = measure(manager, crowd, workstations // 2, agents // 2, rounds)
        say(f"half: {json.dumps(half)}")
        full = measure(manager, crowd, workstations, agents, rounds)
        say(f"full: {json.dumps(full)}")
        # Of the rest, what is in the manager is gone at once.
        crowd.ask("reset")
        began = time.monotonic()
        manager.kill()
        manager = start(program, directory, port, stack)
        up = time.monotonic() - began
        recovery = crowd.ask("recovered")
        say(f"recovery: {json.dumps(recovery)}")
        links = agents + 2 * (workstations + 1)
        report.heading(NAME, f"{workstations} workstations, {agents} agents, {links} links, against half of them")
        row(report, half, full, "rss", "MiB")
        report.row(NAME, "rss-per-link", (full["rss"] - empty) * 1024 / links, "KiB")
        for case in ("attach-told-p50", "attach-told-p99", "attach-answered-p50", "detach-told-p50", "detach-told-p99"):
            row(report, half, full, case, "us")
        row(report, half, full, "cpu-per-change", "us")
        row(report, half, full, "idle-cpu", "%")
        report.row(NAME, "restart-up", up, "s")
        report.row(NAME, "recover-agents", up + recovery["agents"], "s")
        report.row(NAME, "recover-all", up + recovery["attachments"], "s")
        report.row(NAME, "recovered-ids", workstations - recovery["different"], "same", "held", workstations)


def row(report, half, full, case, unit):
    report.row(NAME, case, full[case], unit, "half", half[case])


def measure(manager, crowd, workstations, agents, rounds):
    """Brings so many participants, and takes the figures."""
    joined = crowd.ask("agents", agents, PODS)["seconds"]
    attached = crowd.ask("workstations", workstations)["seconds"]
    say(f"{agents} agents joined in {joined:.1f} s, {workstations} workstations attached in {attached:.1f} s")
    crowd.ask("changes", CHANGES // 10)
    values = {"rss": processes.rss(manager.pids)}
    before, began = processes.cpu(manager.pids), time.monotonic()
    time.sleep(IDLE)
    idle = (processes.cpu(manager.pids) - before) / (time.monotonic() - began)
    values["idle-cpu"] = idle * 100
    found = []
    for _ in range(rounds):
        before, began = processes.cpu(manager.pids), time.monotonic()
        result = crowd.ask("changes", CHANGES)
        used = processes.cpu(manager.pids) - before - idle * (time.monotonic() - began)
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
