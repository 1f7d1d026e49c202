"""A service in a debugger on the workstation, driven as an IDE drives it: by the Debug Adapter Protocol."""

import json
import os
import socket
import subprocess
import tempfile
import threading

from scenario import only_mode
from shell import Failure, expect

#: Debian's, which its package of debugpy belongs to.
PYTHON = "/usr/bin/python3"

SERVICE = """
import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        greeting = os.environ["GREETING"]
        body = json.dumps({"by": greeting}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("127.0.0.1", int(os.environ["MY_PORT"])), Handler).serve_forever()
"""


class Debugger:
    """As much of an IDE as it takes to set a breakpoint and to look at a variable."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.stream = self.socket.makefile("rb")
        self.sequence, self.seen = 0, []

    def send(self, command, **arguments):
        self.sequence += 1
        body = json.dumps({"seq": self.sequence, "type": "request", "command": command, "arguments": arguments})
        self.socket.sendall(f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        return self.sequence

    def read(self):
        length = 0
        while line := self.stream.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.stream.read(length))

    def wait(self, wanted):
        """The first message that `wanted` takes, whether it has come already or not."""
        while True:
            for message in self.seen:
                if wanted(message):
                    self.seen.remove(message)
                    return message
            self.seen.append(self.read())

    def event(self, name):
        return self.wait(lambda m: m["type"] == "event" and m["event"] == name)

    def ask(self, command, **arguments):
        number = self.send(command, **arguments)
        answer = self.wait(lambda m: m["type"] == "response" and m["request_seq"] == number)
        if not answer["success"]:
            raise Failure(f"{command}: {answer.get('message')}")
        return answer.get("body") or {}

    def close(self):
        self.stream.close()
        self.socket.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@only_mode("host")
def scenario_breakpoint(t):
    """A request of another pod stops at a breakpoint that an IDE has set in the local process, with the pod's environment."""
    if subprocess.run([PYTHON, "-c", "import debugpy"], capture_output=True).returncode != 0:
        t.skip("python3-debugpy is not installed")
    app = t.app(env={"GREETING": "Hello"})
    c = t.connect()
    folder = tempfile.TemporaryDirectory()
    t.later(folder.cleanup)
    source = os.path.join(folder.name, "service.py")
    with open(source, "w") as file:
        file.write(SERVICE)
    mine, adapter = free_port(), free_port()
    child = c.start(
        "intercept", app.name, "--port", str(mine), "--",
        "env", f"MY_PORT={mine}", PYTHON, "-m", "debugpy", "--listen", f"127.0.0.1:{adapter}", "--wait-for-client", source,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    t.later(lambda: child.poll() is None and (child.terminate(), child.wait(20)))
    ide = t.until("the debugger listens", lambda: Debugger(adapter), 60)
    t.later(ide.close)
    ide.ask("initialize", clientID="e2e", adapterID="python", pathFormat="path", linesStartAt1=True)
    attached = ide.send("attach", justMyCode=True)
    ide.event("initialized")
    line = SERVICE.splitlines().index('        body = json.dumps({"by": greeting}).encode()') + 1
    set_ = ide.ask("setBreakpoints", source={"path": source}, breakpoints=[{"line": line}])
    expect(set_["breakpoints"][0]["verified"], set_)
    ide.ask("configurationDone")
    ide.wait(lambda m: m["type"] == "response" and m["request_seq"] == attached)

    answers = []

    def asks():
        """A request that reaches the program before it listens is answered by the app."""
        while True:
            answers.append(t.cluster.ask(app.url, seconds=60)["by"])
            if answers[-1] != "app":
                return

    asking = threading.Thread(target=asks, daemon=True)
    asking.start()
    stopped = ide.event("stopped")
    expect(stopped["body"]["reason"] == "breakpoint", stopped)
    thread = stopped["body"]["threadId"]
    frame = ide.ask("stackTrace", threadId=thread)["stackFrames"][0]
    expect(frame["line"] == line and frame["name"] == "do_GET", frame)
    value = ide.ask("evaluate", expression="greeting", frameId=frame["id"], context="watch")
    expect(value["result"] == "'Hello'", f"the pod's environment: {value}")
    ide.ask("evaluate", expression="greeting = 'Bonjour'", frameId=frame["id"], context="repl")
    expect(asking.is_alive(), "the request waits for the debugger")
    ide.ask("continue", threadId=thread)
    asking.join(30)
    expect(not asking.is_alive() and answers[-1] == "Bonjour", answers)
    child.terminate()
    expect(child.wait(20) != 0, "ended by a signal")
    app.answered_by("app")
