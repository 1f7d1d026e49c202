"""A container makes way for the workstation: it does not run while the replacement holds, and comes back afterwards."""

from scenario import Port, each_mode
from shell import expect


def replace(c, app, *words):
    return c.tp("replace", app.name, *words, "--format", "json", seconds=120).ok().json()


def commands(app):
    """What the containers called `app` of all its pods run, those that are ending included."""
    pods = app.kubectl("get", "pods", "-l", f"app={app.name}", "-o", "json").ok().json()["items"]
    return [one["command"][0] for pod in pods for one in pod["spec"]["containers"] if one["name"] == "app"]


@each_mode
def scenario_deployment(t):
    """The container does not run in any pod; its port is the workstation's; after `leave` all is as before."""
    app, c, h = t.app(replicas=2), t.connect(), t.handler()
    made = replace(c, app, "--port", f"{h.port}:http")
    expect(made["kind"] == "replace" and made["state"] == "ACTIVE" and made["container"] == "app", made)
    expect(set(commands(app)) == {"traffic"}, commands(app))
    for _ in range(6):
        expect(app.ask()["by"] == "workstation", "the workstation answers")
    expect("replaced by" in c.tp("list").ok().out, c.tp("list"))
    c.leave(app)
    for _ in range(6):
        expect(app.ask()["by"] == "app", "the app answers as soon as `leave` has returned")
    t.until("the container in all pods", lambda: set(commands(app)) == {"python3"}, 30)


def scenario_numeric_ports(t):
    """All ports of a container, by number and without a service, come to the same numbers of a local address."""
    app = t.app(ports=[Port(8080, name=None, target="number"), Port(8091, name="extra", service=None)])
    c, address = t.connect(), "127.0.0.77"
    handlers = [t.handler(name, address=address, port=number) for name, number in (("http", 8080), ("extra", 8091))]
    replace(c, app, "--address", address, "-p", "8080:8080", "-p", "8091:extra")
    expect(app.ask()["by"] == "http", "the numeric port")
    ip = app.pod()["status"]["podIP"]
    expect(t.cluster.ask(f"http://{ip}:8091/")["by"] == "extra", "the port without a service")
    expect(all(handler.count for handler in handlers), "both handlers")
    c.leave(app)
    app.answered_by("app", 20)


def scenario_no_ports(t):
    """`--port none`: the container makes way, as a queue's consumer does, and nobody answers in its place."""
    app, c = t.app(env={"E2E_VALUE": "xyzzy"}), t.connect()
    script = 'test "$E2E_VALUE" = xyzzy && exit 4'
    result = c.tp("replace", app.name, "-p", "none", "--", "sh", "-c", script, seconds=120)
    expect(result.code == 4, result)
    expect(c.attachments() == [], "it ended with its command")
    app.answered_by("app", 20)


def scenario_beside_others(t):
    """The containers beside the replaced one go on; a second replacement of it is refused, naming who holds it."""

    def change(objects):
        containers = objects[0]["spec"]["template"]["spec"]["containers"]
        containers.append(
            {
                **{key: containers[0][key] for key in ("image", "command", "volumeMounts", "resources")},
                "name": "side", "env": [{"name": "NAME", "value": "side"}, {"name": "HTTP", "value": "8090"}],
                "ports": [{"containerPort": 8090}],
            }
        )  # fmt: skip

    app, c, h = t.app(change=change), t.connect(), t.handler()
    c.tp("replace", app.name).failed("several containers", "side")
    replace(c, app, "--container", "app", "-p", f"{h.port}:http")
    ip = app.pod()["status"]["podIP"]
    expect(t.cluster.ask(f"http://{ip}:8090/")["by"] == "side", "the container beside it")
    expect(app.ask()["by"] == "workstation", "the replaced one")
    other = t.connect(mode="isolated")
    other.tp("replace", app.name, "--container", "app").failed("container app", "already replaced by")
    other.tp("intercept", app.name, "--port", "8080:http").failed("already replaced by")
    other.tp("ingest", app.name, "-c", "app").ok()


def scenario_quit(t):
    """The workstation quits: the container comes back by itself."""
    app, c, h = t.app(), t.connect(), t.handler()
    replace(c, app, "-p", f"{h.port}:http")
    expect(app.ask()["by"] == "workstation", "replaced")
    c.quit().ok()
    t.until("the container in all pods", lambda: set(commands(app)) == {"python3"}, 60)
    app.answered_by("app", 30)
