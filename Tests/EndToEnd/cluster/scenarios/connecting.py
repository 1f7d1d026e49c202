"""Connecting, and what the command line tells."""

import json
import os
import signal
import socket
import subprocess

from scenario import each_mode, only_mode
from shell import Failure, expect, run


@each_mode
def scenario_command(t):
    """`connect -- CMD` passes the environment on, sees the cluster, returns CMD's status, and disconnects."""
    app = t.app()
    c = t.connection()
    c.take_network()
    script = (
        "import os, sys, urllib.request as u;"
        "print(os.environ['E2E_WORD'], u.urlopen(sys.argv[1], timeout=10).read().decode()); sys.exit(7)"
    )
    result = c.tp(*c.connect_words("--", "python3", "-c", script, app.url), env={"E2E_WORD": "xyzzy"})
    expect(result.code == 7, f"the command's own status: {result}")
    expect("xyzzy" in result.out and app.name in result.out, result)
    expect(not c.status().get("connection"), "the session ended with the command")


@each_mode
def scenario_repeated(t):
    """A second connect says that there is a connection, and keeps its session."""
    c = t.connect()
    before = c.status()
    expect("already connected" in c.connect().ok().out.lower(), "a second connect tells")
    after = c.status()
    expect(before["connection"] == after["connection"], f"the connection changed: {before} {after}")
    expect(before["user_daemon"]["pid"] == after["user_daemon"]["pid"], "the daemon is the same")


def scenario_again(t):
    """Connecting, quitting and connecting again works at once, several times."""
    app = t.app()
    c = t.connection()
    for _ in range(3):
        c.connect().ok()
        c.get(app.url)
        c.quit().ok()


def scenario_other_namespace(t):
    """A single label is looked up in the namespace that `connect --namespace` gives."""
    name = t.unique("same")
    t.app(name=name, env={"NAME": "here"}, wait=False)
    there = t.app(name=name, namespace=t.cluster.other_namespace, env={"NAME": "there"})
    c = t.connect(namespace=t.cluster.other_namespace)
    expect(c.status()["connection"]["namespace"] == there.namespace, "status tells the namespace")
    expect(c.get(f"http://{name}/")["by"] == "there", f"{name} in the other namespace")
    c.answered_by(f"http://{name}.{t.namespace}/", "here")


def scenario_namespace_of_context(t):
    """The context's own namespace is used where `--namespace` is not given."""
    with open(t.cluster.kubeconfig) as file:
        text = file.read()
    path = os.path.join(t.directory, "with-namespace")
    with open(path, "w") as file:
        file.write(text)
    run(["kubectl", "--kubeconfig", path, "config", "set-context", "--current", "--namespace", t.namespace]).ok()
    c = t.connection()
    words = ["connect", "--manager-namespace", t.cluster.manager_namespace, "--kubeconfig", path]
    c.take_network()
    c.tp(*words, *(["--isolated"] if c.isolated else [])).ok()
    expect(c.status()["connection"]["namespace"] == t.namespace, c.status()["connection"])


@each_mode
def scenario_descriptors(t):
    """A program gets the descriptors that its caller passes on, and none of ours."""
    c = t.connect()
    own, other = os.pipe()
    script = f"import os; print(sorted(os.listdir('/proc/self/fd'))); os.write({other}, b'passed on')"
    child = c.start("exec", "--", "python3", "-c", script, stdin=-3, stdout=-1, pass_fds=[other], text=True)
    os.close(other)
    out, _ = child.communicate(timeout=30)
    with os.fdopen(own) as file:
        expect(file.read() == "passed on", "what the caller passes on")
    # One more is the directory that is being listed.
    expect(len(eval(out)) == 5, f"descriptors: {out}")


def scenario_invalid_kubeconfig(t):
    """A kubeconfig that is missing, empty or broken: an error that names the file, and nothing is left."""
    c = t.connection(mode="isolated")
    texts = {"missing": None, "empty": "", "broken": "apiVersion: v1\nclusters: [\n"}
    for name, text in texts.items():
        path = os.path.join(t.directory, name)
        if text is not None:
            with open(path, "w") as file:
                file.write(text)
        c.tp(*c.connect_words("--kubeconfig", path)).failed(path)
    expect(not c.status().get("connection"), "no connection")


@each_mode
def scenario_interrupted(t):
    """Ctrl-C while the API server does not answer: the command ends at once, nothing stays, and the next connect works."""
    c = t.connection()
    c.take_network()
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = c.connect_words("--server", f"https://127.0.0.1:{server.getsockname()[1]}")
        child = c.start(*words, stdout=-3, stderr=-1, stdin=-3, text=True)
        t.later(lambda: child.poll() is None and child.kill())
        server.settimeout(30)
        connection, _ = server.accept()
        with connection:
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=20)
            expect(child.returncode == 130 and "interrupted" in err, f"{child.returncode} {err}")
    expect(not c.status().get("connection"), "no connection")
    c.connect().ok()


