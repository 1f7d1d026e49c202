"""How agents come into pods and go again, and what becomes of requests meanwhile."""

import json
import time

from scenario import alone
from shell import Failure, expect


def begin(t, app, pause=0.01):
    """Another pod begins to ask an app again and again."""
    t.cluster.caller.call("/load", url=app.url, pause=pause)
    t.later(lambda: t.cluster.caller.call("/load/stop", url=app.url))


def none_failed(t, app, least):
    """Ends the asking: no request may have failed."""
    report = t.cluster.caller.call("/load/stop", url=app.url)[app.url]
    expect(report["asked"] >= least, f"hardly anything was asked: {report}")
    expect(not report["failed"], f"{len(report['failed'])} of {report['asked']} requests failed: {report['failed'][:5]}")
    return report


def pods_of(app):
    return {pod["metadata"]["uid"]: pod for pod in app.pods()}


def has_agent(pod):
    containers = pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
    return any(container["name"] == "traffic-agent" for container in containers)


def gone(t, app):
    """Nothing of a replacement is left: no pod out of count, and only pods of the workload's own."""

    def check():
        left = t.kubectl("get", "pods", "-l", "telepresence.io/replaced", "-o", "json").ok().json()["items"]
        mine = [p for p in left if p["metadata"]["annotations"].get("telepresence.io/replaced-of", "").endswith("/" + app.name)]
        return not mine

    t.until(f"the end of the replaced pods of {app.name}", check, 30)


def scenario_no_request_lost(t):
    """No request fails while agents come and go under constant load, and the workload's spec is not touched."""
    app = t.app(replicas=2)
    c = t.connect()
    handler = t.handler("workstation")
    before = app.kubectl("get", app.reference, "-o", "json").ok().json()
    begin(t, app)
    c.intercept(app, port=handler.port)
    expect(app.ask()["by"] == "workstation", "the first request after ACTIVE")
    expect(all(has_agent(pod) for pod in app.ready_pods()), "every pod has an agent")
    c.leave(app)
    app.answered_by("app")
    c.tp("uninstall", app.name, seconds=90).ok()
    expect(not any(has_agent(pod) for pod in app.pods()), "no pod has an agent any more")
    gone(t, app)
    report = none_failed(t, app, 50)
    expect(report["by"].get("workstation", 0) > 0, report)
    after = app.kubectl("get", app.reference, "-o", "json").ok().json()
    expect(before["spec"] == after["spec"], "the workload's spec is as it was")
    expect(before["metadata"]["generation"] == after["metadata"]["generation"], "no new generation")


def scenario_first_intercept(t):
    """A first intercept of a single pod under load loses no request, though its app ends at once when told to."""
    app = t.app()
    c = t.connect()
    handler = t.handler("workstation")
    begin(t, app, 0.002)
    c.intercept(app, port=handler.port)
    expect(app.ask()["by"] == "workstation", "the first request after ACTIVE")
    gone(t, app)
    report = none_failed(t, app, 50)
    expect(report["turns"][-1][1] == "workstation", f"the last ones are answered here: {report['turns']}")


def scenario_numbered_under_load(t):
    """A StatefulSet of two loses no request while its pods go one by one, where its app ends its requests when told to."""
    app = t.app(kind="StatefulSet", replicas=2, env={"LINGER": "1.5"})
    c = t.connect()
    handler = t.handler("workstation")
    begin(t, app)
    c.intercept(app, port=handler.port)
    expect(app.ask()["by"] == "workstation", "the first request after ACTIVE")
    c.leave(app)
    app.answered_by("app")
    none_failed(t, app, 50)


def forbid(t, app, **limit):
    """Makes a disruption budget for an app's pods."""
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": app.name, "namespace": t.namespace, "labels": t.cluster.labels},
        "spec": {**limit, "selector": {"matchLabels": {"app": app.name}}},
    }
    t.cluster.apply([budget])
    t.later(lambda: t.kubectl("delete", "pdb", app.name, "--ignore-not-found").ok())


def scenario_budget_for_ever(t):
    """A disruption budget that never permits it ends the attach, in its words; a StatefulSet's only pod stays."""
    app = t.app(kind="StatefulSet")
    forbid(t, app, minAvailable=1)
    before = set(pods_of(app))
    c = t.connect()
    began = time.monotonic()
    c.tp("intercept", app.name, "--port", "1", seconds=120).failed("a disruption budget holds pod", app.name)
    took = time.monotonic() - began
    expect(took < 60, f"it took {took:.1f} s")
    expect(set(pods_of(app)) == before, "the pod is the same")
    expect(app.ask()["by"] == "app", "the app answers")
    c.tp("uninstall", app.name, seconds=60).ok()


def scenario_budget(t):
    """A disruption budget that allows nothing does not stand in the way of a workload with a surge."""
    app = t.app()
    forbid(t, app, maxUnavailable=0)
    c = t.connect()
    handler = t.handler("workstation")
    c.intercept(app, port=handler.port)
    expect(app.ask()["by"] == "workstation", "the first request after ACTIVE")
    c.leave(app)
    gone(t, app)


def scenario_recreate(t):
    """A Deployment with the strategy Recreate is replaced by eviction; no request fails from ACTIVE on."""

    def change(objects):
        objects[0]["spec"]["strategy"] = {"type": "Recreate"}

    app = t.app(change=change)
    c = t.connect()
    handler = t.handler("workstation")
    c.intercept(app, port=handler.port)
    # Between the two pods there is nobody; from ACTIVE on nothing is lost.
    begin(t, app)
    expect(app.ask()["by"] == "workstation", "the first request after ACTIVE")
    c.leave(app)
    app.answered_by("app")
    none_failed(t, app, 1)


