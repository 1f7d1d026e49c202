"""From the workstation to the cluster: names, addresses, TCP and UDP."""

from scenario import Port, each_mode, only_mode
from shell import Failure, expect

ECHO = Port(7000, name="echo", kind="ECHO", service=7000)
UDP = Port(7000, name="udp", kind="UDP", service=7000)


@each_mode
def scenario_services_by_name(t):
    """Each of several services answers by name, name.namespace, name.namespace.svc and its full name."""
    apps = [t.app(str(number), env={"NAME": f"app-{number}"}, wait=False) for number in range(3)]
    c = t.connect()
    for number, app in enumerate(apps):
        app.ready()
        for suffix in ("", f".{t.namespace}", f".{t.namespace}.svc", f".{t.namespace}.svc.cluster.local"):
            answer = c.get(f"http://{app.name}{suffix}/")
            expect(answer["by"] == f"app-{number}", f"{app.name}{suffix}: {answer}")


@each_mode
def scenario_large_bodies(t):
    """Bodies of a megabyte pass both ways intact, many at once."""
    app = t.app()
    c = t.connect()
    answer = c.check("posts", f"{app.url}echo", 12, 1_000_000)
    expect(answer["same"] == 12, answer)


@each_mode
def scenario_pod_address(t):
    """A pod answers at its own address, on a port that no service has."""
    app = t.app(ports=[Port(8080), Port(8181, name="inner", service=None)])
    c = t.connect()
    pod = app.pod()
    answer = c.get(f"http://{pod['status']['podIP']}:8181/")
    expect(answer["pod"] == pod["metadata"]["name"], answer)


def scenario_pod_with_subdomain(t):
    """A pod with hostname and subdomain has the name hostname.subdomain.namespace.svc."""
    name = t.unique()

    def change(objects):
        pod = objects[0]["spec"]["template"]["spec"]
        pod["hostname"], pod["subdomain"] = "echo-easy", name

    app = t.app(name=name, headless=True, change=change)
    c = t.connect()
    for suffix in ("", ".svc", ".svc.cluster.local"):
        answer = c.get(f"http://echo-easy.{name}.{app.namespace}{suffix}:8080/")
        expect(answer["pod"] == "echo-easy", answer)


def scenario_headless_names(t):
    """A headless service's name has the addresses of all its pods."""
    app = t.app(headless=True, replicas=2)
    c = t.connect()
    wanted = sorted(pod["status"]["podIP"] for pod in app.ready_pods())
    expect(len(wanted) == 2, wanted)
    t.until("both addresses", lambda: c.check("resolve", app.host)["addresses"] == wanted, 20)


def scenario_stateful_names(t):
    """A StatefulSet's pod has the name pod.service.namespace."""
    app = t.app(kind="StatefulSet", headless=True)
    c = t.connect()
    expect(c.get(f"http://{app.name}-0.{app.host}:8080/")["pod"] == f"{app.name}-0", "the pod by its name")