def scenario_missing_context(t):
    """A context that the kubeconfig does not have is named, and so are those that it has."""
    c = t.connection(mode="isolated")
    present = run(["kubectl", "--kubeconfig", t.cluster.kubeconfig, "config", "current-context"]).ok().out.strip()
    words = [word for word in c.connect_words() if word not in ("--context", t.cluster.options.context)]
    c.tp(*words, "--context", "no-such-context").failed("no-such-context", present)


def scenario_missing_namespace(t):
    """A namespace that the cluster does not have is named."""
    c = t.connection(namespace="tp-e2e-no-such-namespace", mode="isolated")
    c.connect().failed("tp-e2e-no-such-namespace")


def scenario_missing_manager(t):
    """Where no traffic manager is, connect says so and how to install it."""
    c = t.connection(mode="isolated")
    words = c.connect_words()
    words[words.index("--manager-namespace") + 1] = t.cluster.other_namespace
    c.tp(*words).failed("traffic manager", t.cluster.other_namespace)


def scenario_refused_token(t):
    """A token that the API server refuses is told as such."""
    c = t.connection(mode="isolated")
    path = os.path.join(t.directory, "refused")
    view = run(["kubectl", "--kubeconfig", t.cluster.kubeconfig, "config", "view", "--raw", "--minify", "-o", "json"])
    config = json.loads(view.ok().out)
    config["users"][0]["user"] = {"token": "not-a-token"}
    with open(path, "w") as file:
        json.dump(config, file)
    words = [word for word in c.connect_words() if word not in ("--context", t.cluster.options.context)]
    result = c.tp(*words, "--kubeconfig", path)
    if result.code == 0:
        raise Failure(f"connected with a wrong token: {result}")
    text = (result.out + result.err).lower()
    expect("401" in text or "unauthorized" in text or "refused" in text or "credential" in text, result)


def scenario_not_connected(t):
    """Every command that needs a connection says that there is none, and how to make one."""
    c = t.connection(mode="isolated")
    for words in (["list"], ["intercept", "app", "--port", "8080"], ["leave", "app"], ["exec", "--", "true"]):
        c.tp(*words).failed("not connected", "telepresence connect")
    error = c.tp("list", "--format", "json")
    expect(error.code != 0 and "not connected" in error.json()["error"].lower(), error)
    expect("not connected" in c.tp("quit").ok().out.lower(), "quit while not connected is no error")


@each_mode
def scenario_status(t):
    """`status` tells daemons, connection and attachments, as JSON and as text."""
    c = t.connect()
    status = c.status()
    expect({"user_daemon", "root_daemon", "connection", "attachments"} <= status.keys(), status.keys())
    expect(status["user_daemon"]["status"] == "connected" and status["user_daemon"]["pid"] > 0, status["user_daemon"])
    expect(status["root_daemon"]["running"] == (not c.isolated), status["root_daemon"])
    wanted = {
        "kubernetes_server", "kubernetes_context", "namespace", "manager_namespace", "manager_version",
        "service_subnets", "pod_subnets", "session_id",
    }  # fmt: skip
    connection = status["connection"]
    expect(wanted <= connection.keys(), f"{wanted - connection.keys()} missing in {connection}")
    expect(connection["namespace"] == t.namespace, connection)
    expect(connection["manager_namespace"] == t.cluster.manager_namespace, connection)
    expect(connection["service_subnets"], "a service subnet")
    expect(status["attachments"] == [], status["attachments"])
    text = c.tp("status").ok().out
    for word in ("User daemon", "Root daemon", "Traffic manager", t.namespace):
        expect(word in text, f"{word!r} in {text}")


def scenario_version(t):
    """`version` lists all components when connected, and those that run when not."""
    c = t.connection()
    alone = c.tp("version", "--format", "json").ok().json()
    expect("client" in alone and "traffic_manager" not in {key for key, value in alone.items() if value}, alone)
    c.connect().ok()
    all_of_them = c.tp("version", "--format", "json").ok().json()
    for key in ["client", "user_daemon", "traffic_manager"] + ([] if c.isolated else ["root_daemon"]):
        expect(all_of_them.get(key), f"{key} in {all_of_them}")


