"""Requests for an app are answered at the workstation: every kind of workload and port."""

import json
import os
import signal
import socket
import threading

from program import exchange
from scenario import Port, each_mode
from shell import expect

NUMERIC = Port(8080, name=None, target="number")


def intercepted(t, app, port=None, words=(), undo=True):
    """The whole story of one intercept; the connection and the handler."""
    expect(app.ask(port=port)["by"] == "app", "the app answers before")
    c, h = t.connect(), t.handler()
    c.intercept(app, *words, port=h.port)
    answer = app.ask(port=port)
    expect(answer["by"] == "workstation", f"the first request after ACTIVE was answered by {answer}")
    if undo:
        c.leave(app)
        app.answered_by("app", 3, port)
    return c, h


@each_mode
def scenario_deployment(t):
    """A Deployment with a named target port: workstation while intercepted, app before and after."""
    intercepted(t, t.app())


def scenario_stateful_set(t):
    """A StatefulSet."""
    intercepted(t, t.app(kind="StatefulSet"))


def scenario_replica_set(t):
    """A ReplicaSet that no Deployment owns."""
    intercepted(t, t.app(kind="ReplicaSet"))


def scenario_numeric_port(t):
    """A numeric target port."""
    intercepted(t, t.app(ports=[NUMERIC]))


def scenario_undeclared_port(t):
    """A target port that the container does not list."""
    intercepted(t, t.app(ports=[Port(8080, name=None, target="number", declared=False)]))


def scenario_headless(t):
    """A headless service, whose clients go straight to the pod."""
    intercepted(t, t.app(headless=True, ports=[Port(8080, service=8080)]), port=8080)


def scenario_no_service(t):
    """No service at all: the annotation names the container's port, and clients use the pod's address."""
    app = t.app(service=False, annotations={"telepresence.io/inject-container-ports": "http"})
    c, h = t.connect(), t.handler()
    c.intercept(app, port=h.port)
    address = app.pod()["status"]["podIP"]
    expect(t.cluster.ask(f"http://{address}:8080/")["by"] == "workstation", "by the pod's address")
    c.leave(app)
    expect(t.cluster.ask(f"http://{address}:8080/")["by"] == "app", "the same pod's app afterwards")


def scenario_probes(t):
    """Readiness and liveness probes on the intercepted port still reach the app: the pod stays ready, not restarted."""

    def change(objects):
        container = objects[0]["spec"]["template"]["spec"]["containers"][0]
        container["livenessProbe"] = {**container["readinessProbe"], "failureThreshold": 2}
        container["startupProbe"] = {**container["readinessProbe"], "failureThreshold": 30}

    app = t.app(change=change)
    c, h = t.connect(), t.handler()
    c.intercept(app, port=h.port)
    pod = app.pod()
    before = h.count
    # Several periods of one second: what the kubelet asks for shows in the handler's count, or in the pod's state.
    for _ in range(3):
        expect(app.ask()["by"] == "workstation", "intercepted while probed")
        threading.Event().wait(1.1)
    after = app.pod()
    expect(after["metadata"]["name"] == pod["metadata"]["name"], "the same pod is ready")
    statuses = after["status"]["containerStatuses"]
    expect(all(status["restartCount"] == 0 and status["ready"] for status in statuses), statuses)
    expect(h.count - before >= 3, "the handler got the requests")


def scenario_several_ports(t):
    """Two ports of one workload in one intercept, each to its own handler."""
    app = t.app(ports=[Port(8080), Port(8081, name="admin", service=8081)])
    c = t.connect()
    handlers = [t.handler("http"), t.handler("admin")]
    words = ["--port", f"{handlers[1].port}:admin"]
    c.intercept(app, *words, port=f"{handlers[0].port}:http")
    expect(app.ask()["by"] == "http" and app.ask(port=8081)["by"] == "admin", "each port has its handler")


def scenario_other_port_untouched(t):
    """Only the chosen port is intercepted; another one of the same pod is the app's."""
    app = t.app(ports=[Port(8080), Port(8081, name="admin", service=8081)])
    c, h = t.connect(), t.handler()
    c.intercept(app, port=f"{h.port}:admin")
    expect(app.ask(port=8081)["by"] == "workstation", "the chosen port")
    expect(app.ask()["by"] == "app", "the other port")


