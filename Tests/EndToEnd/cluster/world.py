"""The cluster under test, through kubectl alone: its namespaces, the traffic manager, requests from inside."""

import http.client
import json
import os
import re
import subprocess
import threading

from app import PROGRAM, App, Port
from shell import Failure, cleaning, expect, run, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
#: On everything that a run makes; the value is the run's suffix.
LABEL = "telepresence.io/e2e"


class Cluster:
    """What a run does to a cluster: everything carries the run's label, and `close` removes it."""

    def __init__(self, options, suffix, directory):
        self.options, self.suffix, self.directory = options, suffix, directory
        self.labels = {LABEL: suffix}
        self.manager_namespace = options.manager_namespace if options.no_install else f"tp-e2e-{suffix}-manager"
        self.namespace = f"tp-e2e-{suffix}-apps"
        self.other_namespace = f"tp-e2e-{suffix}-other"
        self.kubeconfig = options.kubeconfig
        self.caller = Caller(self)

    # -- kubectl

    def kubectl(self, *words, seconds=60, stdin=None):
        context = ["--context", self.options.context] if self.options.context else []
        return run(["kubectl", "--kubeconfig", self.kubeconfig, *context, *words], seconds=seconds, stdin=stdin)

    def start_kubectl(self, *words, **streams):
        """Starts kubectl and does not wait for it."""
        context = ["--context", self.options.context] if self.options.context else []
        return subprocess.Popen(["kubectl", "--kubeconfig", self.kubeconfig, *context, *words], **streams)

    def apply(self, objects):
        return self.kubectl("apply", "-f", "-", stdin="\n".join(map(json.dumps, objects))).ok()

    def get(self, *words):
        return self.kubectl("get", *words, "-o", "json").ok().json()

    # -- the run's namespaces

    def problem(self):
        """Why there is no use in beginning; None when the cluster answers."""
        answer = self.kubectl("get", "--raw", "/version", seconds=30)
        return None if answer.code == 0 else f"the cluster of {self.kubeconfig} does not answer: {answer.err.strip()}"

    def open(self):
        """Makes the namespaces, the manager and the caller."""
        roles = {self.namespace: "apps", self.other_namespace: "apps"}
        if not self.options.no_install:
            roles[self.manager_namespace] = "manager"
        self.make_namespaces(roles)
        if not self.options.no_install:
            self.install()
        self.caller.create()
        if not self.options.no_install:
            self.await_manager()
        self.caller.app.ready()

    def make_namespaces(self, roles, labels=None):
        """Makes namespaces with the run's labels; those of role `apps` get what apps need."""
        objects = []
        for name, role in roles.items():
            metadata = {"name": name, "labels": {**(labels or {}), **self.labels, f"{LABEL}-role": role}}
            objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        with open(os.path.join(HERE, "program.py")) as file:
            text = file.read()
        for name in [name for name, role in roles.items() if role == "apps"]:
            metadata = {"name": PROGRAM, "namespace": name, "labels": self.labels}
            objects.append(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"program.py": text}}
            )
        self.apply(objects)

    def install(self):
        """Applies k8s/base, moved into the run's own namespace and with names of its own outside of it."""
        text = run(["kubectl", "kustomize", os.path.join(ROOT, "k8s", "base")]).ok().out
        listed = self.kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", stdin=text).ok().out
        self.apply(Relocation(self).objects(documents(listed)))

    def await_manager(self):
        words = ["-n", self.manager_namespace, "rollout", "status", "deployment/traffic-manager", "--timeout=120s"]
        done = self.kubectl(*words, seconds=130)
        if done.code != 0:
            raise Failure(f"the traffic manager does not start: {done}\n{self.manager_log(40)}")

    def manager_log(self, lines=40):
        with cleaning():
            log = self.kubectl(
                "-n", self.manager_namespace, "logs", "deployment/traffic-manager", f"--tail={lines}", seconds=20
            )
            pods = self.kubectl("-n", self.manager_namespace, "get", "pods,events", "-o", "wide", seconds=20)
        return f"{log.out}{log.err}\n{pods.out}"

    def close(self):
        """Removes all that the run made, and waits until it is gone."""
        self.caller.close()
        if self.options.keep:
            return
        selector = ["-l", f"{LABEL}={self.suffix}"]
        kinds = "mutatingwebhookconfigurations,clusterrolebindings,clusterroles"
        self.kubectl("delete", kinds, *selector, "--wait=false", "--ignore-not-found", seconds=60)
        self.kubectl("-n", "kube-system", "delete", "roles,rolebindings", *selector, "--ignore-not-found", seconds=60)
        result = self.kubectl("delete", "namespaces", *selector, "--timeout=180s", "--ignore-not-found", seconds=190)
        expect(result.code == 0, f"namespaces of this run may be left behind: {result}")

    # -- requests from inside

    def ask(self, url, method="GET", seconds=10, **options):
        """A request by a pod of the cluster; the answer's body as JSON. Raises where there was none."""
        answer = self.caller.call("/ask", url=url, method=method, seconds=seconds, **options)
        if answer["error"] or answer["status"] != 200:
            raise Failure(f"{method} {url} from inside the cluster: {answer}")
        try:
            return json.loads(answer["body"])
        except ValueError:
            return answer["body"]

    def socket(self, kind, host, port, data="who?", seconds=3, source=0):
        """Bytes by TCP or UDP from a pod of the cluster, datagrams from a port of one's choice; what came back."""
        words = {"kind": kind, "host": host, "port": port, "data": data, "seconds": seconds, "source": source}
        answer = self.caller.call("/socket", **words)
        if answer["error"]:
            raise Failure(f"{kind} to {host}:{port} from inside the cluster: {answer['error']}")
        return answer["data"]