@each_mode
def scenario_quit_leaves_nothing(t):
    """After `quit -s` no daemon runs, no socket is left, and the workstation's network is as before."""
    c = t.connection()
    c.take_network()
    before = network() if not c.isolated else None
    c.connect().ok()
    pids = [c.status()[daemon].get("pid") for daemon in ("user_daemon", "root_daemon")]
    c.quit().ok()
    for pid in filter(None, pids):
        t.until(f"process {pid} has ended", lambda pid=pid: not os.path.exists(f"/proc/{pid}") or zombie(pid), 20)
    left = [name for name in os.listdir(c.env["TELEPRESENCE_RUNTIME_DIR"]) if name.endswith(".sock")]
    expect(not left, f"sockets left: {left}")
    if before:
        t.until("the network as before", lambda: network() == before or expect(False, f"{before}\n{network()}"), 20)


def network():
    commands = (["ip", "-o", "link"], ["ip", "rule"], ["ip", "route", "show", "table", "all"], ["nft", "list", "ruleset"])
    texts = []
    for command in commands:
        try:
            texts.append(subprocess.run(command, capture_output=True, text=True).stdout)
        except FileNotFoundError:
            texts.append("")
    with open("/etc/resolv.conf") as file:
        texts.append(file.read())
    return texts


def zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@only_mode("isolated")
def scenario_two_connections(t):
    """Two named connections of one user, in two namespaces, each resolve their own names."""
    name = t.unique("same")
    apps = [
        t.app(name=name, namespace=namespace, env={"NAME": namespace}, wait=False)
        for namespace in (t.namespace, t.cluster.other_namespace)
    ]
    c = t.connection()
    for app in apps:
        words = c.connect_words("--name", app.namespace[-4:])
        words[words.index("--namespace") + 1] = app.namespace
        c.tp(*words).ok()
        t.later(lambda app=app: c.tp("quit", "-s", "--use", app.namespace[-4:]).ok())
    for app in apps:
        app.ready()
        script = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())"
        words = ["exec", "--use", app.namespace[-4:], "--", "python3", "-c", script, f"http://{name}/"]
        expect(app.namespace in c.tp(*words).ok().out, f"{name} in {app.namespace}")


def scenario_list(t):
    """`list` tells kind, name and state of what can be intercepted, and leaves the traffic manager out."""
    apps = [t.app("d", wait=False), t.app("s", kind="StatefulSet", wait=False)]
    c = t.connect()
    listed = {one["name"]: one for one in c.tp("list", "--format", "json").ok().json()}
    for app in apps:
        expect(app.name in listed, f"{app.name} in {sorted(listed)}")
        expect(listed[app.name]["kind"].lower() == app.kind.lower(), listed[app.name])
        expect(listed[app.name]["agent_state"] == "none", listed[app.name])
    expect("traffic-manager" not in listed, "the traffic manager is none of them")
    text = c.tp("list").ok().out
    line = next((line for line in text.splitlines() if apps[0].name in line), "")
    expect("ready to attach" in line, f"{apps[0].name} in {text}")


@each_mode
def scenario_exec(t):
    """`exec -- CMD` sees the cluster, passes environment, input, output and the exit status on."""
    app = t.app()
    c = t.connect()
    script = (
        "import os, sys, urllib.request as u;"
        "print(os.environ['E2E_WORD'], sys.stdin.read(), u.urlopen(sys.argv[1], timeout=10).read().decode()); sys.exit(3)"
    )
    words = ["exec", "--", "python3", "-c", script, app.url]
    result = run([t.cluster.options.telepresence, *words], env={**c.env, "E2E_WORD": "xyzzy"}, stdin="by input")
    expect(result.code == 3, result)
    expect("xyzzy" in result.out and "by input" in result.out and app.name in result.out, result)
    c.tp("exec", "--", "no-such-program").failed("no-such-program")


def scenario_json_errors(t):
    """With `--format json` every error is an object with `error` on standard output, and the exit status tells as well."""
    c = t.connect()
    for words in (["intercept", "no-such-workload", "--port", "8080"], ["leave", "no-such-intercept"]):
        result = c.tp(*words, "--format", "json")
        expect(result.code != 0, f"exit status of {result}")
        expect(words[1] in result.json()["error"], result)


