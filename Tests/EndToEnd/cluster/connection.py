"""A workstation's connection: daemons of its own, and programs that see the cluster through it."""

import json
import os
import subprocess
import sys
import threading

from shell import Failure, cleaning, run, wait_until

CLIENT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "client.py")
#: A workstation has one network: only one connection in host mode at a time.
HOST_NETWORK = threading.Lock()


class Connection:
    """One user of a workstation, in one of the two modes; a context manager that connects and quits.

    Every one has directories of its own, so that its daemons are nobody else's.
    """

    def __init__(self, cluster, directory, mode, namespace=None, options=()):
        self.cluster, self.mode, self.isolated = cluster, mode, mode == "isolated"
        self.namespace = namespace or cluster.namespace
        self.options = list(options)
        self.directory = directory
        self.probe, self.lock, self.holds_network = None, threading.Lock(), False
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": directory,
            "LANG": "C.UTF-8",
            "KUBECONFIG": cluster.kubeconfig,
            "TELEPRESENCE_RUNTIME_DIR": os.path.join(directory, "run"),
            "TELEPRESENCE_LOG_DIR": os.path.join(directory, "logs"),
            "TELEPRESENCE_ROOTD_SOCKET": os.path.join(directory, "rootd.sock"),
        }

    # -- the program

    def tp(self, *words, seconds=60, env=None):
        """Runs telepresence as this user."""
        return run([self.cluster.options.telepresence, *words], seconds=seconds, env={**self.env, **(env or {})})

    def start(self, *words, **streams):
        """Starts telepresence as this user and does not wait for it."""
        return subprocess.Popen([self.cluster.options.telepresence, *words], env=self.env, **streams)

    def connect_words(self, *more):
        words = ["connect", "--namespace", self.namespace, "--manager-namespace", self.cluster.manager_namespace]
        if self.cluster.options.context:
            words += ["--context", self.cluster.options.context]
        return words + (["--isolated"] if self.isolated else []) + self.options + list(more)

    def connect(self, *more, seconds=60):
        """`telepresence connect`, whose result the caller judges."""
        self.take_network()
        return self.tp(*self.connect_words(*more), seconds=seconds)

    def take_network(self):
        if not self.isolated and not self.holds_network:
            HOST_NETWORK.acquire()
            self.holds_network = True

    def quit(self):
        self.end_probe()
        return self.tp("quit", "-s", seconds=30)

    def status(self):
        return self.tp("status", "--format", "json").ok().json()

    def close(self):
        """Quits whatever was made, also after a failure."""
        with cleaning():
            try:
                result = self.quit()
                if result.code != 0:
                    raise Failure(f"quit: {result}")
            finally:
                if self.holds_network:
                    self.holds_network = False
                    HOST_NETWORK.release()

    def __enter__(self):
        self.connect().ok()
        return self

    def __exit__(self, *_):
        self.close()

    # -- attachments

    def intercept(self, app, *words, port, seconds=90):
        """`telepresence intercept APP --port PORT`, in the app's namespace; its JSON."""
        where = [] if app.namespace == self.namespace else ["--namespace", app.namespace]
        words = ["intercept", app.name, "--port", str(port), *where, *words, "--format", "json"]
        return self.tp(*words, seconds=seconds).ok().json()

    def leave(self, name):
        return self.tp("leave", getattr(name, "name", name)).ok()

    def attachments(self):
        return self.status()["attachments"]

    # -- programs that see the cluster

    def run(self, *command, seconds=60):
        """Runs a program where it sees the cluster."""
        if self.isolated:
            return self.tp("exec", "--", *command, seconds=seconds)
        return run(list(command), seconds=seconds, env=self.env)

    def check(self, *words, seconds=60):
        """One check of client.py; its answer. The program is started once and stays."""
        with self.lock:
            if self.probe is None or self.probe.poll() is not None:
                words_before = [self.cluster.options.telepresence, "exec", "--"] if self.isolated else []
                self.probe = subprocess.Popen(
                    [*words_before, sys.executable, CLIENT, "serve"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.env, text=True,
                )  # fmt: skip
            self.probe.stdin.write(json.dumps([str(word) for word in words]) + "\n")
            self.probe.stdin.flush()
            timer = threading.Timer(seconds, self.probe.kill)
            timer.start()
            line = self.probe.stdout.readline()
            timer.cancel()
        if not line:
            raise Failure(f"the program that sees the cluster ended at {' '.join(map(str, words))}")
        answer = json.loads(line)
        if "exception" in answer:
            raise Failure(f"{self.mode}: {' '.join(map(str, words))}: {answer['exception']}")
        return answer

    def get(self, url, seconds=10):
        """A request from the workstation; the answer's body as JSON."""
        answer = self.check("get", url, seconds)
        if answer["status"] != 200:
            raise Failure(f"{self.mode}: GET {url} from the workstation: {answer}")
        try:
            return json.loads(answer["body"])
        except ValueError:
            return answer["body"]

    def answered_by(self, url, name, seconds=20):
        """Waits until requests from the workstation are answered by `name`."""

        def seen():
            answer = self.get(url, 5)
            if answer["by"] != name:
                raise Failure(f"answered by {answer}")
            return answer

        return wait_until(f"an answer by {name!r} to the workstation", seen, seconds, 0.05)

    def end_probe(self):
        with self.lock:
            if self.probe is not None:
                self.probe.stdin.close()
                try:
                    self.probe.wait(2)
                except subprocess.TimeoutExpired:
                    self.probe.kill()
                    self.probe.wait()
                self.probe.stdout.close()
                self.probe = None