def scenario_daemon_set(t):
    """A DaemonSet is intercepted and left."""
    app = t.app(kind="DaemonSet")
    c = t.connect()
    handler = t.handler("workstation")
    c.intercept(app, port=handler.port)
    expect(app.ask()["by"] == "workstation", "the first request after ACTIVE")
    c.leave(app)
    app.answered_by("app")


def spared(t, app, *words):
    """Intercepts without a restart: the very same pods serve before, meanwhile and after."""
    before = {uid: restarts(pod) for uid, pod in pods_of(app).items()}
    c = t.connect()
    handler = t.handler("workstation")
    c.intercept(app, *words, port=handler.port)
    expect(app.ask()["by"] == "workstation", "the first request after ACTIVE")
    c.leave(app)
    app.answered_by("app")
    after = {uid: restarts(pod) for uid, pod in pods_of(app).items()}
    expect(before == after, f"pods were restarted: {before} {after}")


def restarts(pod):
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def scenario_bare_pod(t):
    """A pod of its own is intercepted while it runs."""
    spared(t, t.app(kind="Pod"))


def scenario_job(t):
    """A Job's pod is intercepted while it runs."""
    spared(t, t.app(kind="Job"))


def scenario_ephemeral(t):
    """`--attach ephemeral` spares a Deployment's pods a restart, and no request fails."""
    app = t.app()
    begin(t, app)
    spared(t, app, "--attach", "ephemeral")
    none_failed(t, app, 20)


def scenario_no_configuration(t):
    """A successor that cannot be configured is told of within seconds; the pod that serves stays."""
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": t.unique("settings"), "namespace": t.namespace, "labels": t.cluster.labels},
        "data": {"word": "x"},
    }
    name = settings["metadata"]["name"]
    t.cluster.apply([settings])

    def change(objects):
        container = objects[0]["spec"]["template"]["spec"]["containers"][0]
        container["env"].append({"name": "WORD", "valueFrom": {"configMapKeyRef": {"name": name, "key": "word"}}})

    app = t.app(change=change)
    before = set(pods_of(app))
    t.kubectl("delete", "configmap", name).ok()
    told(t, app, before, name)


def told(t, app, before, *words, connection=None):
    """The intercept fails within seconds with the reason, and the app's pods are the same as before."""
    c = connection or t.connect()
    began = time.monotonic()
    c.tp("intercept", app.name, "--port", "1", seconds=60).failed(*words)
    took = time.monotonic() - began
    expect(took < 20, f"it took {took:.1f} s")
    expect(app.ask()["by"] == "app", "the app answers")
    t.until("the pods as before", lambda: set(pods_of(app)) == before, 20)
    gone(t, app)


def scenario_no_room(t):
    """A successor that no node has room for is told of within seconds; the pod that serves stays."""
    nodes = t.kubectl("get", "nodes", "-o", "json").ok().json()["items"]
    if len(nodes) > 1:
        t.skip("the cluster has several nodes")
    amount = nodes[0]["status"]["allocatable"]["memory"]
    units = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
    total = int(amount[:-2]) * units[amount[-2:]] if amount[-2:] in units else int(amount)

    def change(objects):
        spec = objects[0]["spec"]["template"]["spec"]["containers"][0]
        spec["resources"] = {"requests": {"cpu": "1m", "memory": str(total * 51 // 100)}}

    app = t.app(change=change, wait=False)
    try:
        app.ready(10)
    except Failure:
        t.skip("the node has not even room for one")
    told(t, app, set(pods_of(app)), "cannot be scheduled")


def scenario_host_network(t):
    """Pods that use the node's network get no agent, which is said before anything is replaced."""

    def change(objects):
        objects[0]["spec"]["template"]["spec"]["hostNetwork"] = True
        objects[0]["spec"]["replicas"] = 0

    app = t.app(change=change, wait=False)
    t.connect().tp("intercept", app.name, "--port", "1").failed("hostNetwork")


@alone
def scenario_webhook_unreachable(t):
    """When the API server cannot reach the webhook, the failure says so, and nothing is replaced."""
    items = t.cluster.kubectl("get", "mutatingwebhookconfigurations", "-o", "json").ok().json()["items"]
    mine = [
        item for item in items
        if any(hook["clientConfig"].get("service", {}).get("namespace") == t.cluster.manager_namespace for hook in item["webhooks"])
    ]  # fmt: skip
    if not mine:
        t.skip("the manager's webhook cannot be seen")
    name, count = mine[0]["metadata"]["name"], len(mine[0]["webhooks"])

    def move(port):
        patch = [
            {"op": "replace", "path": f"/webhooks/{index}/clientConfig/service/port", "value": port}
            for index in range(count)
        ]
        t.cluster.kubectl("patch", "mutatingwebhookconfiguration", name, "--type=json", "-p", json.dumps(patch)).ok()

    def warned(c):
        return [text for text in c.status()["connection"]["warnings"] if "new pods get no agent" in text]

    app = t.app()
    before = set(pods_of(app))
    t.later(lambda: move(443))
    c = t.connect()
    expect(not warned(c), f"a warning although all is well: {warned(c)}")
    move(444)
    told(t, app, before, "webhook", connection=c)
    t.until("a warning of the connection", lambda: warned(c), 5)
    move(443)
    t.until("the warning's end", lambda: not warned(c), 20)
