"""HTTP filters: of the requests for one port some are answered at a workstation and some by the app."""

import concurrent.futures
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys

from connection import CLIENT
from scenario import Port
from shell import Failure, expect

#: Debian's Python, which has Debian's libraries.
PYTHON = next(path for path in ("/usr/bin/python3", sys.executable) if os.path.exists(path))
RPC = os.path.join(os.path.dirname(CLIENT), "cluster", "rpc.py")
TALKER = os.path.join(os.path.dirname(CLIENT), "cluster", "talker.py")
ANN, BOB = ("-H", "x-user: ann"), ("-H", "x-user: bob")


def filtered(c, app, handler, *words, name=None, port=None):
    """An intercept of some of an app's requests, under a name of its own; its JSON."""
    where = f"{handler.port}:{port}" if port else str(handler.port)
    words = ["intercept", name or app.name, "--workload", app.name, "--port", where, *words, "--format", "json"]
    return c.tp(*words, seconds=90).ok().json()


def curl(c, *requests):
    """Requests by one curl, which keeps its connection: of each who answered, what, and how many connections it made."""
    words = []
    for number, request in enumerate(requests):
        more = ["--next"] if number else []
        words += [*more, "-sS", "--max-time", "20", "-w", "%{num_connects}\n", *request]
    lines = c.run("curl", *words).ok().out.splitlines()
    expect(len(lines) == 2 * len(requests), f"{len(requests)} answers in {lines}")
    answers = [json.loads(line) for line in lines[::2]]
    return [(answer["by"], answer, int(count)) for answer, count in zip(answers, lines[1::2])]


def who(answers):
    return [by for by, _, _ in answers]


class Talker:
    """talker.py, where the cluster is seen."""

    def __init__(self, t, c):
        words = [PYTHON, TALKER]
        if c.isolated:
            words = [c.cluster.options.telepresence, "exec", "--", *words]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(words, env=c.env, text=True, **pipes)
        t.later(self.close)

    def __call__(self, **words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"exception": "it has ended"}')
        if "exception" in answer:
            raise Failure(f"{words}: {answer['exception']}")
        return answer

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def scenario_requests(t):
    """One kept connection of curl: each request goes where its header says, whatever its body; afterwards all to the app."""
    app, c, h = t.app(), t.connect(), t.handler()
    filtered(c, app, h, "--http-header", "X-User: ann")
    answers = curl(c, [app.url], [*ANN, app.url], [*BOB, app.url], ["-H", "X-USER:ann", app.url + "x?y"], [app.url])
    expect(who(answers) == ["app", "workstation", "app", "workstation", "app"], answers)
    expect([count for _, _, count in answers] == [1, 0, 0, 0, 0], f"one connection: {answers}")
    expect(answers[1][1]["headers"].get("x-user") == "ann" and answers[3][1]["path"] == "/x?y", "requests are as sent")
    expect("x-user" in answers[1][1]["headers"] and "X-USER" in answers[3][1]["headers"], "names are as sent")
    path = os.path.join(t.directory, "body")
    with open(path, "wb") as file:
        file.write(os.urandom(300_000))
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    chunked, body = ("-H", "Transfer-Encoding: chunked"), ("--data-binary", f"@{path}", app.url + "body")
    answers = curl(
        c, [*ANN, *chunked, *body], [*chunked, *body], [*ANN, "-H", "Expect: 100-continue", *body],
        ["-H", "Expect: 100-continue", *body], [*ANN, "-H", "Connection: Upgrade", "-H", "Upgrade: none", app.url],
        [app.url],
    )  # fmt: skip
    expect(who(answers) == ["workstation", "app"] * 3, answers)
    expect(all(answer["sha256"] == digest for _, answer, _ in answers[:4]), f"bodies arrive intact: {answers}")
    # Who offers HTTP/2 by Upgrade to a server that does not take it goes on with HTTP/1.1.
    answers = curl(c, ["--http2", *ANN, app.url], ["--http2", app.url], ["--http2", *ANN, app.url])
    expect(who(answers) == ["workstation", "app", "workstation"], answers)
    c.leave(app)
    expect(app.ask(headers={"x-user": "ann"})["by"] == "app", "the app as soon as it is left")


