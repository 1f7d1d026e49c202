"""The whole path: VIF, user daemon, port-forward, manager, pod.

Beside it, to the same pod: `kubectl port-forward`, and a plain TCP relay. All three are measured in turn in each round,
and medians are compared, so that what else the machine does falls on all of them.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import time

import processes
from lab import API, Failure, wait_until

NAME = "path"
ECHO, BULK = 7000, 7002

#: Case, command of bench-load, port, connections, unit.
CASES = [
    ("bulk-up", "up", BULK, 1, "Mbit/s"),
    ("bulk-down", "down", BULK, 1, "Mbit/s"),
    ("bulk-up-8", "up", BULK, 8, "Mbit/s"),
    ("bulk-down-8", "down", BULK, 8, "Mbit/s"),
    ("ping-p50", "ping", ECHO, 1, "us"),
    ("connect-rate", "connect", ECHO, 8, "1/s"),
]


def run(lab, report, load, count):
    pod, address = echo_pod(lab)
    environment = lab.environment("bench")
    started = []
    try:
        relay = start_relay(lab, load, address, started)
        forward = start_forward(lab, pod, started)
        began = time.monotonic()
        lab.tp("connect", env=environment).ok()
        connected = time.monotonic() - began
        targets = {"telepresence": lambda port: f"{address}:{port}", "port-forward": forward.get, "relay": relay.get}
        memory = {role: processes.rss(pids) for role, pids in processes.find().items()}
        values, costs = measure(lab, load, targets, environment, count)
        print_all(report, values, costs, memory, connected)
        agent(lab, report, environment)
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
            process.wait()
        # What went wrong before, if anything, matters more than how this ends: the lab takes everything down.
        try:
            lab.tp("quit", "-s", seconds=20, env=environment)
        except Failure as failure:
            print(failure, file=sys.stderr)


def measure(lab, load, targets, environment, count):
    """All cases on all paths, in turn; the values of each, and processor seconds per GB of our own path."""
    values, costs = {}, {}
    for number in range(count):
        for case, command, port, connections, _ in CASES:
            for path, target in targets.items():
                pids = processes.find()
                before = {role: processes.cpu(found) for role, found in pids.items()}
                result = one(lab, load, command, target(port), connections, environment)
                values.setdefault((case, path), []).append(result["value"])
                if path == "telepresence" and command in ("up", "down") and connections == 1:
                    for role, found in pids.items():
                        used = processes.cpu(found) - before[role]
                        costs.setdefault((role, command), []).append(used / (result["bytes"] / 1e9))
        print(f"round {number + 1} of {count} done", file=sys.stderr, flush=True)
    medians = {key: statistics.median(found) for key, found in values.items()}
    return medians, {key: statistics.median(found) for key, found in costs.items()}


def one(lab, load, command, target, connections, environment):
    """One measurement by bench-load at the workstation."""
    result = lab.ws(load, command, target, str(connections), seconds=90, env=environment).ok().json()
    if command in ("up", "down"):
        result["value"] = result["bytes"] * 8 / result["seconds"] / 1e6
    elif command == "ping":
        result["value"] = result["p50"]
    else:
        result["value"] = result["count"] / result["seconds"]
    if result["failed"]:
        print(f"{command} to {target}: {result['failed']} connections failed", file=sys.stderr)
    if not result["value"]:
        raise Failure(f"{command} to {target} carried nothing: {result}")
    return result


def print_all(report, values, costs, memory, connected):
    report.heading(NAME, "VIF, user daemon, port-forward, manager, pod")
    for case, _, _, _, unit in CASES:
        for other in ("port-forward", "relay"):
            report.row(NAME, case, values[case, "telepresence"], unit, other, values[case, other])
    for (role, command), value in costs.items():
        if value:
            report.row(NAME, f"cpu-{role}-{command}", value, "s/GB")
    for role in ("userd", "rootd", "manager"):
        report.row(NAME, f"rss-idle-{role}", memory[role], "MiB")
    for role, pids in processes.find().items():
        if role in ("userd", "rootd", "manager"):
            report.row(NAME, f"rss-load-{role}", processes.rss(pids), "MiB")
    report.row(NAME, "connect", connected, "s")


def agent(lab, report, environment):
    """Memory of an agent, which is in a pod only once something was intercepted."""
    lab.tp("intercept", "backend", "--port", "8099", env=environment).ok()
    pids = wait_until("an agent", lambda: processes.find()["agent"], 20)
    report.row(NAME, "rss-idle-agent", processes.rss(pids[:1]), "MiB")
    lab.tp("leave", "backend", env=environment).ok()


def echo_pod(lab):
    words = ["get", "pods", "-l", "app=echo", "-o", "json"]
    pods = [pod for pod in lab.kubectl(*words).ok().json()["items"] if pod["status"].get("podIP")]
    if not pods:
        raise Failure("the sample app has no echo pod")
    return pods[0]["metadata"]["name"], pods[0]["status"]["podIP"]


def echo_process():
    """The process of the echo pod, whose network namespace the relay dials from."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if b"\0sample-echo\0" in file.read():
                    return entry
        except OSError:
            pass
    raise Failure("no process of the echo pod is to be seen")


def start_relay(lab, load, address, started):
    """A relay from an address that the workstation reaches into the pod; the address for each port."""
    namespace = f"/proc/{echo_process()}/ns/net"
    targets = {}
    for port in (ECHO, BULK):
        listener = socket.create_server((API, 0), backlog=1024)
        number = listener.fileno()
        command = ["nsenter", f"--net={namespace}", load, "relay", str(number), f"{address}:{port}"]
        started.append(subprocess.Popen(command, pass_fds=[number]))
        targets[port] = f"{API}:{listener.getsockname()[1]}"
        listener.close()
    return targets


def start_forward(lab, pod, started):
    """kubectl port-forward at the workstation; the address for each port."""
    local = {ECHO: 17000, BULK: 17002}
    words = ["kubectl", "--kubeconfig", lab.kubeconfig, "port-forward", f"pod/{pod}"]
    words += [f"{near}:{far}" for far, near in local.items()]
    process = subprocess.Popen([*lab.enter(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started.append(process)

    def listens():
        script = "import socket; [socket.create_connection(('127.0.0.1', p), 1).close() for p in (17000, 17002)]"
        return lab.ws("python3", "-c", script).code == 0

    wait_until("kubectl port-forward", listens, 15)
    return {far: f"127.0.0.1:{near}" for far, near in local.items()}
