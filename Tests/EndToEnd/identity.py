"""Identity: who may connect and attach, what a refusal says, and what the audit log keeps."""

import json
import os
import threading

from intercept import answered_by, ask, start_handler
from lab import ROOT, Failure, wait_until
from modes import Mode, expect

MODE = "TELEPRESENCE_AUTHENTICATION_MODE"
LIFETIME = "TELEPRESENCE_CERTIFICATE_LIFETIME"


def developer(lab, name):
    """A service account that may connect but attach nowhere: its kubeconfig and its token."""
    lab.kubectl("apply", "-f", os.path.join(ROOT, "k8s", "client", "client.yaml")).ok()
    lab.kubectl("create", "serviceaccount", name).ok()
    binding = ["create", "rolebinding", name, f"--serviceaccount=default:{name}"]
    lab.kubectl("-n", "ambassador", *binding, "--role=telepresence-client").ok()
    token = lab.kubectl("create", "token", name).ok().out.strip()
    config = json.loads(lab.kubectl("config", "view", "--raw", "-o", "json").ok().out)
    config["users"] = [{"name": name, "user": {"token": token}}]
    for context in config["contexts"]:
        context["context"]["user"] = name
    path = os.path.join(lab.directory, f"{name}.kubeconfig")
    with open(path, "w") as file:
        json.dump(config, file)
    return path, token


def allow(lab, name):
    lab.kubectl(
        "create", "rolebinding", name, f"--serviceaccount=default:{name}", "--clusterrole=telepresence-client"
    ).ok()


def forget(lab, name):
    for words in (["rolebinding", name], ["serviceaccount", name], ["-n", "ambassador", "rolebinding", name]):
        lab.kubectl("delete", *words, "--ignore-not-found").ok()
    lab.kubectl("delete", "-f", os.path.join(ROOT, "k8s", "client", "client.yaml"), "--ignore-not-found").ok()


def audit(lab):
    """The lines of the manager's audit log."""
    text = lab.kubectl("-n", "ambassador", "logs", "deployment/traffic-manager").ok().out
    return [line for line in text.splitlines() if "decision=" in line]


def set_manager(lab, name, value):
    """Has the manager run with another value of an environment variable; None is the default."""
    env = lab.kubectl("-n", "ambassador", "get", "deployment", "traffic-manager", "-o", "json").ok().json()
    env = env["spec"]["template"]["spec"]["containers"][0]["env"]
    env = [one for one in env if one["name"] != name] + ([{"name": name, "value": value}] if value else [])
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/env", "value": env}]
    words = ["patch", "deployment", "traffic-manager", "--type=json", "-p", json.dumps(patch)]
    lab.kubectl("-n", "ambassador", *words).ok()
    lab.kubectl("-n", "ambassador", "rollout", "status", "deployment/traffic-manager", "--timeout=60s").ok()


def scenario_missing_right(lab):
    """Without `create pods/portforward` in the namespace there is no intercept; the refusal names right, user and place."""
    kubeconfig, token = developer(lab, "dev")
    mode = Mode(lab, False)
    try:
        mode.tp("connect", "--kubeconfig", kubeconfig).ok()
        user = "system:serviceaccount:default:dev"
        refusal = f'user "{user}" cannot create pods/portforward in namespace "default"'
        mode.tp("intercept", "backend", "--port", "8080").failed(refusal, "ask for a Role")
        expect(not mode.tp("status", "--format", "json").ok().json()["attachments"], "nothing is left behind")
        allow(lab, "dev")
        last = [None]

        def intercepted():
            last[0] = mode.tp("intercept", "backend", "--port", "8080")
            return last[0].code == 0

        try:
            wait_until("the right", intercepted, 30, 1)
        except Failure as failure:
            raise Failure(f"{failure}: {last[0]}") from None
        mode.tp("leave", "backend").ok()
        lines = audit(lab)
        for decision in ("refused", "allowed"):
            found = [one for one in lines if "action=attach" in one and f"decision={decision}" in one and "dev" in one]
            expect(found, f"an audit line of {decision}: {lines}")
        expect(not any(token in one for one in lines), "no token is in the audit log")
    finally:
        mode.quit()
        forget(lab, "dev")


