"""A published traffic manager: a TCP relay at the lab's gateway that leads to the manager's pod, and can be cut."""

import re
import socket
import subprocess
import threading

from lab import API, Failure, wait_until


class Relay:
    """Listens on the gateway's address; what it carries goes through a port-forward of the administrator's."""

    def __init__(self, lab, port):
        self.lab, self.port = lab, port
        self.forward = None
        self.listener = None
        self.pairs = []
        self.carried = 0
        self.accepted = 0

    @property
    def address(self):
        return f"{API}:{self.port}"

    def open(self):
        """Listens, from now on or again."""
        if self.forward is None:
            self.forward = subprocess.Popen(
                ["kubectl", "--kubeconfig", self.lab.kubeconfig, "-n", "ambassador", "port-forward"]
                + ["deployment/traffic-manager", ":8081"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self.lab.processes.append(self.forward)
            line = self.forward.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if not found:
                raise Failure(f"kubectl port-forward said {line!r}")
            self.upstream = int(found.group(1))
            threading.Thread(target=self.forward.stdout.read, daemon=True).start()
        self.listener = socket.create_server((API, self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        """Refuses new connections and resets those that are open."""
        listener, self.listener = self.listener, None
        if listener:
            # A thread that waits in accept keeps the socket open otherwise.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.cut()
        if self.forward:
            self.forward.terminate()
            self.forward.wait(10)

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.upstream), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self.accepted += 1
            self.pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source, target):
        try:
            while data := source.recv(65536):
                self.carried += len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def publish(lab, text):
    """Tells the manager where it is published, as its administrator does; empty takes it back."""
    setting = f"TELEPRESENCE_DIRECT_ADDRESSES={text}" if text else "TELEPRESENCE_DIRECT_ADDRESSES-"
    lab.kubectl("-n", "ambassador", "set", "env", "deployment/traffic-manager", setting).ok()
    lab.kubectl("-n", "ambassador", "rollout", "status", "deployment/traffic-manager", "--timeout=60s").ok()


def link(mode):
    """The link that `status` names."""
    status = mode.tp("status", "--format", "json").ok().json()
    return (status.get("connection") or {}).get("link", "")


def wait_for_link(mode, word, seconds=20):
    """Waits until `status` names a link that begins so."""

    def seen():
        name = link(mode)
        if word not in name:
            raise Failure(f"the link is {name}")
        return True

    wait_until(f"{mode.name}: a link by {word}", seen, seconds)
