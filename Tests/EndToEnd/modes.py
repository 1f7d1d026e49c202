"""The two ways to be connected, so that every check runs in both."""

import os

from shell import expect  # noqa: F401: the scenarios take it from here

CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client.py")
#: Who works in isolated mode: a user without any privilege.
USER = 1000


class Mode:
    """A connection of the workstation; a context manager that connects and quits."""

    def __init__(self, lab, isolated, namespace=None):
        self.lab, self.isolated, self.namespace = lab, isolated, namespace
        self.name = "isolated" if isolated else "host"
        self.user = USER if isolated else None
        self.env = lab.environment(self.name, user=self.user)

    def tp(self, *words, seconds=60):
        return self.lab.tp(*words, seconds=seconds, env=self.env, user=self.user)

    def connect(self):
        words = ["connect"] + (["--isolated"] if self.isolated else [])
        if self.namespace:
            words += ["--namespace", self.namespace]
        return self.tp(*words)

    def quit(self):
        return self.tp("quit", "-s")

    def run(self, *command, seconds=60):
        """Runs a program where it sees the cluster."""
        if self.isolated:
            return self.tp("exec", "--", *command, seconds=seconds)
        return self.lab.ws(*command, seconds=seconds, env=self.env)

    def check(self, *words, seconds=60):
        """One check of client.py."""
        return self.run("python3", CLIENT, *words, seconds=seconds).ok().json()

    def curl(self, url, *options, seconds=20):
        return self.run("curl", "-sS", "--max-time", str(seconds), *options, url, seconds=seconds + 5)

    def __enter__(self):
        self.connect().ok()
        return self

    def __exit__(self, *_):
        self.quit().ok()
