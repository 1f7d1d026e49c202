"""Wrong input is answered plainly and leaves nothing behind."""

import os

from modes import Mode, expect


def before_installation(lab):
    """No traffic manager is installed: run before it is."""
    before = lab.snapshot()
    mode = Mode(lab, False)
    mode.connect().failed("traffic manager", "ambassador", "kubectl apply")
    mode.quit()
    lab.same_as(before, "a connect without a traffic manager")


def scenario_not_connected(lab):
    """Commands while not connected say what to do."""
    mode = Mode(lab, False)
    for words in (["list"], ["intercept", "backend", "--port", "8080"], ["leave", "backend"], ["exec", "--", "true"]):
        mode.tp(*words).failed("not connected", "telepresence connect")
    expect("Not connected" in mode.tp("quit").ok().out, "quit while not connected")
    expect("not running" in mode.tp("status").ok().out, "status while not connected")
    answer = mode.tp("list", "--format", "json")
    expect(answer.code != 0 and "not connected" in answer.json()["error"], answer)


def scenario_kubeconfig(lab):
    """A kubeconfig that is missing or broken, or lacks the context."""
    before = lab.snapshot()
    mode = Mode(lab, False)
    mode.tp("connect", "--kubeconfig", "/nonexistent/config").failed("/nonexistent/config")
    broken = os.path.join(lab.directory, "broken")
    with open(broken, "w") as file:
        file.write("apiVersion: v1\nclusters: [\n")
    mode.tp("connect", "--kubeconfig", broken).failed(broken)
    mode.tp("connect", "--context", "no-such-context").failed("no-such-context")
    mode.quit().ok()
    lab.same_as(before, "failed connects")


def scenario_expired_token(lab):
    """An expired token."""
    before = lab.snapshot()
    mode = Mode(lab, False)
    expired = os.path.join(lab.directory, "expired")
    state = os.path.join(lab.directory, "sandbox")
    result = lab.ws(lab.binary("sandbox"), "kubeconfig", "--state", state, "--user", "expired")
    result.ok()
    with open(expired, "w") as file:
        file.write(result.out)
    mode.tp("connect", "--kubeconfig", expired).failed("refused")
    mode.quit().ok()
    lab.same_as(before, "a connect with an expired token")


def scenario_unknown(lab):
    """A workload or a port that does not exist, and a port in use."""
    with Mode(lab, False) as mode:
        mode.tp("intercept", "no-such-workload", "--port", "8080").failed("no-such-workload", "backend")
        mode.tp("intercept", "backend", "--port", "8080:no-such-port").failed("no-such-port")
        mode.tp("intercept", "backend", "--port", "notaport").failed("notaport")
        mode.tp("intercept", "backend", "--port", "8080:9/SCTP").failed("SCTP")
        mode.tp("leave", "nothing").failed("nothing")
        expect(not mode.tp("status", "--format", "json").ok().json()["attachments"], "nothing is left behind")


def scenario_conflict(lab):
    """A second intercept of the same port, by the same and by another workstation."""
    with Mode(lab, False) as mode, Mode(lab, True) as other:
        mode.tp("intercept", "backend", "--port", "8080").ok()
        mode.tp("intercept", "backend", "--port", "8081").failed("backend")
        other.tp("intercept", "mine", "--workload", "backend", "--port", "8081").failed("backend")
        mode.tp("leave", "backend").ok()


def scenario_unreachable(lab):
    """An API server that does not answer."""
    before = lab.snapshot()
    mode = Mode(lab, False)
    path = os.path.join(lab.directory, "unreachable")
    with open(lab.kubeconfig) as source, open(path, "w") as file:
        file.write(source.read().replace(":6443", ":6444"))
    mode.tp("connect", "--kubeconfig", path).failed("6444")
    mode.quit().ok()
    lab.same_as(before, "a connect to nowhere")
