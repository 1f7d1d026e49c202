"""What lasts, and what ends, when parts of the product are restarted or killed."""

import os
import signal
import threading

from scenario import alone
from shell import expect


@alone
def scenario_manager_restart(t):
    """The manager is restarted: connection and intercept are there again by themselves, and the agent stays."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    pod = app.pod()["metadata"]["name"]
    session = c.status()["connection"]
    words = ["-n", t.cluster.manager_namespace]
    t.cluster.kubectl(*words, "rollout", "restart", "deployment/traffic-manager").ok()
    t.cluster.await_manager()
    app.answered_by("workstation", 30)
    c.answered_by(app.url, "workstation", 30)
    t.until("ACTIVE", lambda: [one["state"] for one in c.attachments()] == ["ACTIVE"], 20)
    expect(app.pod()["metadata"]["name"] == pod, "the app's pod was not replaced")
    expect(c.status()["connection"]["namespace"] == session["namespace"], "the same connection")
    c.leave(app)
    app.answered_by("app", 5)


@alone
def scenario_manager_killed(t):
    """While the manager is away, the app's own requests are answered."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    words = ["-n", t.cluster.manager_namespace]
    t.cluster.kubectl(*words, "scale", "deployment/traffic-manager", "--replicas=0").ok()
    t.later(t.cluster.await_manager)
    t.later(lambda: t.cluster.kubectl(*words, "scale", "deployment/traffic-manager", "--replicas=1").ok())
    t.until("no manager", lambda: not t.cluster.get("pods", *words, "-l", "app=traffic-manager")["items"], 60)
    answer = app.ask(seconds=10)
    expect(answer["by"] in ("app", "workstation"), answer)


@alone
def scenario_command_killed_meanwhile(t):
    """`kill -9` of `intercept -- CMD` while the manager is away: the intercept is gone when it is back."""
    app, c = t.app(), t.connect()
    child = t.running_command(c, app)
    words = ["-n", t.cluster.manager_namespace]
    t.cluster.kubectl(*words, "scale", "deployment/traffic-manager", "--replicas=0").ok()
    t.later(t.cluster.await_manager)
    t.later(lambda: t.cluster.kubectl(*words, "scale", "deployment/traffic-manager", "--replicas=1").ok())
    t.until("the link's loss", lambda: c.status()["user_daemon"]["status"] != "connected", 60)
    child.kill()
    child.wait(20)
    t.until("no intercept here", lambda: c.attachments() == [], 20)
    t.cluster.kubectl(*words, "scale", "deployment/traffic-manager", "--replicas=1").ok()
    t.cluster.await_manager()
    t.until("the link", lambda: c.status()["user_daemon"]["status"] == "connected", 60)
    app.answered_by("app", 20)
    expect(c.attachments() == [], "no intercept")


def scenario_agent_pod_deleted(t):
    """The intercepted pod is deleted: its successor is intercepted."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    pod = app.pod()["metadata"]["name"]
    app.kubectl("delete", "pod", pod, "--wait=false").ok()
    t.until("a successor", lambda: [one["metadata"]["name"] for one in app.ready_pods()] not in ([], [pod]), 60)
    app.answered_by("workstation", 15)


def scenario_user_daemon_killed(t):
    """`kill -9` of the user daemon: the app answers at once, and one can connect and intercept again."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted")
    os.kill(c.status()["user_daemon"]["pid"], signal.SIGKILL)
    app.answered_by("app", 5)
    c.end_probe()
    c.connect().ok()
    c.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "intercepted again")


def scenario_long_connection(t):
    """A connection through an intercept that is left goes on to its end; new ones go to the app."""
    app, c, h = t.app(), t.connect(), t.handler()
    c.intercept(app, port=h.port)
    expect(app.ask("/slow/0.1")["by"] == "workstation", "intercepted")
    answers = []
    slow = threading.Thread(target=lambda: answers.append(app.ask("/slow/2")))
    count = h.count
    slow.start()
    t.until("the slow request has begun", lambda: h.count > count, 20)
    c.leave(app)
    app.answered_by("app", 3)
    slow.join(10)
    expect(answers and answers[0]["by"] == "workstation", f"the slow request ended as {answers}")
