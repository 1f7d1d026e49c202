"""What the components tell of themselves: status, logs, levels, gather-logs, metrics."""

import json
import os
import subprocess
import zipfile

from lab import Failure, wait_until
from modes import Mode, expect


def agent_of(mode, workload):
    """The pod with the agent of a workload, as NAMESPACE/POD, from the manager's status."""
    state = mode.tp("status", "--of", "manager", "--format", "json").ok().json()
    for session in state.get("sessions", []):
        if session["kind"] == "agent" and session["linked"] and session["workload"].endswith(f"/{workload}"):
            return f"{session['namespace']}/{session['owner']}"
    raise Failure(f"no agent of {workload}: {state}")


class Reader:
    """Lines of a command that goes on; a context manager that ends it."""

    def __init__(self, lab, mode, *words):
        self.lines = []
        self.path = os.path.join(lab.logs, f"reader-{words[0]}-{id(self)}.txt")
        self.file = open(self.path, "w")
        self.process = lab.ws_start(lab.binary("telepresence"), *words, env=mode.env, user=mode.user, stdout=self.file)

    def text(self):
        with open(self.path) as file:
            return file.read()

    def objects(self):
        return [json.loads(line) for line in self.text().splitlines(keepends=True) if line.endswith("\n")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.file.close()


def scenario_components(lab):
    """Every component tells of itself: daemons, manager, agent, session; in text and JSON."""
    with Mode(lab, False) as mode:
        mode.tp("intercept", "backend", "--port", "8099", seconds=90).ok()
        pod = agent_of(mode, "backend")
        kinds = {
            "userd": "userd",
            "rootd": "rootd",
            "manager": "traffic-manager",
            f"agent/{pod}": "traffic-agent",
            f"agent/{pod.split('/')[1]}": "traffic-agent",
        }
        for target, kind in kinds.items():
            state = mode.tp("status", "--of", target, "--format", "json").ok().json()
            expect(state["component"]["kind"] == kind, f"{target}: {state}")
            expect(state["component"]["version"] and state["component"]["log_level"], f"{target}: {state}")
            text = mode.tp("status", "--of", target).ok().out
            expect(text.startswith(kind), f"{target}: {text}")
        state = mode.tp("status", "--of", "userd", "--format", "json").ok().json()
        expect(len(state["links"]) >= 2, state)
        expect(any(link["round_trip_microseconds"] > 0 for link in state["links"]), state)
        expect([one["state"] for one in state["attachments"]] == ["active"], state)
        session = state["sessions"][0]["id"]
        state = mode.tp("status", "--of", f"session/{session}", "--format", "json").ok().json()
        expect(state["component"]["kind"] == "userd", f"a workstation's status through the manager: {state}")
        links = mode.tp("status", "--format", "json").ok().json()["links"]
        expect(len(links) >= 2, f"plain status has the links: {links}")
        mode.tp("status", "--of", "agent/no-such-pod").failed("no-such-pod", "no traffic agent")
        mode.tp("status", "--of", "nonsense").failed("nonsense", "manager")
        mode.tp("leave", "backend").ok()
    Mode(lab, False).tp("status", "--of", "manager").failed("not connected", "telepresence connect")


def scenario_watch(lab):
    """`status --watch` tells a snapshot first, then the attachment that comes and goes, and failed tunnels."""
    with Mode(lab, True) as mode:
        with Reader(lab, mode, "status", "--watch", "--format", "json-stream") as reader:
            wait_until("the snapshot", lambda: reader.objects(), 20)
            expect(reader.objects()[0]["full"], reader.text())
            mode.tp("intercept", "backend", "--port", "8099", seconds=90).ok()

            def state(wanted):
                rows = [row for one in reader.objects() for row in one.get("attachments", [])]
                return any(row["name"] == "backend" and row["state"] == wanted for row in rows)

            wait_until("the attachment in the stream", lambda: state("active"), 20)
            mode.tp("leave", "backend").ok()
            gone = lambda: any(  # noqa: E731
                name.startswith("attachment/") for one in reader.objects() for name in one.get("removed", [])
            )
            wait_until("its end in the stream", gone, 20)
            address = lab.kubectl("get", "pods", "-l", "app=echo", "-o", "jsonpath={.items[0].status.podIP}").ok().out
            mode.check("refused", address.strip(), "4")
            failures = lambda: [row for one in reader.objects() for row in one.get("failures", [])]  # noqa: E731
            wait_until("the failed tunnel in the stream", failures, 20)
            expect(failures()[-1]["reason"] == "refused", failures())
            expect(sum("full" in one for one in reader.objects()) == 1, "one snapshot only")


def scenario_logs_and_levels(lab):
    """`logs -f` sees a new line; `loglevel` changes the level everywhere, and it comes back."""
    with Mode(lab, False) as mode:
        mode.tp("intercept", "backend", "--port", "8099", seconds=90).ok()
        pod = agent_of(mode, "backend")
        with Reader(lab, mode, "logs", "-f", "--of", "manager", "--tail", "1") as manager:
            with Reader(lab, mode, "logs", "-f", "--of", f"agent/{pod}", "--format", "json-stream") as agent:
                wait_until("old lines of the agent", lambda: agent.objects(), 20)
                changed = mode.tp("loglevel", "debug", "-d", "3s", "--format", "json").ok().json()
                names = {one["component"]: one for one in changed}
                expect(set(names) == {"userd", "rootd", "manager"}, changed)
                expect(names["manager"]["former"] == "info" and names["manager"]["agents"] >= 1, changed)
                level = lambda target: mode.tp("status", "--of", target, "--format", "json").ok().json()[  # noqa: E731
                    "component"
                ]["log_level"]
                wait_until("the manager's line", lambda: "level changed" in manager.text(), 20)
                texts = lambda: [one["text"] for one in agent.objects()]  # noqa: E731
                wait_until("the agent's line", lambda: any("level=debug" in text for text in texts()), 20)
                for target in ("userd", "rootd", "manager", f"agent/{pod}"):
                    wait_until(f"the level of {target} restored", lambda: level(target) == "info", 20)
                wait_until("the restored level in the log", lambda: "level restored" in manager.text(), 20)
        mode.tp("loglevel", "loud").failed("loud", "debug")
        mode.tp("loglevel", "debug", "-l", "-r").failed("exclude")
        old = mode.tp("logs", "--tail", "2").ok().out.splitlines()
        expect(len(old) == 2 and "level restored" in old[1], old)
        mode.tp("leave", "backend").ok()


def scenario_gather_logs(lab):
    """`gather-logs` has the logs and states of all components, honours its filters, and hides names."""
    with Mode(lab, False) as mode:
        mode.tp("intercept", "backend", "--port", "8099", seconds=90).ok()
        pod = agent_of(mode, "backend").split("/")[1]
        path = os.path.join(lab.directory, "logs.zip")

        def gather(*words):
            if os.path.exists(path):
                os.remove(path)
            mode.tp("gather-logs", "-o", path, *words, seconds=60).ok()
            archive = zipfile.ZipFile(path)
            expect(archive.testzip() is None, "the sums of the archive")
            return {name: archive.read(name).decode(errors="replace") for name in archive.namelist()}

        files = gather("-y")
        agent = f"traffic-agent-{pod}.default"
        for name in ("userd.log", "rootd.log", "traffic-manager.log", f"{agent}.log", f"{pod}.default.yaml",
                     "status/userd.json", "status/rootd.json", "status/traffic-manager.json", f"status/{agent}.json",
                     "versions.json"):  # fmt: skip
            expect(files.get(name, "").strip(), f"{name} in {sorted(files)}; {files.get('problems.txt')}")
        expect("serving" in files["traffic-manager.log"], files["traffic-manager.log"])
        expect("kind: \"Pod\"" in files[f"{pod}.default.yaml"], files[f"{pod}.default.yaml"][:500])
        expect("BEGIN CERTIFICATE" not in files[f"{pod}.default.yaml"], "values of variables are left out")
        expect(run_unzip(lab, path) == 0, "unzip -t")
        files = gather("--daemons", "none", "--traffic-agents", "none")
        expect("userd.log" not in files and f"{agent}.log" not in files and "traffic-manager.log" in files, sorted(files))
        files = gather("--daemons", "user", "--traffic-manager", "false", "--traffic-agents", pod[:9])
        expect("rootd.log" not in files and "traffic-manager.log" not in files and f"{agent}.log" in files, sorted(files))
        files = gather("-a", "-y")
        for name, text in files.items():
            expect(pod not in name and pod not in text, f"{pod} is still in {name}")
        mode.tp("gather-logs", "-o", "/nonexistent/x.zip").failed("/nonexistent/x.zip")
        mode.tp("gather-logs", "--daemons", "none,tree").failed("tree")
        mode.tp("leave", "backend").ok()


def run_unzip(lab, path):
    """The exit status of `unzip -t`; 0 where there is no unzip, since Python has read it already."""
    try:
        return subprocess.run(["unzip", "-t", path], capture_output=True, timeout=20).returncode
    except FileNotFoundError:
        return 0


def scenario_metrics(lab):
    """Health and readiness are served; metrics come at the port that is set, by the names that dashboards know."""
    forward = ["-n", "ambassador", "port-forward", "deployment/traffic-manager"]

    def get(local, remote, path):
        process = subprocess.Popen(
            ["kubectl", "--kubeconfig", lab.kubeconfig, *forward, f"{local}:{remote}", "--address=127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:

            def ask():
                done = subprocess.run(
                    ["curl", "-sS", "-i", "--max-time", "5", f"http://127.0.0.1:{local}{path}"],
                    capture_output=True,
                    text=True,
                )
                if done.returncode != 0:
                    raise Failure(done.stderr)
                return done.stdout

            return wait_until(f"an answer at {path}", ask, 20)
        finally:
            process.terminate()
            process.wait(10)

    expect(get(18082, 8082, "/healthz").startswith("HTTP/1.1 200"), "healthz")
    expect("ok" in get(18082, 8082, "/readyz"), "readyz")
    variable = "TELEPRESENCE_PROMETHEUS_PORT"
    deployment = ["-n", "ambassador", "set", "env", "deployment/traffic-manager"]
    rollout = ["-n", "ambassador", "rollout", "status", "deployment/traffic-manager", "--timeout=60s"]
    lab.kubectl(*deployment, f"{variable}=9090").ok()
    try:
        lab.kubectl(*rollout, seconds=70).ok()
        with Mode(lab, False) as mode:
            mode.tp("intercept", "backend", "--port", "8099", seconds=90).ok()
            text = get(19090, 9090, "/metrics")
            mode.tp("leave", "backend").ok()
        expect("text/plain; version=0.0.4" in text, text[:300])
        values = dict(
            line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("telepresence_") and "{" not in line
        )
        for name, least in (
            ("agent_count", 1),
            ("client_count", 1),
            ("active_intercept_count", 1),
            ("session_count", 2),
            ("tunnel_count", 0),
            ("tunnel_ingress_bytes", 1),
            ("tunnel_egress_bytes", 1),
            ("active_http_request_count", 0),
            ("active_grpc_request_count", 1),
        ):
            expect(int(values[f"telepresence_{name}"]) >= least, f"{name}: {values}")
        for name in ("connect_count", "connect_active_status", "intercept_count", "intercept_active_status"):
            expect(f"\ntelepresence_{name}{{" in text, f"{name}: {text}")
    finally:
        lab.kubectl(*deployment, f"{variable}=0").ok()
        lab.kubectl(*rollout, seconds=70).ok()
