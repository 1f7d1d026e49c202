"""The apps that scenarios put into the cluster: a workload that runs program.py, and its Service."""

import copy

from shell import Failure, wait_until

#: Small, on Docker Hub, and with nothing of ours in it.
IMAGE = "docker.io/library/python:3.12-slim"
#: The ConfigMap with program.py, one in each namespace of the run.
PROGRAM = "e2e-program"


class Port:
    """A port of an app: where it listens, and how its Service leads there.

    number    the container's port
    name      the container port's name; None for none
    kind      "HTTP", "HTTPS" or "ECHO" (TCP), or "UDP"
    service   the Service's port; None leaves it out of the Service
    target    "name" or "number": what the Service's targetPort says
    declared  whether the container lists it
    """

    def __init__(self, number=8080, name="http", kind="HTTP", service=80, target="name", declared=True):
        self.number, self.name, self.kind, self.service = number, name, kind, service
        self.target, self.declared = target, declared

    @property
    def protocol(self):
        return "UDP" if self.kind == "UDP" else "TCP"

    def of_container(self):
        port = {"containerPort": self.number, "protocol": self.protocol}
        return {**port, "name": self.name} if self.name else port

    def of_service(self):
        by_name = self.target == "name" and self.name and self.declared
        return {
            "name": self.name or f"{self.protocol.lower()}-{self.number}",
            "port": self.service,
            "targetPort": self.name if by_name else self.number,
            "protocol": self.protocol,
        }


