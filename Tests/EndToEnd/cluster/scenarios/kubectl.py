"""An unmodified kubectl works beside the product, on pods with and without agents."""

import http.client
import re
import subprocess

from shell import expect

ANNOTATIONS = {"telepresence.io/inject-traffic-agent": "enabled"}


def scenario_rollout(t):
    """`kubectl rollout restart`, `status`, `history` and `undo`."""
    app = t.app()
    first = app.pod()["metadata"]["name"]
    app.kubectl("rollout", "restart", app.reference).ok()
    text = app.kubectl("rollout", "status", app.reference, "--timeout=60s").ok().out
    expect("successfully rolled out" in text, text)
    t.until("another pod", lambda: [one["metadata"]["name"] for one in app.pods()] != [first], 20)


def scenario_logs(t):
    """`kubectl logs` of the app and of its agent."""
    app = t.app(annotations=ANNOTATIONS)
    app.ask("/in-the-log")
    pod = app.pod()["metadata"]["name"]
    t.until("the line", lambda: "/in-the-log" in app.kubectl("logs", pod, "-c", "app").ok().out, 20)
    expect(app.kubectl("logs", pod, "-c", "traffic-agent").ok().out.strip(), "the agent says something")


def scenario_port_forward(t):
    """`kubectl port-forward` to a service reaches the app through its agent."""
    app = t.app(annotations=ANNOTATIONS)
    forward = t.cluster.start_kubectl(
        "-n", app.namespace, "port-forward", f"service/{app.name}", ":80", stdout=subprocess.PIPE, text=True
    )
    t.later(forward.wait)
    t.later(forward.kill)
    port = int(re.search(r":(\d+) ->", forward.stdout.readline()).group(1))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    body = connection.getresponse().read().decode()
    expect(app.name in body, body)


def scenario_exec(t):
    """`kubectl exec` in the app's container: output, exit status, standard input."""
    app = t.app(annotations=ANNOTATIONS)
    pod = app.pod()["metadata"]["name"]
    expect("xyzzy" in app.kubectl("exec", pod, "-c", "app", "--", "echo", "xyzzy").ok().out, "output")
    result = app.kubectl("exec", pod, "-c", "app", "--", "sh", "-c", "exit 7")
    expect(result.code == 7, result)
    result = app.kubectl("exec", "-i", pod, "-c", "app", "--", "cat", stdin="by standard input\n").ok()
    expect(result.out == "by standard input\n", result)


def scenario_can_i(t):
    """`kubectl auth can-i` tells what one may, and what the manager's account may."""
    expect(t.kubectl("auth", "can-i", "create", "pods/portforward").ok().out.strip() == "yes", "oneself")
    account = f"--as=system:serviceaccount:{t.cluster.manager_namespace}:traffic-manager"
    expect(t.kubectl("auth", "can-i", "list", "pods", account).out.strip() == "yes", "the manager lists pods")
    refused = t.kubectl("auth", "can-i", "delete", "namespaces", account)
    expect(refused.code != 0 and refused.out.strip().startswith("no"), refused)


def scenario_manager(t):
    """The traffic manager's deployment is rolled out, its log tells that it serves, its events no failure."""
    words = ["-n", t.cluster.manager_namespace]
    t.cluster.kubectl(*words, "rollout", "status", "deployment/traffic-manager", "--timeout=30s").ok()
    log = t.cluster.kubectl(*words, "logs", "deployment/traffic-manager").ok().out
    expect("serving" in log, log)


def scenario_scale(t):
    """`kubectl scale` up and down; the service has as many addresses."""
    app = t.app(replicas=1)
    app.kubectl("scale", app.reference, "--replicas=3").ok()
    app.ready()
    t.until("three pods", lambda: len(app.ready_pods()) == 3, 20)
    seen = set()
    t.until("all pods answer", lambda: seen.add(app.ask()["pod"]) or len(seen) == 3, 20)
    app.kubectl("scale", app.reference, "--replicas=1").ok()
    t.until("one pod", lambda: len(app.pods()) == 1, 20)
