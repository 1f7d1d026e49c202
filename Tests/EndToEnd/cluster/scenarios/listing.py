"""What `list` and its like tell, with and without a connection."""

import json
import os
import signal
import threading

from shell import expect


def scenario_kinds(t):
    """`list -i`, `-g`, `-t` and `-a` choose by what is attached; all of them tell who holds it."""
    apps = {kind: t.app(kind, wait=False) for kind in ("intercept", "ingest", "wiretap", "none")}
    c, h = t.connect(), t.handler()
    for kind, app in apps.items():
        app.ready()
        if kind != "none":
            ports = [] if kind == "ingest" else ["--port", str(h.port)]
            c.tp(kind, app.name, *ports, seconds=90).ok()

    def names(*flags):
        listed = c.tp("list", *flags, "--format", "json").ok().json()
        return {kind for kind, app in apps.items() if app.name in [one["name"] for one in listed]}

    expect(names() == set(apps), names())
    for flags, wanted in (
        (["-i"], {"intercept"}), (["-g"], {"ingest"}), (["-t"], {"wiretap"}), (["-r"], set()),
        (["-i", "-t"], {"intercept", "wiretap"}), (["-a"], {"intercept", "ingest", "wiretap"}),
    ):  # fmt: skip
        expect(names(*flags) == wanted, f"list {flags}: {names(*flags)}")
    text = c.tp("list").ok().out
    for word in ("intercepted by", "ingested by", "wiretapped by"):
        expect(word in text, text)


def scenario_watch(t):
    """`list --watch --format json-stream`: an object for each change, and a good end at Ctrl-C."""
    app, c = t.app(), t.connect()
    child = c.start("list", "--watch", "--format", "json-stream", stdout=-1, stderr=-1, stdin=-3, text=True)
    t.later(lambda: child.poll() is None and child.kill())
    seen = []

    def read():
        for line in child.stdout:
            seen.append(json.loads(line))

    threading.Thread(target=read, daemon=True).start()

    def told(change, attached):
        return any(
            one["change"] == change and one["workload"]["name"] == app.name
            and bool(one["workload"]["attachments"]) == attached
            for one in list(seen)
        )  # fmt: skip

    t.until("the workload", lambda: told("added", False), 20)
    c.tp("ingest", app.name).ok()
    t.until("the change", lambda: told("modified", True), 20)
    child.send_signal(signal.SIGINT)
    expect(child.wait(20) == 0, f"the end: {child.returncode} {child.stderr.read()}")


def scenario_without_a_connection(t):
    """`list-contexts` and `list-namespaces` need no daemon; what is wrong is said with its file."""
    c = t.connection()
    contexts = c.tp("list-contexts", "--format", "json").ok().json()
    expect([one for one in contexts if one["current"]], contexts)
    expect(contexts[0]["server"].startswith("https://"), contexts)
    expect(contexts[0]["name"] in c.tp("list-contexts").ok().out, "as text")
    names = c.tp("list-namespaces", "--format", "json").ok().json()
    expect(t.namespace in names and names == sorted(names), names)
    missing = os.path.join(t.directory, "no-such-file")
    c.tp("list-contexts", "--kubeconfig", missing).failed(missing)
    c.tp("list-namespaces", "--context", "no-such-context").failed("no-such-context")
