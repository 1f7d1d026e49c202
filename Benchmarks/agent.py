"""The traffic agent's pass-through, next to an HAProxy sidecar that does the same.

In front of one nginx: nothing, HAProxy in HTTP mode, and the real agent, which the real manager has told of an attachment for some
ports. All of them have one thread. What is measured is asked of all in many short turns, the other way round in every second, and
medians are compared, so that what else the machine does falls on all of them.

    wrk, h2load ─┬────────────────────► nginx (plain and filtered, HTTP/1.1 and HTTP/2 without TLS)
                 ├─► HAProxy ─────────► nginx
                 └─► agent ───────────► nginx
                       └── manager ── a workstation that wants what has the header `x-user: me`: nothing of it is asked here
"""

import contextlib
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

import processes
from lab import Failure, wait_until
from registry import Side, free_port, say

NAME = "agent"
PROGRAMS = {"haproxy": "haproxy", "nginx": "nginx-light", "wrk": "wrk", "h2load": "nghttp2-client"}
#: Seconds of one measurement, and connections of the drivers.
SECONDS = 1
#: Measurements of each case in a round.
TURNS = 3
CONNECTIONS = 32
#: Requests at a time on one connection of HTTP/2.
STREAMS = 8
#: The app's ports; the manager of the benchmark knows the filtered ones. An agent has one more for each, beginning here.
PORTS = {"plain": 8090, "plain-h2": 8091, "filtered": 8080, "filtered-h2": 8081}
AGENT_PORTS = 9900
HEADER, VALUE = "x-user", "me"

#: Case, kind of driver, port.
CASES = [
    ("requests", "wrk", "plain"),
    ("requests-filtered", "wrk", "filtered"),
    ("requests-h2load", "h1", "plain"),
    ("requests-filtered-h2load", "h1", "filtered"),
    ("requests-h2c", "h2c", "plain-h2"),
    ("requests-filtered-h2c", "h2c", "filtered-h2"),
    ("connections", "close", "plain"),
    ("connections-filtered", "close", "filtered"),
]


