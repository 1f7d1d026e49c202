"""Reaching the cluster, in both modes."""

from lab import OUTSIDE, WEBSITE, wait_until
from modes import Mode, expect

#: The ports of the sample's `echo` service.
ECHO, REVERSE, BULK, UDP_ECHO = 7000, 7001, 7002, 7000


def both(check):
    """Runs `check` in a connection of each mode."""

    def scenario(lab):
        for isolated in (False, True):
            with Mode(lab, isolated) as mode:
                check(lab, mode)

    scenario.__doc__ = check.__doc__
    return scenario


def pod_ip(lab, app):
    return lab.kubectl("get", "pods", "-l", f"app={app}", "-o", "jsonpath={.items[0].status.podIP}").ok().out.strip()


@both
def scenario_names(lab, mode):
    """TCP to a ClusterIP by name, name.namespace, full name, and to a pod's address."""
    for host in ("backend", "backend.default", "backend.default.svc", "backend.default.svc.cluster.local"):
        answer = mode.curl(f"http://{host}/").ok().out
        expect("Hello from backend" in answer, f"{mode.name}: http://{host} answered {answer!r}")
    address = pod_ip(lab, "echo")
    expect(mode.check("tcp", address, str(ECHO))["same"], f"{mode.name}: echo by the pod's address {address}")


@both
def scenario_calls_by_name(lab, mode):
    """A front end in the cluster calls the back end by name."""
    answer = mode.curl("http://frontend.default/").ok().out
    expect("backend" in answer, f"{mode.name}: {answer!r}")


@both
def scenario_udp(lab, mode):
    """A UDP echo."""
    for size in ("16", "1200", "1400"):
        expect(mode.check("udp", "echo.default", str(UDP_ECHO), size)["same"], f"{mode.name}: datagram of {size} bytes")


@both
def scenario_refused(lab, mode):
    """A port where nobody listens gives ECONNREFUSED at once; an address that nobody has does not."""
    result = mode.check("refused", pod_ip(lab, "echo"), "4", "20")
    expect(result["error"] == "ConnectionRefusedError", f"{mode.name}: {result}")
    expect(result["seconds"] < 8, f"{mode.name}: refused after {result['seconds']} s")
    address = pod_ip(lab, "echo").rsplit(".", 1)[0] + ".250"
    result = mode.check("refused", address, "80", "3")
    expect(result["error"] in ("TimeoutError", "OSError"), f"{mode.name}: black hole {address}: {result}")


@both
def scenario_half_close(lab, mode):
    """The answer that comes after the end of the request arrives."""
    result = mode.check("halfclose", "echo.default", str(REVERSE))
    expect(result["answer"] == "half-close"[::-1], f"{mode.name}: {result}")


@both
def scenario_bulk(lab, mode):
    """100 MB each way, intact."""
    up = mode.check("upload", "echo.default", str(BULK), "100", seconds=120)
    expect(up["same"], f"{mode.name}: up {up}")
    down = mode.check("download", "echo.default", str(BULK), "100", seconds=120)
    expect(down["same"] and down["bytes"] == down["wanted"], f"{mode.name}: down {down}")


@both
def scenario_parallel(lab, mode):
    """200 connections at once."""
    result = mode.check("parallel", "echo.default", str(ECHO), "200")
    expect(result["good"] == 200, f"{mode.name}: {result}")


@both
def scenario_outside(lab, mode):
    """Names outside the cluster resolve as before, and the Internet is reached as before."""
    result = mode.check("resolve", OUTSIDE)
    expect(result["addresses"] == [WEBSITE], f"{mode.name}: {OUTSIDE}: {result}")
    expect(mode.curl(f"http://{OUTSIDE}/").ok().out == "the Internet", f"{mode.name}: the web site")
    result = mode.check("resolve", "nowhere.corp.example")
    expect(not result["addresses"], f"{mode.name}: {result}")
    result = mode.check("resolve", "no-such-service.default")
    expect(not result["addresses"], f"{mode.name}: {result}")


def scenario_default_route(lab):
    """In host mode the default route is untouched while connected; in isolated mode all of it."""
    before = lab.snapshot()
    route = lab.ws("ip", "route", "get", WEBSITE).ok().out
    with Mode(lab, False):
        expect(lab.ws("ip", "route", "get", WEBSITE).ok().out == route, "the route to the Internet changed")
    with Mode(lab, True):
        lab.same_as(before, "an isolated connect")


def scenario_status(lab):
    """`status`, `list` and `version` tell what there is, as text and as JSON."""
    with Mode(lab, False) as mode:
        status = mode.tp("status", "--format", "json").ok().json()
        expect(status["user_daemon"]["status"] == "connected", status)
        expect(status["root_daemon"]["running"], status)
        expect(status["connection"]["namespace"] == "default", status)
        text = mode.tp("status").ok().out
        expect("Status" in text and "connected" in text, text)
        names = {workload["name"] for workload in mode.tp("list", "--format", "json").ok().json()}
        expect({"frontend", "backend", "numeric", "echo"} <= names, names)
        expect("ready to attach" in mode.tp("list").ok().out, "list as text")
        version = mode.tp("version", "--format", "json").ok().json()
        expect({"client", "user_daemon", "root_daemon", "traffic_manager"} <= version.keys(), version)


def scenario_command(lab):
    """`connect -- CMD` runs the command, returns its status, and disconnects."""
    for isolated in (False, True):
        mode = Mode(lab, isolated)
        before = lab.snapshot()
        words = ["connect"] + (["--isolated"] if isolated else [])
        result = mode.tp(*words, "--", "curl", "-sS", "--max-time", "10", "http://backend.default/").ok()
        expect("backend" in result.out, f"{mode.name}: {result}")
        result = mode.tp(*words, "--", "sh", "-c", "exit 7")
        expect(result.code == 7, f"{mode.name}: {result}")
        state = mode.tp("status", "--format", "json").ok().json()
        expect("connection" not in state or state["connection"] is None, f"{mode.name}: {state}")
        mode.quit().ok()
        lab.same_as(before, f"{mode.name} connect -- CMD")


def scenario_reconnect(lab):
    """A cut link is restored by itself once the cable is back."""
    with Mode(lab, False) as mode:
        mode.curl("http://backend.default/").ok()
        lab.cut()
        lab.mend()
        wait_until(
            "an answer after the cable is back",
            lambda: mode.curl("http://backend.default/", seconds=5).code == 0,
            40,
        )