def scenario_same_number(t):
    """TCP and UDP on the same number: UDP is intercepted, TCP is the app's."""
    app = t.app(ports=[Port(8080), Port(7070, "tcp", "ECHO", 7070), Port(7070, "udp", "UDP", 7070)])
    expect(t.cluster.socket("udp", app.host, 7070) == "app", "UDP before")
    c = t.connect()
    server = datagrams(t, "workstation")
    c.intercept(app, port=f"{server}:udp/UDP")
    expect(t.cluster.socket("udp", app.host, 7070) == "workstation", "UDP is intercepted")
    expect(t.cluster.socket("tcp", app.host, 7070) == "app", "TCP on the same number is not")
    c.leave(app)
    t.until("the app's datagrams", lambda: t.cluster.socket("udp", app.host, 7070) == "app", 20)


def scenario_steady_datagrams(t):
    """Who keeps sending from one port is led to the workstation when an intercept begins, and back when it ends."""
    app, c = t.app(ports=[Port(8080), Port(7070, "udp", "UDP", 7070)]), t.connect()
    server = datagrams(t, "workstation")

    def come_from(name):
        t.until(f"answers of the {name}", lambda: t.cluster.socket("udp", app.host, 7070, source=7099) == name, 20)

    # The first time there is another pod, and with it other ways.
    c.intercept(app, port=f"{server}:udp/UDP")
    c.leave(app)
    come_from("app")
    c.intercept(app, port=f"{server}:udp/UDP")
    come_from("workstation")
    c.leave(app)
    come_from("app")


def datagrams(t, name):
    """A UDP server at the workstation that answers with its name; its port."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    t.later(server.close)

    def serve():
        try:
            while True:
                server.sendto(name.encode(), server.recvfrom(65536)[1])
        except OSError:
            pass  # closed

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


@each_mode
def scenario_to_pod(t):
    """`--to-pod`: local ports lead to what listens on the pod's loopback, TCP and UDP, also when the pod is another."""
    number = free_port()
    app = t.app(env={"INNER_ECHO": str(number), "INNER_UDP": str(number)})
    c, h = t.connect(), t.handler()
    words = ["--to-pod", str(number), "--to-pod", f"{number}/UDP"]
    made = c.intercept(app, *words, port=h.port)
    expect(made["to_pod"] == [f"{number}/TCP", f"{number}/UDP"], made)

    def answers():
        return [exchange(kind, "127.0.0.1", number, "who?")["data"] for kind in ("tcp", "udp")]

    expect(answers() == ["app", "app"], f"both lead to the pod: {answers()}")
    if c.isolated:
        script = "import socket; s = socket.create_connection(('127.0.0.1', %s)); s.sendall(b'who?'); print(s.recv(9))"
        expect("app" in c.run("python3", "-c", script % number).ok().out, "the same inside")
    long = "x" * 300_000
    expect(exchange("tcp", "127.0.0.1", number, long, 20)["data"] == long, "bytes there and back, to the end")
    words = ["ingest", "other", "--workload", app.name, "--to-pod", str(number), "--format", "json"]
    other = c.tp(*words).failed("--to-pod", str(number), "in use")
    expect(len(c.attachments()) == 1, f"nothing was changed: {other}")
    pod = app.pod()["metadata"]["name"]
    app.kubectl("delete", "pod", pod, "--wait=false").ok()
    t.until("the next pod", lambda: [one["metadata"]["name"] for one in app.ready_pods()] not in ([], [pod]), 60)
    t.until("connections to the next pod", lambda: answers() == ["app", "app"], 30)
    c.leave(app)
    with socket.socket() as probe, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        probe.bind(("127.0.0.1", number))
        datagram.bind(("127.0.0.1", number))


