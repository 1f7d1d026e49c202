"""Installing, upgrading and removing the traffic manager: last, because it takes away what the others use."""

import os

from modes import Mode, expect
from lab import ROOT, wait_until

MANAGER = ("-n", "ambassador")
LABEL = "app.kubernetes.io/part-of=telepresence"
KINDS = "serviceaccounts,roles,rolebindings,services,deployments,configmaps,secrets"
WIDE = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations"


def objects(lab, *words):
    return lab.kubectl("get", *words, "-o", "json").ok().json()["items"]


def agents(lab):
    """The pods that have an agent."""
    found = []
    for pod in objects(lab, "pods", "-A"):
        names = [one["name"] for one in pod["spec"]["containers"] + pod["spec"].get("initContainers", [])]
        if "traffic-agent" in names and "deletionTimestamp" not in pod["metadata"]:
            found.append(pod["metadata"]["name"])
    return found


def nothing_left(lab):
    left = objects(lab, WIDE, "-l", LABEL) + objects(lab, KINDS, "-A", "-l", LABEL)
    # The sample app is no part of an installation.
    left = [one for one in left if one["metadata"].get("namespace") != "default"]
    expect(not left, f"nothing is left, but there is {[(one['kind'], one['metadata']['name']) for one in left]}")
    expect(lab.kubectl("get", "namespace", "ambassador").code != 0, "the namespace is gone")


def installed(lab):
    """A traffic manager that the binary installed, whatever was there before."""
    result = lab.tp("upgrade", "--reset-values", seconds=120)
    if result.code:
        lab.tp("install", seconds=120).ok()


def variables(lab):
    deployment = lab.kubectl(*MANAGER, "get", "deployment", "traffic-manager", "-o", "json").ok().json()
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return {one["name"]: one.get("value") for one in container["env"]}


def scenario_lint(lab):
    """`lint` finds nothing wrong here, names wrong values, and what a user without rights may not do."""
    answer = lab.tp("lint", "--format", "json").ok().json()
    expect(answer["ok"], answer)
    lab.tp("lint", "--set", "loglevel=debug").failed("did you mean 'logLevel'")
    lab.tp("helm", "lint", "--set", "namespaces={nowhere}").failed("there is no namespace nowhere")
    state = os.path.join(lab.directory, "sandbox")
    text = lab.ws(lab.binary("sandbox"), "kubeconfig", "--state", state, "--user", "nobody").ok().out
    path = os.path.join(lab.directory, "nobody")
    with open(path, "w") as file:
        file.write(text)
    lab.tp("lint", "--kubeconfig", path).failed("you may not", "create ClusterRole", "create Deployment traffic-manager")
    result = lab.tp("install", "-n", "elsewhere", "--kubeconfig", path).failed("not allowed")
    expect(result.code == 77, result)


def scenario_overlays(lab):
    """kubectl applies every overlay, and the base again."""
    for name in ("cluster-wide", "namespaced", "base"):
        lab.kubectl("apply", "-k", os.path.join(ROOT, "k8s", name), "--dry-run=server").ok()


def scenario_uninstall(lab):
    """What kubectl installed is removed with its agents: pods go on without them, and nothing is left."""
    with Mode(lab, False) as mode:
        mode.tp("intercept", "backend", "--port", "8080").ok()
        mode.tp("leave", "backend").ok()
    expect(agents(lab), "a pod has an agent")
    plan = lab.tp("uninstall", "--dry-run").ok().out
    expect("Deployment traffic-manager" in plan and "backend" in plan, plan)
    expect(agents(lab), "a dry run changes nothing")
    lab.tp("uninstall", seconds=150).ok()
    expect(not agents(lab), f"no pod has an agent, but {agents(lab)}")
    nothing_left(lab)
    lab.kubectl("rollout", "status", "deployment/backend", "--timeout=60s").ok()
    lab.tp("uninstall").failed("no traffic manager is installed", "telepresence install")


def scenario_install(lab):
    """`install` waits until the manager serves; upgrades keep values, or forget them; one allows intercepts with filters only."""
    if lab.kubectl("get", "namespace", "ambassador").code == 0:
        lab.tp("uninstall", seconds=150).ok()
    lab.tp("install", "--no-create-namespace").failed("no namespace ambassador")
    answer = lab.tp("install", "--set", "logLevel=debug", "--format", "json", seconds=120).ok().json()
    expect(answer["revision"] == 1 and all(one["change"] == "created" for one in answer["objects"]), answer)
    with Mode(lab, False) as mode:
        mode.curl("http://backend.default/").ok()
    expect(lab.tp("install").failed("installed", "telepresence upgrade").code == 1, "a second install is refused")
    lab.tp("upgrade", "--set", "intercept.allowGlobalIntercepts=false", seconds=120).ok()
    expect(variables(lab)["TELEPRESENCE_LOG_LEVEL"] == "debug", "an upgrade keeps values")
    with Mode(lab, False) as mode:
        for kind in ("intercept", "replace"):
            mode.tp(kind, "backend").failed("intercept.allowGlobalIntercepts is false", "--http-header NAME=VALUE")
        mode.tp("intercept", "backend", "--port", "8080", "--http-header", "x-user=ann").ok()
        mode.tp("leave", "backend").ok()
    answer = lab.tp("upgrade", "--format", "json", seconds=120).ok().json()
    expect({one["change"] for one in answer["objects"]} == {"unchanged"}, answer)
    lab.tp("upgrade", "--reset-values", seconds=120).ok()
    expect(variables(lab)["TELEPRESENCE_LOG_LEVEL"] == "info", "--reset-values forgets them")