def run(binaries, program, report, rounds):
    missing = [package for program, package in PROGRAMS.items() if not which(program)]
    if missing:
        raise Failure(f"the benchmark needs packages that are not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        nginx = start_nginx(directory, stack)
        haproxy, haproxy_ports = start_haproxy(directory, stack)
        agent, crowd = start_agent(binaries, program, directory, stack)
        targets = {
            "direct": PORTS,
            "haproxy": haproxy_ports,
            "agent": {name: AGENT_PORTS + number for number, name in enumerate(PORTS)},
        }
        pids = {"direct": nginx, "haproxy": haproxy, "agent": agent}
        idle = {name: processes.rss([pids[name]]) for name in ("haproxy", "agent")}
        check(targets, crowd)
        values, costs = measure(targets, pids, rounds)
        text = f"{CONNECTIONS} connections, {os.cpu_count()} processors, one thread each, medians of {rounds * TURNS}"
        report.heading(NAME, text)
        for case, _, _ in CASES:
            ours = values[case, "agent"]
            report.row(NAME, case, ours, "1/s", "haproxy", values[case, "haproxy"])
            report.row(NAME, case, ours, "1/s", "direct", values[case, "direct"])
            report.row(NAME, f"cpu-{case}", costs[case, "agent"], "us", "haproxy", costs[case, "haproxy"])
        report.row(NAME, "rss-idle", idle["agent"], "MiB", "haproxy", idle["haproxy"])
        report.row(NAME, "rss-load", processes.rss([agent]), "MiB", "haproxy", processes.rss([haproxy]))


def measure(targets, pids, rounds):
    """Medians of requests a second, and of microseconds of processor time that one costs the process in the middle."""
    values, costs = {}, {}
    for number in range(rounds):
        for turn, (case, driver, port) in itertools.product(range(TURNS), CASES):
            order = list(targets) if (number * TURNS + turn) % 2 == 0 else list(reversed(targets))
            for target in order:
                before = processes.cpu([pids[target]])
                rate, count = DRIVERS[driver](targets[target][port])
                used = processes.cpu([pids[target]]) - before
                values.setdefault((case, target), []).append(rate)
                costs.setdefault((case, target), []).append(used / count * 1e6)
        say(f"round {number + 1} of {rounds} done")
    # Each single figure, for who doubts the medians.
    say(json.dumps({f"{case} {target}": [round(rate) for rate in found] for (case, target), found in values.items()}))
    return ({key: statistics.median(found) for key, found in each.items()} for each in (values, costs))


# Drivers: requests a second, and how many requests there were.


def wrk(port, *words):
    text = output("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *words, f"http://127.0.0.1:{port}/")
    count = int(found(r"(\d+) requests in", text))
    errors = re.search(r"Socket errors: .*|Non-2xx.*", text)
    # wrk takes the end of a connection for an error where it was not told of it beforehand.
    if errors and not words:
        raise Failure(f"wrk on port {port}: {errors.group()}")
    return float(found(r"Requests/sec:\s*([\d.]+)", text)), count


def h2load(port, *words):
    common = [f"-c{CONNECTIONS}", "-t1", f"-D{SECONDS}", "--warm-up-time=1"]
    text = output("h2load", *common, *words, f"http://127.0.0.1:{port}/")
    count, failed = int(found(r"(\d+) succeeded", text)), int(found(r"(\d+) failed", text))
    if failed or not count:
        raise Failure(f"h2load on port {port}: {failed} requests failed, {count} succeeded")
    # What is sent during the warm-up costs as much, and is not counted.
    return float(found(r"finished in .*?, ([\d.]+) req/s", text)), count * (SECONDS + 1) / SECONDS


DRIVERS = {
    "wrk": wrk,
    "close": lambda port: wrk(port, "-H", "Connection: close"),
    "h1": lambda port: h2load(port, "--h1"),
    "h2c": lambda port: h2load(port, f"-m{STREAMS}"),
}


def output(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    if done.returncode != 0:
        raise Failure(f"{' '.join(words)} failed:\n{done.stdout[-1000:]}")
    return done.stdout


def found(pattern, text):
    match = re.search(pattern, text)
    if not match:
        raise Failure(f"no {pattern} in:\n{text[-1000:]}")
    return match.group(1)


def which(program):
    words = os.environ.get("PATH", "").split(":") + ["/usr/sbin"]
    return next((path for path in (os.path.join(word, program) for word in words) if os.access(path, os.X_OK)), None)


# What is measured.


def start_nginx(directory, stack):
    """The app: answers everything itself. The id of the process that does the work."""
    listens = "".join(
        f"  server {{ listen 127.0.0.1:{port}{' http2' if name.endswith('h2') else ''} backlog=1024; "
        f"location / {{ return 200 '{'x' * 511}\\n'; }} }}\n"
        for name, port in PORTS.items()
    )
    text = (
        f"daemon off; pid {directory}/nginx.pid; error_log {directory}/nginx.log; worker_processes 1;\n"
        "events { worker_connections 4096; }\n"
        "http {\n  access_log off; keepalive_requests 1000000000; http2_max_concurrent_streams 128; default_type text/plain;\n"
        f"{listens}}}\n"
    )
    process = start(stack, directory, "nginx", text, "-c")
    children = f"/proc/{process.pid}/task/{process.pid}/children"

    def worker():
        with open(children) as file:
            return file.read().split()

    for port in PORTS.values():
        wait_port(port)
    return int(wait_until("nginx's worker", worker, 20)[0])


def start_haproxy(directory, stack):
    """The sidecar: for the filtered ports it looks for a header of the requests, as the agent does."""
    ports = {name: free_port() for name in PORTS}
    text = "global\n  nbthread 1\n  maxconn 8000\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
    for name, port in PORTS.items():
        kind = " proto h2" if name.endswith("h2") else ""
        text += f"frontend {name}\n  bind 127.0.0.1:{ports[name]}{kind}\n"
        if name.startswith("filtered"):
            text += f"  acl mine hdr({HEADER}) -m str {VALUE}\n  use_backend nobody if mine\n"
        text += f"  default_backend app-{name}\nbackend app-{name}\n  server app 127.0.0.1:{port}{kind}\n"
    text += "backend nobody\n  http-request deny deny_status 404\n"
    process = start(stack, directory, "haproxy", text, "-db", "-f")
    for port in ports.values():
        wait_port(port)
    return process.pid, ports


def start_agent(binaries, traffic, directory, stack):
    """The real agent, whose manager has told it of an attachment with a filter; and the workstation's side."""
    program, port = os.path.join(binaries, "bench-registry"), free_port()
    manager = Side(program, "manager", directory, port)
    stack.callback(manager.kill)
    manager.line()
    config = {
        "workloadKind": "Deployment",
        "workloadName": "w0",
        "namespace": "n0-1",
        "managerHost": "localhost",
        "managerPort": port,
        "readyFile": os.path.join(directory, "ready"),
        "containers": [],
        "ports": [
            {
                "container": "app",
                "protocol": "tcp",
                "containerPort": number,
                "agentPort": AGENT_PORTS + index,
                "redirected": True,
                "services": [],
            }
            for index, number in enumerate(PORTS.values())
        ],
    }
    with open(os.path.join(directory, "ca.pem")) as file:
        authority = file.read()
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "TELEPRESENCE_AGENT_CONFIG": json.dumps(config),
        "TELEPRESENCE_POD_IP": "127.0.0.1",
        "TELEPRESENCE_POD_NAME": "w0-0",
        "TELEPRESENCE_POD_NAMESPACE": "n0-1",
        "TELEPRESENCE_MANAGER_CA": authority,
    }
    log = open(os.path.join(directory, "agent.log"), "w+")
    agent = subprocess.Popen([traffic or os.path.join(binaries, "traffic"), "agent"], env=environment, stdout=log, stderr=log)
    stack.callback(end, agent)
    for index in range(len(PORTS)):
        wait_port(AGENT_PORTS + index)
    wait_until("the agent's session", lambda: "session" in open(log.name).read(), 20)
    crowd = Side(program, "crowd", directory, port)
    stack.callback(crowd.kill)
    crowd.ask(manager, "filter", HEADER, VALUE)
    return agent.pid, crowd


def check(targets, crowd):
    """The filter holds: what has the header is for the workstation, which refuses it, so that the app answers after all."""
    url = f"http://127.0.0.1:{targets['agent']['filtered']}/"
    for headers, asked in (({}, 0), ({HEADER: VALUE}, 1)):
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            answer.read()
        tunnels = crowd.ask(crowd, "tunnels")["tunnels"]
        if tunnels != asked:
            raise Failure(f"the workstation was asked for {tunnels} tunnels, and not {asked}, with the headers {headers}")


def start(stack, directory, program, text, *words):
    path = os.path.join(directory, f"{program}.conf")
    with open(path, "w") as file:
        file.write(text)
    log = open(os.path.join(directory, f"{program}.out"), "w")
    process = subprocess.Popen([which(program), *words, path], stdout=log, stderr=log)
    stack.callback(end, process)
    time.sleep(0.2)
    if process.poll() is not None:
        raise Failure(f"{program} ended:\n{open(log.name).read()}")
    return process


def end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_port(port):
    def listens():
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    wait_until(f"port {port}", listens, 20)