def scenario_paths(t):
    """Conditions on the path, the query left out, and who comes first: more headers, then paths alone, then age."""
    app, c = t.app(), t.connect()
    wanted = [
        ("equal", "--http-path-equal", "/one"), ("prefix", "--http-path-prefix", "/two/"),
        ("old", "--http-header", "a=1"), ("two", "--http-header", "b=1", "--http-header", "c=1"),
        ("young", "--http-header", "d=1"), ("regex", "--http-header", "e=1", "--http-path-regex", "^/[0-9]+$"),
    ]  # fmt: skip
    for name, *words in wanted:
        filtered(c, app, t.handler(name), *words, name=name)

    def request(path, *headers):
        return [*(word for header in headers for word in ("-H", f"{header}: 1")), app.url + path]

    asked = [
        ("equal", request("one")), ("equal", request("one?two=/two/")), ("app", request("one/")),
        ("app", request("two")), ("prefix", request("two/")), ("prefix", request("two/three?x")),
        ("regex", request("17", "e")), ("app", request("17a", "e")), ("app", request("17")),
        ("old", request("one", "a")), ("two", request("two/", "a", "b", "c")), ("old", request("", "a", "b")),
        ("old", request("", "d", "a")), ("young", request("", "d", "b")), ("app", request("", "b")),
    ]  # fmt: skip
    answers = curl(c, *(words for _, words in asked))
    expect(who(answers) == [name for name, _ in asked], list(zip(who(answers), asked)))
    c.leave("old")
    answers = curl(c, request("one", "a"), request("", "d", "a"))
    expect(who(answers) == ["equal", "young"], f"the next in turn, once the first is left: {answers}")


def scenario_two_users(t):
    """Two users share a port, each with requests of their own, and see each other's filters; one leaves, the other stays."""
    app, ann, bob = t.app(replicas=2), t.connect(), t.connect(mode="isolated")
    made = filtered(ann, app, t.handler("ann"), "--http-header", "x-user=ann", "--metadata", "ticketNumber=12")
    filtered(bob, app, t.handler("bob"), "--http-header", "x-user=bob", "--http-path-prefix", "/")
    expect(made["http_filter"] == {"headers": {"x-user": "ann"}} and made["metadata"] == {"ticketNumber": "12"}, made)

    def ask(user):
        return app.ask(headers={"x-user": user})["by"]

    users = ["ann", "bob", "eve"] * 4
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, users))
    expect(answers == ["ann", "bob", "app"] * 4, answers)
    for c in (ann, bob):
        text = c.tp("list").ok().out
        expect("requests with x-user: ann" in text and "ticketNumber=12" in text, text)
        expect("requests with x-user: bob and a path that begins with /" in text, text)
    example = ann.attachments()[0]["example"]
    expect(example in ann.tp("status").ok().out, "the example is shown")
    expect(json.loads(ann.run("sh", "-c", example + " -sS").ok().out)["by"] == "ann", f"{example}: as it is shown")
    bob.quit().ok()
    app.asked = [ask(user) for user in ("ann", "bob", "eve")]
    expect(app.asked == ["ann", "app", "app"], app.asked)


def scenario_conflicts(t):
    """Who wants requests that another has is told whose they are, both filters, and what helps; so is who asks for nonsense."""
    app, ann, bob, h = t.app(), t.connect(), t.connect(mode="isolated"), t.handler()
    filtered(ann, app, h, "--http-header", "x-user=ann", name="mine")

    def refused(*words):
        return bob.tp("intercept", app.name, "--port", str(h.port), *words)

    whose = ("port 8080", "as mine", "@", "requests with x-user: ann", "telepresence revoke")
    refused().failed(*whose, "yours is for all requests", "--http-header NAME=VALUE")
    same = ("--http-header", "x-user=ann", "--http-header", "b=1")
    refused(*same).failed(*whose, "yours is for requests with b: 1 and x-user: ann", "another value of a header")
    bob.tp("replace", app.name, "--port", "none").failed("container app", *whose[1:])
    ann.tp("intercept", "again", "--workload", app.name, "--http-header", "x-user=ann").failed("telepresence leave mine")
    wrong = [
        ("at position 4", "--http-path-regex", "/a("), ("begin with /", "--http-path-prefix", "a"),
        ("NAME=VALUE", "--http-header", "x-user"), ("another condition", "--http-path-equal", "/", "--http-path-regex", "/"),
        ("\"a b\"", "--http-header", "a b=1"), ("only an intercept", "wiretap", app.name, "--http-header", "a=1"),
    ]  # fmt: skip
    for text, *words in wrong:
        result = (bob.tp(*words) if words[0] == "wiretap" else refused(*words)).failed(text)
        expect(result.code == 64, f"the exit status of wrong arguments: {result}")
    expect(bob.attachments() == [], "nothing is left of what was refused")
    filtered(bob, app, h, "--http-path-equal", "/free", name="free")