def scenario_to_pod_ingested(t):
    """`ingest --to-pod`, for a port where nobody listens in the pod: the connection is ended at once, others go on."""
    numbers = free_port(), free_port()
    app = t.app(env={"INNER_ECHO": str(numbers[0])})
    c = t.connect()
    c.tp("ingest", app.name, *[word for number in numbers for word in ("--to-pod", str(number))]).ok()
    expect(exchange("tcp", "127.0.0.1", numbers[0], "who?")["data"] == "app", "the port that is there")
    answer = exchange("tcp", "127.0.0.1", numbers[1], "who?", 20)
    expect(answer["data"] == "" and "timeout" not in (answer["error"] or "").lower(), f"nobody there: {answer}")
    expect(exchange("tcp", "127.0.0.1", numbers[0], "who?")["data"] == "app", "still there")


def free_port():
    """A port that nobody uses, for TCP and UDP."""
    while True:
        with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            stream.bind(("127.0.0.1", 0))
            try:
                datagram.bind(stream.getsockname())
            except OSError:
                continue
            return stream.getsockname()[1]


def scenario_several_at_once(t):
    """Three workloads intercepted at once by one workstation: each serves its own handler."""
    apps = [t.app(str(number), wait=False) for number in range(3)]
    handlers = [t.handler(f"handler-{number}") for number in range(3)]
    c = t.connect()
    for app, handler in zip(apps, handlers):
        app.ready()
        c.intercept(app, port=handler.port)
    for number, app in enumerate(apps):
        expect(app.ask()["by"] == f"handler-{number}", app.ask())
    expect(len(c.attachments()) == 3, c.attachments())
    c.leave(apps[1])
    apps[1].answered_by("app", 3)
    expect(apps[0].ask()["by"] == "handler-0" and apps[2].ask()["by"] == "handler-2", "the others stay")


def scenario_conflict(t):
    """A second intercept of the same port is refused, by oneself and by another, who is told who holds it."""
    app = t.app()
    c, other, h = t.connect(), t.connect(mode="isolated"), t.handler()
    c.intercept(app, port=h.port)
    c.tp("intercept", "again", "--workload", app.name, "--port", str(h.port)).failed(app.name)
    refusal = other.tp("intercept", app.name, "--port", "8080").failed(app.name)
    expect("@" in refusal.err + refusal.out, f"the holder's name in {refusal}")
    expect(app.ask()["by"] == "workstation", "the first one stays")
    c.leave(app)
    other.intercept(app, port=t.handler("other").port)
    expect(app.ask()["by"] == "other", "free for the other now")


def scenario_local_address(t):
    """Requests go to a local address other than localhost."""
    app, c = t.app(), t.connect()
    h = t.handler("second", address="127.0.0.2")
    c.intercept(app, "--address", "127.0.0.2", port=h.port)
    expect(app.ask()["by"] == "second", "the handler on 127.0.0.2")


@each_mode
def scenario_local_name(t):
    """`--address` can be a name, which is looked up at each connection, where the command runs."""
    app, c = t.app(), t.connect()
    program = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "program.py")
    port = free_port()
    words = ["--port", str(port), "--address", "localhost"]
    handler = ["env", f"HTTP={port}", "NAME=by-name", "python3", "-S", "-E", program]
    child = c.start("intercept", app.name, *words, "--", *handler, stdout=-3, stderr=-3, stdin=-3)
    t.later(lambda: child.wait(20))
    t.later(child.terminate)
    app.answered_by("by-name", 30)


def scenario_environment(t):
    """The container's environment reaches `--env-file`, for the owner's eyes only, and leaves nothing of the agent's."""
    value = 'a "quoted" $HOME value with = and # signs'
    app = t.app(env={"E2E_VALUE": value, "E2E_EMPTY": ""})
    c, h = t.connect(), t.handler()
    path = os.path.join(t.directory, "app.env")
    c.intercept(app, "--env-file", path, port=h.port)
    with open(path) as file:
        lines = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    expect(value in lines.get("E2E_VALUE", "").replace("\\", ""), lines)
    expect(lines.get("NAME", "").strip("'\"") == "app", lines)
    expect(any(key.startswith("TELEPRESENCE_") for key in lines), sorted(lines))
    expect(not any(key.startswith("_TEL_") for key in lines), sorted(lines))
    expect(os.stat(path).st_mode & 0o077 == 0, "the file is for its owner only")


