"""Copies of an app's traffic come to workstations; the traffic itself goes where it went before."""

import socket
import threading

from scenario import Port, each_mode
from shell import expect


def tap(c, app, port, *words):
    return c.tp("wiretap", app.name, "--port", str(port), *words, "--format", "json", seconds=90).ok().json()


@each_mode
def scenario_copy(t):
    """Requests reach the app, and a copy reaches the workstation; afterwards nothing does."""
    app, c, h = t.app(), t.connect(), t.handler("listener")
    made = tap(c, app, h.port)
    expect(made["kind"] == "wiretap" and made["state"] == "ACTIVE", made)
    for number in range(5):
        expect(app.ask()["by"] == "app", "the app answers, not the listener")
        t.until(f"copy {number + 1}", lambda: h.count >= number + 1, 20)
    t.until("the count of copies", lambda: c.attachments()[0]["copied"] >= 5, 20)
    expect(c.attachments()[0]["dropped"] == 0, c.attachments())
    expect("wiretapped by" in c.tp("list").ok().out, c.tp("list"))
    c.leave(app)
    # What is under way at the end may still come.
    t.until("no copies", lambda: quiet(app, h), 20)


def quiet(app, handler):
    before = handler.count
    for _ in range(3):
        expect(app.ask()["by"] == "app", "the app answers")
    threading.Event().wait(0.3)
    return handler.count == before


def scenario_several_beside_an_intercept(t):
    """Two people tap a port that a third intercepts: all get the requests, the interceptor answers."""
    app = t.app()
    holder, h = t.connect(), t.handler()
    listeners = [t.handler("one"), t.handler("two")]
    for listener in listeners:
        tap(t.connect(mode="isolated"), app, listener.port)
    holder.intercept(app, port=h.port)
    expect(app.ask()["by"] == "workstation", "the interceptor answers")
    for listener in listeners:
        t.until("the copy", lambda: listener.count >= 1, 20)


def scenario_stuck(t):
    """A listener that accepts and never reads, and one that is not there: the app answers as ever, and losses are told."""
    app, c = t.app(), t.connect()
    listener = socket.create_server(("127.0.0.1", 0))
    t.later(listener.close)
    tap(c, app, listener.getsockname()[1])
    other = t.connect(mode="isolated")
    absent = t.handler("absent")
    absent.close()
    tap(other, app, absent.port)
    for _ in range(10):
        expect(app.ask(seconds=5)["by"] == "app", "the app answers")
    t.until("the losses", lambda: other.attachments()[0]["dropped"] >= 10, 20)
    expect("left out" in other.tp("list").ok().out, other.tp("list"))


def scenario_datagrams(t):
    """Datagrams are copied, and the app answers them."""
    app, c = t.app(ports=[Port(8080), Port(7070, "udp", "UDP", 7070)]), t.connect()
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(20)
    t.later(server.close)
    tap(c, app, f"{server.getsockname()[1]}:udp/UDP")
    expect(t.cluster.socket("udp", app.host, 7070, data="who?") == "app", "the app answers")
    expect(server.recvfrom(65536)[0] == b"who?", "the copy")


def scenario_command(t):
    """`wiretap -- CMD`: CMD has the container's environment, and the wiretap ends with it."""
    app, c = t.app(env={"E2E_VALUE": "xyzzy"}), t.connect()
    result = c.tp("wiretap", app.name, "--port", "8080", "--", "sh", "-c", 'test "$E2E_VALUE" = xyzzy && exit 5')
    expect(result.code == 5, result)
    expect(c.attachments() == [], "the wiretap ended with its command")
