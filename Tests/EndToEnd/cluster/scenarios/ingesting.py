"""A container's environment on the workstation, and its traffic left alone."""

import json
import os

from scenario import Port
from shell import expect

#: Written by the container itself, so that it is compared with what it really sees.
PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def every_source(app_name, container):
    """Gives a container variables from every source that Kubernetes knows; the objects that they come from."""
    container["env"] += [
        {"name": "E2E_MAP", "valueFrom": {"configMapKeyRef": {"name": app_name, "key": "plain"}}},
        {"name": "E2E_SECRET", "valueFrom": {"secretKeyRef": {"name": app_name, "key": "secret"}}},
        {"name": "E2E_NONE", "valueFrom": {"configMapKeyRef": {"name": app_name, "key": "none", "optional": True}}},
        {"name": "E2E_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "E2E_LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "E2E_MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "requests.memory"}}},
        {"name": "E2E_JOINED", "value": "$(E2E_MAP)/$(E2E_SECRET)/$(FROM_plain)/$(E2E_NOWHERE)/$$(E2E_MAP)"},
        {"name": "E2E_EMPTY", "value": ""},
    ]
    container["envFrom"] = [
        {"configMapRef": {"name": app_name}, "prefix": "FROM_"},
        {"secretRef": {"name": app_name}},
        {"configMapRef": {"name": "nowhere", "optional": True}},
    ]


def environment_app(t):
    """An app with every kind of variable, and a second container with others."""
    name = t.unique()
    t.cluster.apply(
        [
            {
                "apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": t.namespace}, field: values,
            }
            for kind, field, values in (
                ("ConfigMap", "data", {"plain": "a plain value", "lines": "one\ntwo"}),
                ("Secret", "stringData", {"secret": "s3cr=t $HOME", "OTHER": "'quoted'"}),
            )
        ]
    )  # fmt: skip
    t.later(lambda: t.kubectl("delete", "configmap,secret", name, "--ignore-not-found").ok())

    def change(objects):
        containers = objects[0]["spec"]["template"]["spec"]["containers"]
        every_source(name, containers[0])
        containers.append(
            {
                **{key: containers[0][key] for key in ("image", "command", "volumeMounts", "resources")},
                "name": "side", "env": [{"name": "NAME", "value": "side"}, {"name": "HTTP", "value": "8090"}],
            }
        )  # fmt: skip

    return t.app(name=name, change=change)


def seen_by(app, container):
    """The environment of a container, by its own word."""
    pod = app.pod()["metadata"]["name"]
    return app.kubectl("exec", pod, "-c", container, "--", "python3", "-c", PRINT).ok().json()


def scenario_every_variable(t):
    """Variables from config maps, secrets, fields, resources and references arrive as the container itself sees them."""
    app, c = environment_app(t), t.connect()
    path = os.path.join(t.directory, "app.json")
    made = c.tp("ingest", app.name, "-c", "app", "--env-json", path, "--format", "json").ok().json()
    expect(made["kind"] == "ingest" and made["state"] == "ACTIVE" and made["container"] == "app", made)
    with open(path) as file:
        ours = json.load(file)
    theirs = seen_by(app, "app")
    names = [name for name in theirs if name.startswith(("E2E_", "FROM_")) or name in ("NAME", "secret", "OTHER")]
    expect(len(names) >= 11, theirs)
    # The pod may be another one by now, but not in what it is called here.
    wrong = {name: (ours.get(name), theirs[name]) for name in names if ours.get(name) != theirs[name]}
    expect(not wrong, f"workstation and container differ: {wrong}")
    expect("E2E_NONE" not in ours, "an optional variable that is nowhere")
    own = {name for name in ours if name.startswith("TELEPRESENCE_")}
    expect(own == {"TELEPRESENCE_CONTAINER", "TELEPRESENCE_INTERCEPT_ID"} | (own & {"TELEPRESENCE_ROOT", "TELEPRESENCE_MOUNTS"}), own)
    expect(ours["TELEPRESENCE_CONTAINER"] == "app" and ours["TELEPRESENCE_INTERCEPT_ID"] == made["id"], own)
    expect(app.ask()["by"] == "app", "the traffic stays the app's")


def scenario_beside_an_intercept(t):
    """Two people ingest what a third one intercepts; each gets the environment, and the intercept stays."""
    app, h = t.app(env={"E2E_VALUE": "xyzzy"}), t.handler()
    holder = t.connect()
    holder.intercept(app, port=h.port)
    for _ in range(2):
        c = t.connect(mode="isolated")
        result = c.tp("ingest", app.name, "--", "sh", "-c", 'test "$E2E_VALUE" = xyzzy && exit 7')
        expect(result.code == 7, result)
        expect(c.attachments() == [], "the ingest ended with its command")
    c.tp("ingest", app.name).ok()
    expect("ingested by" in c.tp("list").ok().out, c.tp("list"))
    expect(app.ask()["by"] == "workstation", "the intercept stays")
    c.leave(app)
    expect(c.attachments() == [], "left")


def scenario_several_containers(t):
    """A container must be named where there are several; two of one workload are ingested at once, and left by `-c`."""
    app, c = environment_app(t), t.connect()
    refusal = c.tp("ingest", app.name).failed("several containers")
    expect("app" in refusal.err and "side" in refusal.err, refusal)
    c.tp("ingest", app.name, "-c", "nope").failed("no container nope")
    for container in ("app", "side"):
        c.tp("ingest", app.name, "-c", container).ok()
    expect(sorted(one["container"] for one in c.attachments()) == ["app", "side"], c.attachments())
    c.tp("leave", app.name, "-c", "side").ok()
    expect([one["container"] for one in c.attachments()] == ["app"], c.attachments())
    c.tp("detach", app.name, "--container", "app", "-n", app.namespace).ok()
    expect(c.attachments() == [], c.attachments())


def scenario_without_service(t):
    """A workload that no service leads to, and that has no port, is ingested all the same."""
    app, c = t.app(service=False, ports=[Port(8080, name=None, declared=False)], probes=False), t.connect()
    result = c.tp("ingest", app.name, "--", "sh", "-c", 'test "$NAME" = app').ok()
    expect(result.code == 0, result)


def scenario_running_pods(t):
    """`--attach ephemeral`: the pods are not restarted."""
    app, c = t.app(env={"E2E_VALUE": "xyzzy"}), t.connect()
    before = app.pod()["metadata"]["uid"]
    c.tp("ingest", app.name, "--attach", "ephemeral", "--", "sh", "-c", 'test "$E2E_VALUE" = xyzzy').ok()
    expect(app.pod()["metadata"]["uid"] == before, "the same pod")