def scenario_command(t):
    """`intercept -- CMD`: CMD has the container's environment, answers, and ends the intercept; its status is returned."""
    app = t.app(env={"E2E_VALUE": "xyzzy"})
    c = t.connect()
    script = 'test "$E2E_VALUE" = xyzzy && exit 5; exit 6'
    result = c.tp("intercept", app.name, "--port", "8080", "--", "sh", "-c", script)
    expect(result.code == 5, result)
    expect(c.attachments() == [], "the intercept ended with its command")
    expect(app.ask()["by"] == "app", "the app answers")


def scenario_command_ended(t):
    """An intercept that is left, or whose connection ends, from elsewhere ends its `-- CMD`, which is told."""
    app = t.app()
    c = t.connect()
    for end, words in ((lambda: c.leave(app), "left from elsewhere"), (lambda: c.quit().ok(), "its connection")):
        ready = os.path.join(t.directory, t.unique("ready"))
        script = f"trap 'exit 0' TERM; : > {ready}; while :; do sleep 0.1; done"
        child = c.start(
            "intercept", app.name, "--port", "8080", "--", "sh", "-c", script, stdout=-1, stderr=-1, stdin=-3, text=True
        )
        t.later(lambda child=child: child.poll() is None and child.kill())
        t.until("the command runs", lambda ready=ready, child=child: os.path.exists(ready) or child.poll() is not None)
        expect(child.poll() is None, f"it goes on: {child.poll()}")
        end()
        out, err = child.communicate(timeout=30)
        expect(child.returncode == 1 and app.name in err and words in err, f"{child.returncode} {out} {err}")
    app.answered_by("app", 10)


