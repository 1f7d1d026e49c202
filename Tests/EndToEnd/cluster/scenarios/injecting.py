"""Agents come into pods by annotation, stay out by annotation, and never keep a pod from running."""

import time

from app import IMAGE, PROGRAM
from scenario import Port
from shell import Failure, expect

ANNOTATION = "telepresence.io/inject-traffic-agent"


def containers(pod):
    """The names of a pod's containers, those of native sidecars too."""
    return [one["name"] for one in pod["spec"]["containers"] + pod["spec"].get("initContainers", [])]


def scenario_enabled(t):
    """An annotated workload has an agent from its first pod on, an intercept replaces no pod, and nobody removes the agent."""
    app = t.app(annotations={ANNOTATION: "enabled"})
    pod = app.pod()
    expect("traffic-agent" in containers(pod), containers(pod))
    c, h = t.connect(), t.handler()
    listed = {one["name"]: one for one in c.tp("list", "--format", "json").ok().json()}
    expect(listed[app.name]["agent_state"] != "none", listed[app.name])
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted")
    c.leave(app)
    c.tp("uninstall", app.name).failed("annotation")
    expect(app.pod()["metadata"]["name"] == pod["metadata"]["name"], "no pod was replaced")


def scenario_disabled(t):
    """A workload that opts out is not intercepted, which is said at once, with the reason, and its pod stays as it is."""
    app = t.app(annotations={ANNOTATION: "disabled"})
    pod = app.pod()["metadata"]["name"]
    c = t.connect()
    began = time.monotonic()
    c.tp("intercept", app.name, "--port", "8080").failed(app.name, "disabled", "forbids")
    expect(time.monotonic() - began < 10, "without waiting for anything")
    expect("traffic-agent" not in containers(app.pod()), "no agent")
    expect(app.pod()["metadata"]["name"] == pod, "no pod was replaced")


def scenario_several_annotated(t):
    """Several annotated workloads at once: each gets exactly one agent, and those that are not annotated none."""
    apps = [t.app(str(number), annotations={ANNOTATION: "enabled"}, wait=False) for number in range(4)]
    plain = t.app("plain", wait=False)
    for app in apps:
        app.ready()
        for pod in app.ready_pods():
            expect(containers(pod).count("traffic-agent") == 1, containers(pod))
        expect(app.ask()["by"] == "app", "the app answers through its agent")
    plain.ready()
    expect("traffic-agent" not in containers(plain.pod()), "no agent without annotation")


def scenario_recovers(t):
    """An intercept fails while the workload's pods cannot start, says why, and works once they can."""
    app = t.app(image="docker.io/library/no-such-image-e2e:1", probes=False, wait=False)
    c, h = t.connect(), t.handler()
    result = c.tp("intercept", app.name, "--port", str(h.port), seconds=100)
    if result.code == 0:
        raise Failure(f"intercepted without any pod: {result}")
    expect(app.name in result.err + result.out, result)
    app.kubectl("set", "image", app.reference, f"app={IMAGE}").ok()
    app.ready()
    c.intercept(app, port=h.port)
    app.answered_by("workstation", 5)


def scenario_single_pod(t):
    """A pod that no workload owns starts and runs, annotated or not."""
    for value in ("enabled", "disabled"):
        name = t.unique(value)
        metadata = {"name": name, "namespace": t.namespace, "labels": t.cluster.labels, "annotations": {ANNOTATION: value}}
        spec = {
            "containers": [
                {
                    "name": "app",
                    "image": IMAGE,
                    "command": ["python3", "/app/program.py"],
                    "volumeMounts": [{"name": "program", "mountPath": "/app"}],
                }
            ],
            "volumes": [{"name": "program", "configMap": {"name": PROGRAM}}],
            "terminationGracePeriodSeconds": 1,
        }
        t.later(lambda name=name: t.kubectl("delete", "pod", name, "--wait=false").ok())
        t.cluster.apply([{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}])
        t.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s", seconds=70).ok()


def scenario_wrong_annotation(t):
    """An annotation with a value that means nothing does not keep the pod from starting."""
    app = t.app(annotations={ANNOTATION: "perhaps"})
    expect(app.ask()["by"] == "app", "the pod runs")


def scenario_volumes_and_two_containers(t):
    """A pod with several containers and volumes works the same with an agent."""

    def change(objects):
        spec = objects[0]["spec"]["template"]["spec"]
        spec["volumes"].append({"name": "scratch", "emptyDir": {}})
        spec["containers"][0]["volumeMounts"].append({"name": "scratch", "mountPath": "/scratch"})
        second = {**spec["containers"][0], "name": "second", "ports": [{"containerPort": 9090, "name": "second"}]}
        second["env"] = [{"name": "HTTP", "value": "9090"}, {"name": "NAME", "value": "second"}]
        second.pop("readinessProbe", None)
        spec["containers"].append(second)

    app = t.app(change=change, annotations={ANNOTATION: "enabled"}, ports=[Port(8080)])
    expect(app.ask()["by"] == "app", "the first container")
    c, h = t.connect(), t.handler()
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted")
    address = app.pod()["status"]["podIP"]
    expect(t.cluster.ask(f"http://{address}:9090/")["by"] == "second", "the second container is untouched")


def scenario_limit_range(t):
    """Where a LimitRange gives containers limits, the agent's container has them too, and the intercept works."""
    namespace = t.own_namespace()
    limits = [{"type": "Container", "default": {"memory": "200Mi"}, "defaultRequest": {"memory": "20Mi", "cpu": "5m"}}]
    metadata = {"name": "limits", "namespace": namespace}
    t.cluster.apply([{"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": limits}}])
    app = t.app(namespace=namespace)
    c, h = t.connect(namespace=namespace), t.handler()
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted")
    spec = app.pod()["spec"]
    agent = next(one for one in spec["containers"] + spec.get("initContainers", []) if one["name"] == "traffic-agent")
    expect(agent["resources"].get("limits", {}).get("memory"), f"the agent's resources are {agent['resources']}")


def scenario_restricted(t):
    """In a namespace of Pod Security level `restricted` a named port is intercepted: the agent needs no privilege."""
    namespace = t.own_namespace({"pod-security.kubernetes.io/enforce": "restricted"})

    def change(objects):
        spec = objects[0]["spec"]["template"]["spec"]
        spec["securityContext"]["seccompProfile"] = {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}

    app = t.app(namespace=namespace, change=change)
    c, h = t.connect(namespace=namespace), t.handler()
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted")
    spec = app.pod()["spec"]
    for container in spec["containers"] + spec.get("initContainers", []):
        context = {**spec.get("securityContext", {}), **container.get("securityContext", {})}
        expect(context.get("runAsNonRoot"), f"{container['name']} may run as root: {context}")
        expect(context.get("allowPrivilegeEscalation") is False, f"{container['name']}: {context}")
        expect(context.get("capabilities", {}).get("drop") == ["ALL"], f"{container['name']}: {context}")
        expect(not context.get("capabilities", {}).get("add"), f"{container['name']}: {context}")