def scenario_external_name(t):
    """An ExternalName service leads to where it points."""
    app = t.app()
    name = t.unique("alias")
    metadata = {"name": name, "namespace": t.namespace, "labels": t.cluster.labels}
    spec = {"type": "ExternalName", "externalName": f"{app.host}.svc.cluster.local"}
    t.cluster.apply([{"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}])
    t.later(lambda: t.kubectl("delete", "service", name).ok())
    c = t.connect()
    expect(c.get(f"http://{name}.{t.namespace}/")["by"] == "app", "by the alias")


@only_mode("isolated")
def scenario_service_records(t):
    """SRV questions about a service's port are answered: every kind of record works."""
    app = t.app()
    c = t.connect()
    answer = c.check("query", f"_http._tcp.{app.host}.svc.cluster.local", "SRV")
    expect(answer["code"] == 0 and answer["answers"] > 0, answer)


@each_mode
def scenario_unknown_name(t):
    """A name that the cluster does not have is an error at once, not a wait."""
    c = t.connect()
    for name in (f"no-such-service.{t.namespace}", f"no-such-service.{t.namespace}.svc.cluster.local"):
        answer = c.check("resolve", name)
        expect(answer["addresses"] == [] and answer["error"], answer)


@only_mode("isolated")
def scenario_missing_family(t):
    """A name that exists has no AAAA record in an IPv4 cluster, which is not the same as no such name."""
    app = t.app(wait=False)
    c = t.connect()
    family = t.cluster.get("service", app.name, "-n", t.namespace)["spec"].get("ipFamilies", ["IPv4"])
    if "IPv6" in family:
        t.skip("the cluster's services have IPv6 addresses")
    answer = c.check("query", f"{app.host}.svc.cluster.local", "AAAA")
    expect(answer == {"code": 0, "answers": 0}, answer)


@each_mode
def scenario_wpad(t):
    """Proxy discovery (wpad) never reaches the cluster, even where it has such a service."""
    metadata = {"name": "wpad", "namespace": t.namespace, "labels": t.cluster.labels}
    spec = {"selector": {"app": "none"}, "ports": [{"port": 80}]}
    t.cluster.apply([{"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}])
    c = t.connect()
    other = t.app(wait=False)
    t.until("other names resolve", lambda: c.check("resolve", other.host)["addresses"], 20)
    for name in ("wpad", f"wpad.{t.namespace}", f"wpad.{t.namespace}.svc.cluster.local"):
        expect(c.check("resolve", name)["addresses"] == [], f"{name} was answered by the cluster")


def scenario_mapped_namespaces(t):
    """With `--mapped-namespaces` only those namespaces' names resolve as name.namespace."""
    t.without_host_mode()
    here, there = t.app("here", wait=False), t.app("there", namespace=t.cluster.other_namespace, wait=False)
    c = t.connect(options=["--mapped-namespaces", t.namespace])
    t.until("the mapped namespace's name", lambda: c.check("resolve", here.host)["addresses"], 20)
    expect(c.check("resolve", there.host)["addresses"] == [], f"{there.host} is not mapped")


def scenario_api_server(t):
    """The API server is reached as before, and by its name in the cluster through the tunnel."""
    c = t.connect()
    answer = c.check("tls", "kubernetes.default.svc", 443)
    expect(answer["status"] in (200, 401, 403), answer)
    config = c.run("kubectl", "--kubeconfig", t.cluster.kubeconfig, "get", "namespace", t.namespace, "-o", "name")
    expect(t.namespace in config.ok().out, config)


@each_mode
def scenario_udp(t):
    """Datagrams come back whole."""
    app = t.app(ports=[Port(), UDP])
    c = t.connect()
    for size in (1, 512, 1200, 1472):
        expect(c.check("udp", app.host, 7000, size)["same"], f"{t.mode}: a datagram of {size} bytes")


@each_mode
def scenario_refused(t):
    """A port where nobody listens is refused at once: connect tells the truth."""
    app = t.app()
    c = t.connect()
    answer = c.check("refused", app.pod()["status"]["podIP"], 4, 20)
    expect(answer["error"] == "ConnectionRefusedError" and answer["seconds"] < 8, f"{t.mode}: {answer}")


@each_mode
def scenario_many_connections(t):
    """A hundred connections, all open at once."""
    app = t.app(ports=[Port(), ECHO])
    c = t.connect()
    answer = c.check("parallel", app.host, 7000, 100)
    expect(answer["good"] == 100, f"{t.mode}: {answer}")


def scenario_half_close(t):
    """What is answered after the end of the request arrives."""
    app = t.app(ports=[Port(), ECHO])
    c = t.connect()
    answer = c.check("halfclose", app.host, 7000)
    expect(answer["answer"] == "half-close", answer)


def scenario_new_service(t):
    """A service that is made while connected is reached at once."""
    c = t.connect()
    app = t.app()
    expect(c.get(app.url)["by"] == "app", "a service newer than the connection")


def scenario_never_proxy(t):
    """A subnet given with `--never-proxy` is not routed to the cluster."""
    t.without_host_mode()
    app = t.app(wait=False)
    address = app.address()
    c = t.connect(options=["--never-proxy", f"{address}/32"])
    answer = c.check("refused", address, 80, 2)
    expect(answer["error"], f"{address} was reached in spite of --never-proxy: {answer}")
    other = t.app("other")
    if other.address() == address:
        raise Failure("two services with one address")
    expect(c.get(other.url)["by"] == "app", "the rest is routed")
