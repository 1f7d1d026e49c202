"""The lab of the end-to-end tests: a sandbox cluster, a workstation and an Internet, each in its own namespace.

    +---------------------------- host namespace (the runner's own) ---------------------------+
    |  sandbox (API server on 10.99.0.1:6443)       Internet: 203.0.113.53 (DNS), 203.0.113.80   |
    |      |  pods and services live in namespaces of the sandbox; nothing routes there          |
    |  ws0 10.99.0.1/24                                                                          |
    +---|----------------------------------------------------------------------------------------+
        |  eth0 10.99.0.2/24, default route via 10.99.0.1, resolv.conf: nameserver 203.0.113.53
    +---|--- workstation namespace ---+
    |  telepresence, curl, handlers   |
    +---------------------------------+

The runner itself was started in fresh network, mount and process namespaces (scripts/e2e does that), so nothing of all
this can outlive it.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

from shell import Failure, Result, run, wait_until  # noqa: F401: the scenarios take them from here

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
API = "10.99.0.1"
WORKSTATION = "10.99.0.2"
NAMESERVER = "203.0.113.53"
WEBSITE = "203.0.113.80"
OUTSIDE = "www.corp.example"


class Lab:
    """Everything that the scenarios share. `close` ends it all."""

    def __init__(self, binaries, logs, workstation_user=None):
        self.binaries = binaries
        self.logs = logs
        self.directory = tempfile.mkdtemp(prefix="telepresence-e2e-")
        self.kubeconfig = os.path.join(self.directory, "kubeconfig")
        self.processes = []
        self.sandbox = None
        os.makedirs(logs, exist_ok=True)

    # -- set-up

    def open(self):
        self._host_network()
        self._workstation_network()
        self._internet()

    def _host_network(self):
        run(["ip", "link", "set", "lo", "up"]).ok()
        for address in (NAMESERVER, WEBSITE):
            run(["ip", "address", "add", f"{address}/32", "dev", "lo"]).ok()
        run(["ip", "link", "add", "ws0", "type", "veth", "peer", "name", "eth0"]).ok()
        run(["ip", "address", "add", f"{API}/24", "dev", "ws0"]).ok()
        run(["ip", "link", "set", "ws0", "up"]).ok()

    def _workstation_network(self):
        resolv = os.path.join(self.directory, "resolv.conf")
        with open(resolv, "w") as file:
            file.write(f"nameserver {NAMESERVER}\n")
        # /dev/net/tun as udev would make it, for the user without privilege.
        script = (
            "mount --make-rprivate /; "
            f"mount --bind {resolv} /etc/resolv.conf; "
            "mkdir -p /run/telepresence-e2e; mount -t tmpfs none /run; mkdir -p /run/telepresence; "
            "mount -t tmpfs none /dev/net; mknod -m 666 /dev/net/tun c 10 200; "
            "ip link set lo up; echo ready; exec sleep infinity"
        )
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--kill-child", "sh", "-c", script], stdout=subprocess.PIPE
        )
        if self.holder.stdout.readline() != b"ready\n":
            raise Failure("the workstation's namespace could not be made")
        run(["ip", "link", "set", "eth0", "netns", str(self.holder.pid)]).ok()
        self.ws("ip", "address", "add", f"{WORKSTATION}/24", "dev", "eth0").ok()
        self.ws("ip", "link", "set", "eth0", "up").ok()
        self.ws("ip", "route", "add", "default", "via", API).ok()
        # The link-local address, and its routes with it, comes a second or two later: snapshots are taken after that.
        wait_until("the workstation's own IPv6 address", self._address_is_final, 20)

    def _address_is_final(self):
        if self.ws("cat", "/proc/sys/net/ipv6/conf/eth0/disable_ipv6").out.strip() != "0":
            return True
        tentative = self.ws("ip", "-6", "-o", "address", "show", "dev", "eth0", "tentative").ok().out
        routes = self.ws("ip", "-6", "route", "show", "table", "local", "dev", "eth0").ok().out
        return not tentative and "local fe80:" in routes

    def _internet(self):
        nameserver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        nameserver.bind((NAMESERVER, 53))
        threading.Thread(target=self._answer_names, args=(nameserver,), daemon=True).start()
        website = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        website.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        website.bind((WEBSITE, 80))
        website.listen(64)
        threading.Thread(target=self._answer_web, args=(website,), daemon=True).start()

    @staticmethod
    def _answer_names(server):
        """A nameserver that knows one name, and says NXDOMAIN to all others."""
        while True:
            query, peer = server.recvfrom(4096)
            end = query.index(b"\0", 12) + 5
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode())
                at += 1 + query[at]
            kind = struct.unpack("!H", query[end - 4 : end - 2])[0]
            known = ".".join(labels).lower() == OUTSIDE
            answers = 1 if known and kind == 1 else 0
            head = query[:2] + struct.pack("!HHHHH", 0x8180 | (0 if known else 3), 1, answers, 0, 0)
            answer = head + query[12:end]
            if answers:
                answer += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 300, 4) + socket.inet_aton(WEBSITE)
            server.sendto(answer, peer)

    @staticmethod
    def _answer_web(server):
        def serve(connection):
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nthe Internet")

        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    # -- the cluster

    def start_sandbox(self, *options):
        state = os.path.join(self.directory, "sandbox")
        log = open(os.path.join(self.logs, "sandbox.log"), "w")
        self.sandbox = subprocess.Popen(
            [self.binary("sandbox"), "up", "--address", API, "--port", "6443", "--state", state]
            + ["--kubeconfig", self.kubeconfig, *options],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        wait_until("the API server's answer", self._api_answers, 60)

    def _api_answers(self):
        if self.sandbox.poll() is not None:
            with open(os.path.join(self.logs, "sandbox.log")) as file:
                raise SystemExit(f"the sandbox ended: {file.read()[-2000:]}")
        return os.path.exists(self.kubeconfig) and self.kubectl("get", "--raw", "/readyz").code == 0

    def kubectl(self, *words, seconds=60, stdin=None, kubeconfig=None):
        return run(["kubectl", "--kubeconfig", kubeconfig or self.kubeconfig, *words], seconds=seconds, stdin=stdin)

    def binary(self, name):
        return os.path.join(self.binaries, name)

    # -- the workstation

    def enter(self, user=None):
        words = ["nsenter", "--target", str(self.holder.pid), "--net", "--mount", "--"]
        if user is not None:
            words += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
        return words

    def environment(self, name="main", user=None, **extra):
        """The environment of a user at the workstation; `name` keeps users' daemons apart."""
        home = os.path.join(self.directory, f"home-{name}")
        if not os.path.isdir(home):
            os.makedirs(home, mode=0o700)
            os.chmod(self.directory, 0o755)
            if user is not None:
                os.chown(home, user, user)
                copy = os.path.join(home, "kubeconfig")
                shutil.copy(self.kubeconfig, copy)
                os.chown(copy, user, user)
        own = os.path.join(home, "kubeconfig")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "KUBECONFIG": own if os.path.exists(own) else self.kubeconfig,
            "TELEPRESENCE_RUNTIME_DIR": os.path.join(home, "run"),
            "TELEPRESENCE_LOG_DIR": os.path.join(self.logs, name),
            "LANG": "C.UTF-8",
        }
        if user is not None:
            environment["TELEPRESENCE_LOG_DIR"] = os.path.join(home, "logs")
        environment.update(extra)
        return environment

    def ws(self, *command, seconds=60, env=None, stdin=None, user=None):
        """Runs a command at the workstation."""
        return run([*self.enter(user), *command], seconds=seconds, env=env or self.environment(), stdin=stdin)

    def ws_start(self, *command, env=None, user=None, **options):
        """Starts a command at the workstation; it is ended with the lab."""
        process = subprocess.Popen([*self.enter(user), *command], env=env or self.environment(), **options)
        self.processes.append(process)
        return process

    def tp(self, *words, seconds=60, env=None, user=None):
        """Runs telepresence at the workstation."""
        return self.ws(self.binary("telepresence"), *words, seconds=seconds, env=env, user=user)

    def cut(self):
        """Cuts the workstation's cable."""
        run(["ip", "link", "set", "ws0", "down"]).ok()

    def mend(self):
        """Joins the cable again, with the routes that the cut took away."""
        run(["ip", "link", "set", "ws0", "up"]).ok()
        wait_until("the link", lambda: "LOWER_UP" in self.ws("ip", "link", "show", "eth0").ok().out, 20)

    def snapshot(self):
        """All that telepresence may change on a workstation, as text to compare."""
        commands = {
            "links": ["ip", "-o", "link"],
            "addresses": ["ip", "-o", "address"],
            "rules": ["ip", "rule"],
            "rules6": ["ip", "-6", "rule"],
            "routes": ["ip", "route", "show", "table", "all"],
            "routes6": ["ip", "-6", "route", "show", "table", "all"],
            "nft": ["nft", "list", "ruleset"],
            "resolv.conf": ["cat", "/etc/resolv.conf"],
            "mounts": ["sh", "-c", "cat /proc/self/mountinfo | sort"],
        }
        texts = {name: self.ws(*command).ok().out for name, command in commands.items()}
        # The kernel's own check of a new IPv6 address ends by itself a second after the cable is joined.
        texts["addresses"] = texts["addresses"].replace(" tentative", "")
        return texts

    def same_as(self, before, what):
        """The workstation must become as it was."""

        def compare():
            after = self.snapshot()
            for name, text in before.items():
                if after[name] != text:
                    raise Failure(f"after {what}, {name} differ:\n--- before\n{text}\n--- after\n{after[name]}")
            return True

        wait_until(f"the workstation as before, after {what}", compare, 20)

    # -- the end

    def close(self):
        for process in self.processes + [self.sandbox, getattr(self, "holder", None)]:
            if process is None or process.poll() is not None:
                continue
            if process is getattr(self, "holder", None):
                # unshare ignores SIGTERM while it waits; its child, which holds nothing, dies with it.
                process.kill()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