def scenario_nobody(lab):
    """A user without any right is refused by name."""
    path = os.path.join(lab.directory, "nobody")
    state = os.path.join(lab.directory, "sandbox")
    with open(path, "w") as file:
        file.write(lab.ws(lab.binary("sandbox"), "kubeconfig", "--state", state, "--user", "nobody").ok().out)
    mode = Mode(lab, False)
    mode.tp("connect", "--kubeconfig", path).failed("nobody")
    mode.quit()


def scenario_wrong_agent(lab):
    """A pod that poses as an agent with a token made for others is refused, and both sides say why."""
    with Mode(lab, False) as mode:
        mode.tp("intercept", "backend", "--port", "8080").ok()
        pods = lab.kubectl("get", "pods", "-l", "app=backend", "-o", "json").ok().json()["items"]
        every = lambda pod: pod["spec"]["containers"] + pod["spec"].get("initContainers", [])  # noqa: E731
        agents = [(pod, one) for pod in pods for one in every(pod) if one["name"] == "traffic-agent"]
        expect(agents, "a pod has an agent")
        real, agent = agents[0]
        spec = real["spec"]
        spec.pop("nodeName", None)
        spec.pop("initContainers", None)
        # It may be a sidecar of Kubernetes' own.
        agent.pop("restartPolicy", None)
        spec["containers"] = [agent]
        for volume in spec["volumes"]:
            if volume["name"] == "tel-agent-token":
                volume["projected"]["sources"][0]["serviceAccountToken"]["audience"] = "somebody-else"
        metadata = {"name": "impostor", "annotations": {"telepresence.io/inject-traffic-agent": "disabled"}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        try:
            lab.kubectl("create", "-f", "-", stdin=json.dumps(pod)).ok()
            words = 'is not valid for audience'
            said = lambda: lab.kubectl("logs", "impostor", "-c", "traffic-agent").out  # noqa: E731
            wait_until("the impostor's complaint", lambda: words in said(), 60, 0.5)
            refused = [one for one in audit(lab) if "decision=refused" in one and "impostor" in one]
            expect(refused and words in refused[0], f"an audit line: {refused}")
            expect(mode.tp("status", "--format", "json").ok().json()["attachments"], "the real one goes on")
        finally:
            lab.kubectl("delete", "pod", "impostor", "--ignore-not-found", "--wait=false").ok()
            mode.tp("leave", "backend").ok()


def scenario_permissive(lab):
    """In permissive mode a missing right is logged and tolerated."""
    kubeconfig, _ = developer(lab, "guest")
    mode = Mode(lab, False)
    set_manager(lab, MODE, "permissive")
    try:
        mode.tp("connect", "--kubeconfig", kubeconfig).ok()
        mode.tp("intercept", "backend", "--port", "8080").ok()
        mode.tp("leave", "backend").ok()
        tolerated = [one for one in audit(lab) if "decision=tolerated" in one and "guest" in one]
        expect(tolerated and "pods/portforward" in tolerated[0], f"an audit line: {tolerated}")
    finally:
        mode.quit()
        forget(lab, "guest")
        set_manager(lab, MODE, None)


def scenario_certificates_renewed(lab):
    """Certificates of ten seconds are renewed on live links: a connection outlasts three, and so does an intercept."""
    set_manager(lab, LIFETIME, "10")
    try:
        with Mode(lab, False) as mode:
            handler = start_handler(lab, mode, 8090)
            mode.tp("intercept", "backend", "--port", "8090").ok()
            answered_by(lab, mode, "workstation")
            seen = {}
            steady = threading.Thread(target=lambda: seen.update(mode.check("steady", "echo.default", "7000", "25")))
            steady.start()
            answers = []
            while steady.is_alive():
                answers.append(ask(lab, mode))
                steady.join(1)
            expect(seen.get("same") and seen["count"] > 100, f"the connection: {seen}")
            other = [one for one in answers if "workstation" not in one]
            expect(not other, f"{len(other)} of {len(answers)} requests were not answered by the workstation: {other[:1]}")
            proofs = [one for one in audit(lab) if "action=identify" in one and "decision=allowed" in one]
            for who in ("principal=user", "principal=the agent"):
                # The first time at the link's beginning, then for each renewal.
                count = sum(who in one for one in proofs)
                expect(count >= 3, f"{count} proofs of {who} in {proofs}")
            handler.kill()
    finally:
        set_manager(lab, LIFETIME, None)