class App:
    """A workload and its Service in a namespace; made by `t.app(…)`."""

    def __init__(self, cluster, namespace, name, **options):
        self.cluster, self.namespace, self.name = cluster, namespace, name
        self.kind = options.pop("kind", "Deployment")
        self.objects = self.manifests(**options)

    @property
    def host(self):
        """The Service's name as the rest of the cluster knows it."""
        return f"{self.name}.{self.namespace}"

    @property
    def url(self):
        return f"http://{self.host}/"

    @property
    def reference(self):
        return f"{self.kind.lower()}/{self.name}"

    def manifests(
        self, ports=(Port(),), replicas=1, service=True, headless=False, annotations=None, env=None, probes=True,
        image=IMAGE, change=None, labels=None,
    ):
        """The Kubernetes objects; `change(objects)` may alter them: workload first, then the Service."""
        labels = {"app": self.name, **self.cluster.labels, **(labels or {})}
        variables = {"NAME": "app", **(env or {})}
        for kind in ("HTTP", "HTTPS", "ECHO", "UDP"):
            variables[kind] = " ".join(str(port.number) for port in ports if port.kind == kind)
        container = {
            "name": "app",
            "image": image,
            "command": ["python3", "-S", "-E", "/app/program.py"],
            "env": [{"name": key, "value": value} for key, value in variables.items()],
            "ports": [port.of_container() for port in ports if port.declared],
            "volumeMounts": [{"name": "program", "mountPath": "/app"}],
            "resources": {"requests": {"cpu": "5m", "memory": "24Mi"}},
        }
        http = next((port for port in ports if port.kind == "HTTP"), None)
        if probes and http:
            container["readinessProbe"] = {
                "httpGet": {"path": "/health", "port": http.name if http.name and http.declared else http.number},
                "periodSeconds": 1,
                "failureThreshold": 5,
                "timeoutSeconds": 3,
            }
        pod = {
            "metadata": {"labels": labels, "annotations": annotations or {}},
            "spec": {
                "terminationGracePeriodSeconds": 2,
                "securityContext": {"runAsUser": 1000, "runAsNonRoot": True},
                "containers": [container],
                "volumes": [{"name": "program", "configMap": {"name": PROGRAM}}],
            },
        }
        metadata = {"name": self.name, "namespace": self.namespace, "labels": labels}
        if self.kind == "Pod":
            workload = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, **pod["metadata"]}, "spec": pod["spec"]}
            workload["metadata"] = {**metadata, "annotations": annotations or {}}
        elif self.kind == "Job":
            pod["spec"]["restartPolicy"] = "Never"
            workload = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": pod}}
        else:
            spec = {"selector": {"matchLabels": {"app": self.name}}, "template": pod}
            if self.kind != "DaemonSet":
                spec["replicas"] = replicas
            if self.kind == "StatefulSet":
                spec["serviceName"] = self.name
            workload = {"apiVersion": "apps/v1", "kind": self.kind, "metadata": metadata, "spec": spec}
        objects = [workload]
        exposed = [port.of_service() for port in ports if port.service]
        if service and exposed:
            spec = {"selector": {"app": self.name}, "ports": exposed}
            if headless:
                spec["clusterIP"] = "None"
            objects.append({"apiVersion": "v1", "kind": "Service", "metadata": dict(metadata), "spec": spec})
        if change:
            objects = copy.deepcopy(objects)
            change(objects)
        return objects

    # -- its life

    def create(self):
        # The Service first: an agent stands in front of the ports to which one leads when its pod is made.
        self.cluster.apply(self.objects[::-1])
        return self

    def ready(self, seconds=90):
        """Waits until all its pods are ready, and until the cluster's proxies know it."""
        if self.kind in ("Deployment", "StatefulSet", "DaemonSet"):
            self.kubectl("rollout", "status", self.reference, f"--timeout={seconds}s", seconds=seconds + 10).ok()
        else:
            wanted = self.objects[0]["spec"].get("replicas", 1)
            wait_until(f"{wanted} ready pods of {self.name}", lambda: len(self.ready_pods()) >= wanted, seconds, 0.1)
        if self.objects[0]["spec"].get("replicas") == 0:
            return self
        # Names of headless Services lead to the pods themselves.
        services = [one for one in self.objects if one["kind"] == "Service" and "clusterIP" not in one["spec"]]
        for port in [port for one in services for port in one["spec"]["ports"] if port.get("protocol", "TCP") == "TCP"]:
            wait_until(f"the way to {self.host}:{port['port']}", lambda: self.is_led_to(port["port"]), 20, 0.05)
        return self

    def is_led_to(self, port):
        """Whether connections of the cluster to its Service arrive, whatever the answer."""
        url = f"http://{self.host}:{port}/health"
        error = self.cluster.caller.call("/ask", url=url, method="GET", seconds=3)["error"] or ""
        return not any(word in error for word in ("refused", "gaierror", "unreachable"))

    def delete(self):
        self.kubectl(
            "delete", self.reference, f"service/{self.name}", "--ignore-not-found", "--wait=false", seconds=30
        ).ok()

    def kubectl(self, *words, **options):
        return self.cluster.kubectl("-n", self.namespace, *words, **options)

    def pods(self):
        """Its pods that are not being deleted."""
        items = self.kubectl("get", "pods", "-l", f"app={self.name}", "-o", "json").ok().json()["items"]
        return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self):
        def ready(pod):
            return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))

        return [pod for pod in self.pods() if ready(pod)]

    def pod(self):
        """One ready pod."""
        pods = self.ready_pods()
        if not pods:
            raise Failure(f"{self.name} has no ready pod")
        return pods[0]

    def address(self):
        """The Service's ClusterIP."""
        return self.kubectl("get", "service", self.name, "-o", "jsonpath={.spec.clusterIP}").ok().out.strip()

    # -- what the rest of the cluster sees

    def ask(self, path="/", port=None, **options):
        """A request from another pod; the answer as JSON where it is."""
        where = f"{self.host}:{port}" if port else self.host
        return self.cluster.ask(f"http://{where}{path}", **options)

    def answered_by(self, name, seconds=20, port=None):
        """Waits until requests of the cluster are answered by `name`."""

        def seen():
            answer = self.ask(port=port)
            if answer["by"] != name:
                raise Failure(f"answered by {answer}")
            return answer

        return wait_until(f"an answer of {self.name} by {name!r}", seen, seconds, 0.05)