def scenario_every_format(t):
    """Every command prints one JSON document with `--format json`, on success and on failure, and lines of them as stream."""
    tree = json.loads(run([t.cluster.options.telepresence, "--experimental-dump-help"]).ok().out)["command"]
    c = t.connect()
    zip_file = os.path.join(t.directory, "logs.zip")
    kubeconfig = ["--kubeconfig", t.cluster.kubeconfig]
    manager = ["--manager-namespace", t.cluster.manager_namespace, *kubeconfig]
    # How each is called: where it succeeds, and where it fails by itself rather than by its arguments.
    attaching = ["no-such-workload"]
    gathered = ["--traffic-agents", "none"]
    calls = {
        "connect": (c.connect_words()[1:], [*c.connect_words()[1:], "--context", "no-such-context"]),
        "status": ([], ["--of", "agent/no-such-pod"]),
        # Of a namespace that is not there the list is empty; that is no failure.
        "list": ([], None),
        "intercept": (None, [*attaching, "--port", "8080"]), "ingest": (None, attaching),
        "wiretap": (None, [*attaching, "--port", "8080"]), "replace": (None, attaching), "leave": (None, attaching),
        # What a program writes is its own; without one there is nothing to be run.
        "exec": (None, []),
        "version": ([], None), "revoke": (None, ["nobody@nowhere:nothing"]),
        "list-contexts": (kubeconfig, ["--kubeconfig", "/no/such/file"]),
        "list-namespaces": (kubeconfig, ["--context", "no-such-context", *kubeconfig]),
        "install": (["--dry-run", *manager], manager), "upgrade": (["--dry-run", *manager], ["--set", "no.such=1", *manager]),
        "uninstall": (["--dry-run", *manager], ["--context", "no-such-context", *manager]),
        "lint": (["--show-values"], ["--set", "no.such=1"]),
        "logs": (["--tail", "3"], ["--of", "agent/no-such-pod"]), "loglevel": (["info", "--local-only"], ["no-such-level"]),
        # Agents of other scenarios' pods come and go.
        "gather-logs": ([*gathered, "-o", zip_file], [*gathered, "-o", "/no/such/directory/logs.zip"]),
        "config view": (["--client-only"], None), "completion": (["bash"], None),
        "quit": ([], None),
    }  # fmt: skip
    # The same commands under other names.
    calls.update({f"helm {name}": (None, None) for name in ("install", "upgrade", "uninstall", "lint")})

    def leaves(command, path=()):
        children = [one for one in command.get("subcommands", []) if one["commandName"] != "help"]
        if not children:
            yield " ".join(path)
        for child in children:
            yield from leaves(child, (*path, child["commandName"]))

    names = list(leaves(tree))
    expect(set(names) == set(calls), f"commands without a call here, or calls without a command: {set(names) ^ set(calls)}")
    wrong = []

    def judge(name, words, fails):
        result = c.tp(*name.split(), *words, "--format", "json", seconds=90)
        try:
            document = json.loads(result.out)
        except ValueError:
            wrong.append(f"{name} {words}: no JSON document: {result}")
            return
        told = isinstance(document, dict) and bool(document.get("error"))
        if (result.code != 0) != fails or told != fails:
            wrong.append(f"{name} {words}: exit status {result.code}, {result}")

    for name in sorted(names, key=lambda name: name == "quit"):
        succeeding, failing = calls[name]
        judge(name, ["--no-such-option"], True)
        if failing is not None:
            judge(name, failing, True)
        if succeeding is not None:
            judge(name, succeeding, False)
    stream = c.tp("version", "--format", "json-stream").ok().out.splitlines()
    expect(len(stream) == 1 and json.loads(stream[0])["client"], stream)
    judge("", ["no-such-command"], True)
    expect(not wrong, "\n".join(wrong))


def scenario_config(t):
    """`config view` tells what applies and where it comes from, with a connection and without."""
    c = t.connection()
    alone = c.tp("config", "view", "--client-only", "--format", "json").ok().json()
    expect("connection" not in alone or alone["connection"] is None, alone)
    client = alone["client"]
    expect(client["log_dir"] == {"value": c.env["TELEPRESENCE_LOG_DIR"], "source": "TELEPRESENCE_LOG_DIR"}, client)
    expect(client["kubeconfig"] == {"value": t.cluster.kubeconfig, "source": "KUBECONFIG"}, client)
    expect(client["log_level"] == {"value": "info", "source": "default"}, client)
    level = c.tp("config", "view", "-c", env={"TELEPRESENCE_LOG_LEVEL": "trace"}).ok().out
    expect("value: trace" in level and "source: TELEPRESENCE_LOG_LEVEL" in level, level)
    c.connect().ok()
    connection = c.tp("config", "view", "--format", "json").ok().json()["connection"]
    expect(connection["namespace"] == {"value": t.namespace, "source": "connect"}, connection)
    expect(connection["service_subnets"]["source"] == "traffic-manager", connection)
    expect(connection["isolated"]["value"] == str(c.isolated).lower(), connection)


@only_mode("host")
def scenario_also_proxy(t):
    """A subnet given with `--also-proxy` is routed to the cluster beside its own; what is no subnet is named."""
    c = t.connect(options=["--also-proxy", "198.51.100.0/24"])
    routes = c.status()["root_daemon"]["routes"]
    expect("198.51.100.0/24" in routes and len(routes) > 1, routes)
    route = run(["ip", "route", "get", "198.51.100.7"]).ok().out
    expect(c.status()["root_daemon"]["interface"] in route, route)
    wrong = t.connection(options=["--also-proxy", "not-a-subnet"], mode="isolated")
    wrong.connect().failed("not-a-subnet")