def scenario_unchanged_variables(t):
    """Variables that refer to others, and literal $(NAME), arrive as the container has them."""

    def change(objects):
        objects[0]["spec"]["template"]["spec"]["containers"][0]["env"] += [
            {"name": "E2E_ONE", "value": "one"},
            {"name": "E2E_TWO", "value": "$(E2E_ONE)-two"},
            {"name": "E2E_RAW", "value": "$$(E2E_ONE)"},
            {"name": "E2E_NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ]

    app = t.app(change=change)
    c = t.connect()
    script = 'echo "$E2E_TWO|$E2E_RAW|$E2E_NODE|"'
    result = c.tp("intercept", app.name, "--port", "8080", "--", "sh", "-c", script).ok()
    node = app.pod()["spec"]["nodeName"]
    expect(f"one-two|$(E2E_ONE)|{node}|" in result.out, result)


def scenario_scale_from_zero(t):
    """A workload without pods: the intercept waits or says so; scaled to one, it is intercepted."""
    app = t.app(replicas=0)
    c, h = t.connect(), t.handler()
    child = c.start(
        "intercept", app.name, "--port", str(h.port), "--format", "json", stdout=-1, stderr=-1, stdin=-3, text=True
    )
    t.later(lambda: child.poll() is None and child.kill())
    app.kubectl("scale", app.reference, "--replicas=1").ok()
    out, err = child.communicate(timeout=60)
    if child.returncode != 0:
        # It may have said at once that there is nothing to intercept; then the second try must work.
        expect("replica" in err + out or "pod" in err + out, f"{out} {err}")
        app.ready()
        c.intercept(app, port=h.port)
    app.answered_by("workstation", 10)


def scenario_scale_to_zero_and_back(t):
    """Scaled to zero and back while intercepted, the workload is intercepted again by itself."""
    app = t.app()
    c, h = t.connect(), t.handler()
    c.intercept(app, port=h.port)
    app.kubectl("scale", app.reference, "--replicas=0").ok()
    t.until("no pod", lambda: not app.pods(), 20)
    app.kubectl("scale", app.reference, "--replicas=1").ok()
    app.ready().answered_by("workstation", 15)
    expect(c.attachments()[0]["state"] == "ACTIVE", c.attachments())


def scenario_pod_deleted(t):
    """One of several intercepted pods is deleted: the others and its successor serve the workstation's answers."""
    app = t.app(replicas=3)
    c, h = t.connect(), t.handler()
    c.intercept(app, port=h.port)
    for _ in range(12):
        expect(app.ask()["by"] == "workstation", "all replicas are intercepted")
    app.kubectl("delete", "pod", app.ready_pods()[0]["metadata"]["name"], "--wait=false").ok()
    t.until("three ready pods again", lambda: len(app.ready_pods()) == 3, 60)
    app.answered_by("workstation", 10)
    for _ in range(12):
        expect(app.ask()["by"] == "workstation", "the successor is intercepted as well")


def scenario_pod_gone_silently(t):
    """A pod goes without a word on its links; its owner leaves and intercepts again, which waits for nobody who is gone."""
    c, h = t.connect(), t.handler()
    for kind in ("Deployment", "StatefulSet"):
        app = t.app(kind=kind)
        c.intercept(app, port=h.port)
        old = app.pod()["metadata"]
        # Its time is up before its agent has drained: where nodes take the network away at once, nothing closes the links.
        app.kubectl("delete", "pod", old["name"], "--timeout=60s", seconds=70).ok()
        t.until("a successor", lambda: [one["metadata"]["uid"] for one in app.ready_pods()] not in ([], [old["uid"]]), 60)
        c.leave(app)
        c.intercept(app, port=h.port)
        expect(app.ask()["by"] == "workstation", f"{kind}: intercepted again")
        c.leave(app)


def scenario_no_handler(t):
    """Nothing listens at the workstation: the app answers; as soon as something does, the workstation."""
    app, c = t.app(), t.connect()
    h = t.handler()
    port = h.port
    h.close()
    c.intercept(app, port=port)
    expect(app.ask(seconds=5)["by"] == "app", "the app answers where the workstation cannot")
    t.handler("late", port=port)
    app.answered_by("late", 5)


def scenario_silent_handler(t):
    """A handler that accepts and never answers holds its own requests only; the agent does not hang."""
    app, c = t.app(ports=[Port(8080), Port(8081, "admin", service=8081)]), t.connect()
    listener = socket.create_server(("127.0.0.1", 0))
    t.later(listener.close)
    c.intercept(app, port=f"{listener.getsockname()[1]}:http")
    answer = t.cluster.caller.call("/ask", url=app.url, seconds=2)
    expect("timeout" in (answer["error"] or "").lower(), f"a silent handler: {answer}")
    expect(app.ask(port=8081)["by"] == "app", "the other port answers meanwhile")
    c.leave(app)
    app.answered_by("app", 3)


def scenario_handler_killed(t):
    """The handler ends: the app answers the next request."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted")
    h.close()
    expect(app.ask(seconds=5)["by"] == "app", "the app, at once")


def scenario_json(t):
    """`intercept --format json` tells name, workload, state, ports; `list` and `status` tell the same."""
    app, c, h = t.app(), t.connect(), t.handler()
    made = c.intercept(app, port=h.port)
    expect(made["name"] == app.name and made["workload"] == app.name and made["state"] == "ACTIVE", made)
    expect(made["workload_kind"] == "Deployment" and made["namespace"] == app.namespace, made)
    port = made["ports"][0]
    expect(port["container_port"] == 8080 and port["local_port"] == h.port and port["service"] == app.name, made)
    expect([one["id"] for one in c.attachments()] == [made["id"]], c.attachments())
    listed = {one["name"]: one for one in c.tp("list", "--format", "json").ok().json()}
    expect([one["id"] for one in listed[app.name]["attachments"]] == [made["id"]], listed[app.name])
    expect("intercepted" in c.tp("list").ok().out, "list as text")
    other = t.app("other")
    for flag, wanted in (("--intercepts", {app.name}), ("--agents", {app.name}), (None, {app.name, other.name})):
        names = {one["name"] for one in c.tp("list", *[flag] if flag else [], "--format", "json").ok().json()}
        expect(names & {app.name, other.name} == wanted, f"list {flag}: {names}")


def scenario_own_name(t):
    """An intercept has a name of its own with `--workload`, and is left by it."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.tp("intercept", "mine", "--workload", app.name, "--port", str(h.port)).ok()
    expect(app.ask()["by"] == "workstation", "intercepted")
    c.leave("mine")
    app.answered_by("app", 3)


def scenario_other_namespace(t):
    """A workload of a namespace other than the connection's, with `--namespace`."""
    app = t.app(namespace=t.cluster.other_namespace)
    c, h = t.connect(), t.handler()
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted")
    c.tp("leave", app.name, "--namespace", app.namespace).ok()
    app.answered_by("app", 3)


def scenario_other_namespace_ports(t):
    """Two ports of a workload in another namespace, each with a handler of its own."""
    app = t.app(namespace=t.cluster.other_namespace, ports=[Port(8080), Port(8081, name="admin", service=8081)])
    c = t.connect()
    handlers = [t.handler("http"), t.handler("admin")]
    c.intercept(app, "--port", f"{handlers[1].port}:admin", port=f"{handlers[0].port}:http")
    expect(app.ask()["by"] == "http" and app.ask(port=8081)["by"] == "admin", "each port has its handler")
    c.tp("leave", app.name, "--namespace", app.namespace).ok()
    app.answered_by("app", 3)
    app.answered_by("app", 3, 8081)


def scenario_chosen_service(t):
    """Two services lead to one workload: `--service` chooses the port of one of them."""

    def change(objects):
        second = json.loads(json.dumps(objects[1]))
        second["metadata"]["name"] += "-b"
        second["spec"]["ports"] = [{"name": "admin", "port": 80, "targetPort": "admin"}]
        objects.append(second)

    app = t.app(ports=[Port(8080), Port(8081, "admin", service=None)], change=change)
    t.later(lambda: app.kubectl("delete", "service", f"{app.name}-b").ok())
    c, h = t.connect(), t.handler()
    c.intercept(app, "--service", f"{app.name}-b", port=h.port)
    expect(t.cluster.ask(f"http://{app.name}-b.{app.namespace}/")["by"] == "workstation", "the chosen service")
    expect(app.ask()["by"] == "app", "the other service")


def scenario_chosen_container(t):
    """`--container` takes the environment of that container."""

    def change(objects):
        containers = objects[0]["spec"]["template"]["spec"]["containers"]
        second = json.loads(json.dumps(containers[0]))
        second["name"], second["ports"] = "second", []
        second["env"] = [{"name": "HTTP", "value": "9090"}, {"name": "E2E_WHICH", "value": "second"}]
        second.pop("readinessProbe", None)
        containers.append(second)

    app, c = t.app(change=change), t.connect()
    words = ["--container", "second", "--port", "8080", "--", "sh", "-c", 'echo "which=$E2E_WHICH"']
    expect("which=second" in c.tp("intercept", app.name, *words).ok().out, "the second container's environment")


@each_mode
def scenario_large_bodies(t):
    """Bodies of 300 kB pass to the workstation's handler and back intact, many at once."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    before = h.count
    answer = c.check("posts", f"{app.url}echo", 12, 300_000)
    expect(answer["same"] == 12, answer)
    # On a machine so busy that a dial takes seconds the app may answer some of them, as it should.
    expect(h.count > before, "the handler got some of them")


def scenario_unknown(t):
    """Workloads, ports and services that do not exist are named in the error, and nothing is left behind."""
    app, c = t.app(wait=False), t.connect()
    c.tp("intercept", "no-such-workload", "--port", "8080").failed("no-such-workload")
    c.tp("intercept", app.name, "--port", "8080:no-such-port").failed("no-such-port")
    c.tp("intercept", app.name, "--port", "notaport").failed("notaport")
    c.tp("intercept", app.name, "--port", "8080", "--service", "no-such-service").failed("no-such-service")
    c.tp("leave", "no-such-intercept").failed("no-such-intercept")
    expect(c.attachments() == [], c.attachments())


def scenario_quit_ends(t):
    """`quit` ends the intercepts: the app answers at once."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted")
    c.quit().ok()
    app.answered_by("app", 3)


def scenario_agent_present(t):
    """A second intercept of the same workload needs no new pod."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    pod = app.pod()["metadata"]["name"]
    c.leave(app)
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted again")
    expect(app.pod()["metadata"]["name"] == pod, "the pod was not replaced again")


def scenario_rolling_update(t):
    """A rollout while intercepted: its new pods are intercepted as well."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    pod = app.pod()["metadata"]["name"]
    app.kubectl("rollout", "restart", app.reference).ok()
    app.ready()
    t.until("another pod", lambda: pod not in [one["metadata"]["name"] for one in app.pods()], 20)
    app.answered_by("workstation", 15)
    expect(c.attachments()[0]["state"] == "ACTIVE", c.attachments())


def scenario_ctrl_c(t):
    """`intercept -- CMD` interrupted by SIGINT ends the intercept."""
    app, c = t.app(), t.connect()
    child = t.running_command(c, app)
    # As a terminal does it: to all processes of the group.
    os.killpg(child.pid, signal.SIGINT)
    t.until("the end of the command", lambda: child.poll() is not None, 20)
    expect(child.returncode == 130, f"the command's status: {child.returncode}")
    expect(c.attachments() == [], "no intercept")


def scenario_killed(t):
    """`kill -9` of `intercept -- CMD` ends the intercept: nobody is left to whom requests could go."""
    app, c = t.app(), t.connect()
    child = t.running_command(c, app)
    child.kill()
    child.wait(20)
    t.until("no intercept", lambda: c.attachments() == [], 20)
    app.answered_by("app", 10)


def waiting_intercept(t, app, c):
    """An intercept that has begun to wait for a new pod: its process, and what it has said so far."""
    child = c.start("intercept", app.name, "--port", "8080", stdout=-3, stderr=-1, stdin=-3, text=True)
    t.later(lambda: child.poll() is None and child.kill())
    said = ""
    for line in child.stderr:
        said += line
        if "successor" in line:
            break
    return child, said


def scenario_ctrl_c_waiting(t):
    """Ctrl-C while an intercept waits for a new pod: the command ends, there is no intercept, and the app goes on."""
    app, c = t.app(), t.connect()
    child, said = waiting_intercept(t, app, c)
    child.send_signal(signal.SIGINT)
    said += child.stderr.read()
    expect(child.wait(20) == 130 and "interrupted" in said, f"{child.returncode} {said}")
    expect(c.attachments() == [], "no intercept")
    app.answered_by("app", 10)
    # Half a replacement serves nobody: it is carried to its end.
    t.until("one pod", lambda: len(app.pods()) == 1 and len(app.ready_pods()) == 1, 60)
    expect(c.attachments() == [], "no intercept")
    app.answered_by("app", 10)


def scenario_quit_waiting(t):
    """`quit` from elsewhere while an intercept waits for a new pod: the intercept ends and says why, and the app goes on."""
    app, c = t.app(), t.connect()
    child, said = waiting_intercept(t, app, c)
    c.end_probe()
    # The user daemon stays: were it to end, too, that would end the call.
    c.tp("quit", seconds=30).ok()
    expect(child.wait(20) == 1, f"{child.returncode} {said}")
    said += child.stderr.read()
    expect("the connection was ended" in said, said)
    t.until("one pod", lambda: len(app.pods()) == 1 and len(app.ready_pods()) == 1, 60)
    app.answered_by("app", 10)


def scenario_past_the_manager(t):
    """Two pods, each linked with the workstation: requests pass no manager, which status and the agents' counts show."""
    app, c, h = t.app(replicas=2), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    t.until("direct links", lambda: c.attachments()[0]["traffic"] == "direct", 60)
    pods = [pod["metadata"]["name"] for pod in app.ready_pods()]

    def direct():
        found = 0
        for pod in pods:
            state = c.tp("status", "--of", f"agent/{app.namespace}/{pod}", "--format", "json").ok().json()
            found += state.get("counters", {}).get("connections.direct", 0)
        return found

    before = direct()
    for _ in range(20):
        expect(app.ask()["by"] == "workstation", "intercepted over a direct link")
    # A connection that had no answer in time on a busy machine took the manager.
    expect(direct() - before >= 15, f"{direct() - before} of 20 connections were direct")
    app.kubectl("scale", app.reference, "--replicas=1").ok()
    t.until("one pod", lambda: len(app.pods()) == 1, 40)
    t.until("its direct link", lambda: c.attachments()[0]["traffic"] == "direct", 60)
    c.leave(app)
    app.answered_by("app", 3)