def documents(text):
    """The objects of `kubectl -o json`, which are a List or one after another."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found += value["items"] if value["kind"] == "List" else [value]
        at = re.compile(r"\s*").match(text, at).end()
    return found


class Relocation:
    """Moves the installation into another namespace, so that it stands beside any other in the same cluster.

    Objects of the manager's namespace move; those outside of it (cluster roles, bindings, the webhook) get the run's suffix.
    """

    def __init__(self, cluster):
        self.cluster = cluster
        self.old, self.new = "ambassador", cluster.manager_namespace

    def objects(self, found):
        outside = [item for item in found if item["metadata"].get("namespace") != self.old]
        names = [(item["kind"], item["metadata"]["name"]) for item in outside]
        self.renamed = {(kind, name): f"{name}-{self.cluster.suffix}" for kind, name in names}
        return [self.moved(item) for item in found]

    def moved(self, item):
        inside = item["metadata"].get("namespace") == self.old
        item = self.renaming(item)
        kind, metadata = item["kind"], item["metadata"]
        metadata["labels"] = {**metadata.get("labels", {}), **self.cluster.labels}
        if kind == "Namespace":
            metadata["name"] = self.new
            metadata["labels"][f"{LABEL}-role"] = "manager"
        elif inside:
            metadata["namespace"] = self.new
        else:
            metadata["name"] = self.renamed[(kind, metadata["name"])]
        if kind == "Deployment":
            self.deployment(item)
        for webhook in item.get("webhooks", []):
            # The manager's own test of the webhook is made in its own namespace.
            role = "manager" if webhook["name"].startswith("self-test.") else "apps"
            webhook["namespaceSelector"] = {"matchLabels": {**self.cluster.labels, f"{LABEL}-role": role}}
        for rule in item.get("rules", []) if kind == "ClusterRole" else []:
            names = {old: new for (_, old), new in self.renamed.items()}
            if "mutatingwebhookconfigurations" in rule.get("resources", []):
                rule["resourceNames"] = [names.get(name, name) for name in rule.get("resourceNames", [])]
        reference = item.get("roleRef")
        if reference:
            reference["name"] = self.renamed.get((reference["kind"], reference["name"]), reference["name"])
        return item

    def renaming(self, value):
        """Everything that names the old namespace as `namespace`."""
        if isinstance(value, list):
            return [self.renaming(item) for item in value]
        if not isinstance(value, dict):
            return value
        value = {key: self.renaming(item) for key, item in value.items()}
        if value.get("namespace") == self.old and "apiVersion" not in value and "labels" not in value:
            value["namespace"] = self.new
        return value

    def deployment(self, item):
        webhook = self.renamed.get(("MutatingWebhookConfiguration", "telepresence-agent-injector"))
        for container in item["spec"]["template"]["spec"]["containers"]:
            variables = {variable["name"]: variable for variable in container.get("env", [])}
            if self.cluster.options.image:
                container["image"] = self.cluster.options.image
                variables["TELEPRESENCE_AGENT_IMAGE"] = {
                    "name": "TELEPRESENCE_AGENT_IMAGE",
                    "value": self.cluster.options.image,
                }
            if webhook:
                variables["TELEPRESENCE_WEBHOOK_NAME"] = {"name": "TELEPRESENCE_WEBHOOK_NAME", "value": webhook}
            container["env"] = list(variables.values())


class Caller:
    """A pod from which scenarios ask, reached by `kubectl port-forward`: what the rest of the cluster sees."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.lock = threading.Lock()
        self.forward, self.port = None, None

    def create(self):
        annotations = {"telepresence.io/inject-traffic-agent": "disabled"}
        self.app = App(
            self.cluster, self.cluster.namespace, "caller", ports=[Port(8080, target="number")], annotations=annotations
        ).create()

    def call(self, path, **words):
        """POST to the pod. Asked again only when the port-forward itself was gone."""
        body = json.dumps(words)
        for attempt in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", self._open(), timeout=words.get("seconds", 10) + 20)
            try:
                connection.request("POST", path, body, {"Connection": "close"})
                response = connection.getresponse()
                return json.loads(response.read())
            except (OSError, http.client.HTTPException) as error:
                last = error
                self._renew()
            finally:
                connection.close()
        raise Failure(f"kubectl port-forward to the caller: {last}")

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self._open(), timeout=20)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"kubectl port-forward to the caller: {error}")
        finally:
            connection.close()

    def _open(self):
        with self.lock:
            if self.forward is None or self.forward.poll() is not None:
                self.forward = self.cluster.start_kubectl(
                    "-n", self.cluster.namespace, "port-forward", "deployment/caller", ":8080", "--address=127.0.0.1",
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
                )  # fmt: skip
                line = self.forward.stdout.readline()
                found = re.search(r"127\.0\.0\.1:(\d+) ->", line)
                if not found:
                    self._close()
                    raise Failure(f"kubectl port-forward to the caller said {line!r}")
                self.port = int(found.group(1))
                # It says a line for each connection; unread, they would stop it.
                threading.Thread(target=self.forward.stdout.read, daemon=True).start()
            return self.port

    def _renew(self):
        with self.lock:
            self._close()

    def _close(self):
        if self.forward:
            self.forward.kill()
            self.forward.wait()
            self.forward = None

    def close(self):
        with self.lock:
            self._close()