def scenario_failing(lab):
    """A manager that cannot start is told within seconds, with the reason; the next upgrade mends it."""
    installed(lab)
    result = lab.tp("upgrade", "--set", "image.tag=no-such-tag,image.name=no/such", "--timeout", "60", seconds=90)
    result.failed("no/such:no-such-tag", "cannot be had", "image.tag")
    expect(result.code == 2 and result.seconds < 30, f"within seconds: {result.seconds} s, status {result.code}")
    # The program ends at once: nothing listens on its port.
    result = lab.tp("upgrade", "--reset-values", "--set", "env.KUBERNETES_SERVICE_PORT=", "--timeout", "60", seconds=90)
    result.failed("ends again and again", "last words", "KUBERNETES_SERVICE_PORT")
    expect(result.code == 2, result)
    lab.tp("upgrade", "--reset-values", seconds=120).ok()


def scenario_namespaced(lab):
    """Limited to a namespace, the manager intercepts there, and has no right elsewhere."""
    installed(lab)
    lab.tp("upgrade", "--set", "namespaces={default}", seconds=120).ok()
    account = "--as=system:serviceaccount:ambassador:traffic-manager"
    for namespace, answer in (("default", "yes"), ("kube-system", "no")):
        said = lab.kubectl("auth", "can-i", "list", "pods", "-n", namespace, account).out.strip()
        expect(said == answer, f"the manager may list pods in {namespace}: {said}")
    with Mode(lab, False) as mode:
        mode.curl("http://backend.default/").ok()
        mode.tp("intercept", "backend", "--port", "8080").ok()
        mode.tp("leave", "backend").ok()
    # Another manager for the same namespace is refused, one for another is not.
    lab.kubectl("create", "namespace", "shop")
    lab.tp("install", "-n", "tools", "--set", "namespaces={default,shop}").failed("ambassador", "serves default")
    lab.tp("install", "-n", "tools", "--set", "namespaces={shop}", seconds=120).ok()
    lab.tp("uninstall", "-n", "tools", seconds=150).ok()
    expect(lab.kubectl("get", "namespace", "tools").code != 0, "its namespace is gone")
    lab.kubectl("delete", "namespace", "shop")
    expect(lab.kubectl(*MANAGER, "get", "deployment", "traffic-manager").code == 0, "the first one stays")
    lab.tp("upgrade", "--reset-values", seconds=120).ok()
    bindings = [one for one in objects(lab, "rolebindings", "-n", "default", "-l", LABEL)]
    expect(not bindings, f"the upgrade removes what is no longer part of it: {bindings}")


def scenario_no_injector(lab):
    """Without injector nobody is warned of one that is missing; who needs it is told, and ephemeral agents need none."""
    installed(lab)
    with Mode(lab, False) as mode:
        mode.tp("uninstall", "--all-agents", seconds=120).ok()
    wait_until("no agent", lambda: not agents(lab), 60)
    before = {pod["metadata"]["name"] for pod in objects(lab, "pods")}
    lab.tp("upgrade", "--set", "agentInjector.enabled=false", seconds=120).ok()
    with Mode(lab, False) as mode:
        mode.tp("intercept", "backend", "--port", "8080").failed("no injector", "--attach ephemeral")
        warnings = mode.tp("status", "--format", "json").ok().json()["connection"]["warnings"]
        expect(not warnings, warnings)
        mode.curl("http://backend.default/").ok()
        mode.tp("intercept", "backend", "--port", "8080", "--attach", "ephemeral", seconds=60).ok()
        mode.tp("leave", "backend").ok()
    after = {pod["metadata"]["name"] for pod in objects(lab, "pods")}
    expect(before == after, f"pods that were replaced for nothing: {before} {after}")
    lab.tp("upgrade", "--reset-values", seconds=120).ok()


def scenario_gone(lab):
    """After `uninstall` nothing is left; a namespace with something else in it stays."""
    installed(lab)
    lab.kubectl(*MANAGER, "create", "configmap", "mine").ok()
    result = lab.tp("uninstall", seconds=150).ok()
    expect("ConfigMap mine" in result.err, result)
    expect(lab.kubectl(*MANAGER, "get", "configmap", "mine").code == 0, "what is not ours stays")
    lab.kubectl("delete", "namespace", "ambassador").ok()
    wait_until("the namespace's end", lambda: lab.kubectl("get", "namespace", "ambassador").code != 0, 60)
    lab.tp("install", seconds=120).ok()
    lab.tp("uninstall", seconds=150).ok()
    nothing_left(lab)