def scenario_open_connections(t):
    """Connections that were open before: requests are asked one by one; WebSockets stay with whom they were opened to."""
    app = t.app(annotations={"telepresence.io/inject-traffic-agent": "enabled"})
    c, h = t.connect(), t.handler()
    talk, ann = Talker(t, c), {"x-user": "ann"}
    url = f"ws://{app.host}/ws"
    talk(open=url, on="before", headers=ann)
    expect(talk(get=app.url, on="kept", headers=ann) == {"by": "app", "fresh": True}, "before")
    filtered(c, app, h, "--http-header", "x-user=ann")
    expect(talk(get=app.url, on="kept", headers=ann) == {"by": "workstation", "fresh": False}, "the kept connection")
    expect(talk(get=app.url, on="kept") == {"by": "app", "fresh": False}, "the kept connection, without the header")
    talk(open=url, on="matched", headers=ann)
    talk(open=url, on="unmatched")
    sockets = [("before", "app"), ("matched", "workstation"), ("unmatched", "app")]
    for text in ("one", "two" * 1000):
        for name, by in sockets:
            answer = talk(say=text, on=name)["answer"]
            expect(answer == f"{by}: {text}", f"{name}: {answer[:40]}")
    c.leave(app)
    for name, by in sockets:
        if by == "app":
            expect(talk(say="three", on=name)["answer"] == "app: three", f"{name} after leave")
    expect(talk(get=app.url, on="kept", headers=ann)["by"] == "app", "the kept connection after leave")


def scenario_other_ports(t):
    """A filter on one port leaves the others alone, also one that is intercepted as a whole."""
    app, c = t.app(ports=[Port(8080), Port(8081, "admin", service=8081)]), t.connect()
    filtered(c, app, t.handler("some"), "--http-header", "x-user=ann", name="some", port="http")
    expect(app.ask(port=8081, headers={"x-user": "ann"})["by"] == "app", "the other port")
    filtered(c, app, t.handler("all"), name="all", port="admin")
    seen = [app.ask(port=port, headers={"x-user": user})["by"] for port in (None, 8081) for user in ("ann", "bob")]
    expect(seen == ["some", "app", "all", "all"], seen)
    c.leave("some")
    seen = [app.ask(port=port, headers={"x-user": "ann"})["by"] for port in (None, 8081)]
    expect(seen == ["app", "all"], seen)


