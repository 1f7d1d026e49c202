"""What a scenario is, and what it may use: see README.md."""

import contextlib
import importlib.util
import os
import re
import signal
import threading

from app import App, Port
from connection import HOST_NETWORK, Connection
from program import Server
from shell import Failure, cleaning, expect, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))


class Skip(Exception):
    """A prerequisite of the cluster is absent; the text says which."""


def each_mode(function):
    """Runs the scenario once in each of the run's modes; the others run in the first."""
    function.each_mode = True
    return function


def only_mode(mode):
    """The scenario makes sense in one mode only; it is left out where the run has not that mode."""

    def mark(function):
        function.only_mode = mode
        return function

    return mark


def alone(function):
    """The scenario disturbs others, for example by restarting the manager: nothing runs beside it."""
    function.alone = True
    return function


class Scenario:
    """A scenario in one mode: its name, its first line of doc, its function."""

    def __init__(self, suite, function, mode, marked):
        self.function, self.mode = function, mode
        self.name = f"{suite}.{function.__name__[len('scenario_'):]}" + (f"[{mode}]" if marked else "")
        self.text = (function.__doc__ or "").strip().split("\n")[0]
        self.alone = getattr(function, "alone", False)


def scenarios(modes):
    """All scenarios: the functions `scenario_…` of the files in scenarios/, in the order in which they are written."""
    found = []
    folder = os.path.join(HERE, "scenarios")
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".py"):
            continue
        suite = file[:-3]
        spec = importlib.util.spec_from_file_location(f"scenarios.{suite}", os.path.join(folder, file))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in vars(module).items():
            if not name.startswith("scenario_"):
                continue
            only = getattr(function, "only_mode", None)
            if only:
                found += [Scenario(suite, function, only, False)] if only in modes else []
            elif getattr(function, "each_mode", False):
                found += [Scenario(suite, function, mode, True) for mode in modes]
            else:
                found.append(Scenario(suite, function, modes[0], False))
    return found


class Context:
    """What a scenario gets as `t`: everything made through it is removed when the scenario ends, in reverse order."""

    _number = 0
    _counting = threading.Lock()

    def __init__(self, cluster, scenario, directory):
        self.cluster, self.mode, self.directory = cluster, scenario.mode, directory
        self.namespace = cluster.namespace
        self.stem = re.sub(r"[^a-z0-9]+", "-", scenario.name.split(".", 1)[1].lower()).strip("-")[:30]
        self.undo = []

    # -- the cluster's side

    def kubectl(self, *words, **options):
        """kubectl in the run's namespace; a `-n` among the words wins."""
        return self.cluster.kubectl("-n", self.namespace, *words, **options)

    def unique(self, what=""):
        """A name that nobody else has."""
        with Context._counting:
            Context._number += 1
            return f"{self.stem}{'-' + what if what else ''}-{Context._number}"

    def app(self, what="", namespace=None, name=None, wait=True, **options):
        """Puts an app into the cluster, ready when this returns unless `wait=False`; see app.py for the options."""
        app = App(self.cluster, namespace or self.namespace, name or self.unique(what), **options)
        self.later(app.delete)
        app.create()
        return app.ready() if wait else app

    def own_namespace(self, labels=None):
        """A namespace that only this scenario has, with what apps need; its name."""
        name = f"{self.cluster.namespace}-{self.unique()}"[:63].rstrip("-")
        self.later(lambda: self.cluster.kubectl("delete", "namespace", name, "--wait=false").ok())
        self.cluster.make_namespaces({name: "apps"}, labels)
        return name

    # -- the workstation's side

    def connection(self, namespace=None, options=(), mode=None):
        """A user of the workstation who has not connected yet."""
        with Context._counting:
            Context._number += 1
            directory = os.path.join(self.directory, str(Context._number))
        connection = Connection(self.cluster, directory, mode or self.mode, namespace, options)
        self.later(connection.close)
        return connection

    def connect(self, namespace=None, options=(), mode=None):
        """A connected user."""
        connection = self.connection(namespace, options, mode)
        connection.connect().ok()
        return connection

    def without_host_mode(self):
        """Keeps connections in host mode away until the scenario ends.

        For what is about destinations outside the cluster: in host mode the whole workstation reaches the cluster, and so
        do the daemons of isolated connections.
        """
        HOST_NETWORK.acquire()
        self.later(HOST_NETWORK.release)

    def handler(self, name="workstation", address="127.0.0.1", port=0, certificates=None):
        """An HTTP server at the workstation that answers as `name`: `port`, `count` of requests, `close()`.

        With a directory of `certificates` it speaks TLS.
        """
        server = Handler(name, address, port, certificates)
        self.later(server.close)
        return server

    # -- the rest

    def later(self, action):
        """Runs `action` when the scenario ends."""
        self.undo.append(action)

    def running_command(self, connection, app):
        """`intercept APP -- CMD` with a command that runs: its process, which leads a group that is gone when the scenario ends."""
        began = os.path.join(self.directory, self.unique("began"))
        words = ["intercept", app.name, "--port", "8080", "--", "sh", "-c", f"touch {began}; exec sleep 90"]
        child = connection.start(*words, stdout=-3, stderr=-3, stdin=-3, start_new_session=True)

        def end():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

        self.later(end)
        self.until("the command's start", lambda: os.path.exists(began), 60)
        expect(connection.attachments()[0]["state"] == "ACTIVE", connection.attachments())
        return child

    def until(self, what, condition, seconds=20.0):
        return wait_until(what, condition, seconds, 0.05)

    def skip(self, reason):
        """Ends the scenario: the cluster lacks what it needs. Never for what the product lacks."""
        raise Skip(reason)

    def close(self):
        """Undoes everything; raises the first failure after all has been tried."""
        failure = None
        with cleaning():
            while self.undo:
                action = self.undo.pop()
                try:
                    action()
                except (Failure, OSError) as error:
                    failure = failure or error
        if failure:
            raise failure


class Handler:
    """An HTTP server of this process; answers what program.py does."""

    def __init__(self, name, address="127.0.0.1", port=0, certificates=None):
        self.server = Server((address, port), name)
        if certificates:
            self.server.secure(certificates)
        self.address, self.port = self.server.server_address[:2]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.open = True

    @property
    def count(self):
        """How many requests it has got."""
        return self.server.count

    def close(self):
        if self.open:
            self.open = False
            self.server.shutdown()
            self.server.server_close()


__all__ = ["App", "Context", "Failure", "Port", "Skip", "alone", "each_mode", "only_mode", "scenarios"]