def scenario_dead_daemon(t):
    """A user daemon that does not answer: others' requests are not delayed, its own go to the app; so they do when it is killed."""
    app, c, h = t.app(), t.connect(), t.handler()
    filtered(c, app, h, "--http-header", "x-user=ann")
    ann = {"x-user": "ann"}
    expect(app.ask(headers=ann)["by"] == "workstation", "its own before")
    pid = c.status()["user_daemon"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        # While somebody waits for the dead one, others pass: were they made to wait too, the second could not be before it.
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(t.cluster.caller.call, "/ask", url=app.url, headers=ann, seconds=20)
            others, before = [], 0
            while not waiting.done():
                others.append(t.cluster.caller.call("/ask", url=app.url, seconds=20))
                before += not waiting.done()
            own = waiting.result()
        expect(all(json.loads(one["body"])["by"] == "app" for one in others), others)
        expect(before >= 2, f"others were delayed: {[one['seconds'] for one in others]}, its own {own['seconds']}")
        expect(json.loads(own["body"] or "{}").get("by") == "app", f"the app answers what is the dead one's: {own}")
        # A second or so by the agent's patience; the rest is for busy machines.
        expect(own["seconds"] < 8, f"that took {own['seconds']} s")
    finally:
        os.kill(pid, signal.SIGCONT)
    t.until("the workstation's answer", lambda: app.ask(headers=ann)["by"] == "workstation", 60)
    os.kill(pid, signal.SIGKILL)
    answer = t.cluster.caller.call("/ask", url=app.url, headers=ann, seconds=20)
    expect(json.loads(answer["body"] or "{}").get("by") == "app" and answer["seconds"] < 8, answer)


def with_file(t, name, text, *command):
    """What changes an app so that it runs `command` with a file /given/NAME instead of program.py."""

    def change(objects):
        pod, metadata = objects[0]["spec"]["template"]["spec"], objects[0]["metadata"]
        given = f"{metadata['name']}-given"
        objects.append(
            {
                "apiVersion": "v1", "kind": "ConfigMap", "data": {name: text},
                "metadata": {"name": given, "namespace": metadata["namespace"], "labels": metadata["labels"]},
            }  # fmt: skip
        )
        t.later(lambda: t.kubectl("delete", "configmap", given, "--ignore-not-found").ok())
        container = pod["containers"][0]
        container["command"] = list(command)
        container["volumeMounts"].append({"name": "given", "mountPath": "/given"})
        container["readinessProbe"] = {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "timeoutSeconds": 3}
        pod["volumes"].append({"name": "given", "configMap": {"name": given}})

    return change


def start(t, *command, **streams):
    """A program at the workstation that ends with the scenario."""
    process = subprocess.Popen(command, text=True, **streams)

    def end():
        process.kill()
        process.wait()

    t.later(end)
    return process


def scenario_grpc(t):
    """gRPC: of the calls of one channel those with the metadata go to the workstation, also streams at the same time."""
    if subprocess.run([PYTHON, "-c", "import grpc"], capture_output=True).returncode:
        t.skip("no grpcio for Python here (Debian: python3-grpcio)")
    with open(RPC) as file:
        text = file.read()
    # On Docker Hub's image it has to be fetched first.
    script = (
        "P=/usr/bin/python3; $P -c 'import grpc' 2>/dev/null || { P=python3; pip install -q --target /tmp/lib grpcio; "
        "export PYTHONPATH=/tmp/lib; }; exec $P /given/rpc.py serve 8080 app"
    )
    app = t.app(change=with_file(t, "rpc.py", text, "sh", "-c", script), probes=False)
    c = t.connect()
    server = start(t, PYTHON, RPC, "serve", "0", "workstation", stdout=subprocess.PIPE)
    port = int(server.stdout.readline())
    t.later(server.stdout.close)
    c.tp("intercept", app.name, "--port", str(port), "--http-header", "x-user=ann").ok()

    def call(value):
        return c.run(PYTHON, RPC, "call", f"{app.host}:80", "x-user", value).ok().json()

    for value, by in (("ann", "workstation"), ("bob", "app")):
        answer = call(value)
        expect(answer["unary"] == ["app: x", f"{by}: x"] * 3, answer)
        expect(answer["streams"] == [[f"{one}: {turn}" for turn in range(4)] for one in ("app", by)], answer)
        expect(answer["large"] == [["app", True], [by, True]], answer)
        failures = [["FAILED_PRECONDITION", f"{one} fails", one] for one in ("app", by)]
        expect(answer["failures"] == failures, answer)
    c.leave(app)
    expect(call("ann")["unary"] == ["app: x"] * 6, "the app after leave")


#: Answers `app`, but to /only, of which it knows nothing.
NGINX = """
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    server {
        listen 8080 http2;
        location / { return 200 "app\n"; }
        location = /only { return 404; }
    }
}
"""


def scenario_http2(t):
    """HTTP/2 in plain text by curl, nghttp and h2load: each stream of a connection goes where its headers say."""
    for program in ("nghttp", "nghttpd", "h2load"):
        if not shutil.which(program):
            t.skip(f"no {program} here (Debian: nghttp2-client, nghttp2-server)")
    command = ["nginx", "-c", "/given/nginx.conf", "-g", "daemon off;"]
    change = with_file(t, "nginx.conf", NGINX, *command)
    app = t.app(image="docker.io/library/nginx:1.27", change=change, probes=False)
    c = t.connect()
    folder = os.path.join(t.directory, "only")
    os.makedirs(folder)
    for name in ("index.html", "only"):
        with open(os.path.join(folder, name), "w") as file:
            file.write("workstation\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start(t, "nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", folder, str(port))
    t.until("nghttpd", lambda: not socket.create_connection(("127.0.0.1", port)).close())
    c.tp("intercept", app.name, "--port", str(port), "--http-header", "x-user=ann").ok()

    words = []
    for number, more in enumerate((ANN, (), BOB, ANN, ())):
        # Said once more on a kept connection, it breaks curl 7.88 by itself.
        way = "--http2" if number else "--http2-prior-knowledge"
        words += [*(["--next"] if number else []), "-sS", "--max-time", "20", way]
        words += ["-w", "%{http_version} %{num_connects}\n", *more, app.url]
    lines = c.run("curl", *words).ok().out.splitlines()
    expect(lines[::2] == ["workstation", "app", "app", "workstation", "app"], lines)
    expect(lines[1::2] == ["2 1"] + ["2 0"] * 4, f"one connection: {lines}")
    for more, by in ((ANN[1:], "workstation"), ((), "app")):
        header = [word for one in more for word in ("-H", one)]
        out = c.run("nghttp", "-m", "8", *header, app.url).ok().out
        expect(out.split() == [by] * 8, f"eight streams at once: {out}")
        out = c.run("h2load", "-n", "400", "-c", "2", "-m", "20", *header, app.url + "only").ok().out
        wanted = "400 2xx, 0 3xx, 0 4xx" if by == "workstation" else "0 2xx, 0 3xx, 400 4xx"
        expect(wanted in out, f"{by}: {out}")
    c.leave(app)
    out = c.run("nghttp", "-m", "8", "-H", ANN[1], app.url).ok().out
    expect(out.split() == ["app"] * 8, f"after leave: {out}")
