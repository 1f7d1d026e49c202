"""Intercepts: requests of other pods are answered at the workstation."""

import concurrent.futures
import hashlib
import os
import signal
import subprocess
import time

from lab import ROOT, Failure, run, wait_until
from modes import Mode, expect

HANDLER = os.path.join(ROOT, "Tests", "EndToEnd", "handler.py")
#: Seconds: far less than a lost link takes to be noticed, so that it shows that nobody waits for that, and far more than
#: the agent's own patience, so that a busy machine passes.
LATE = 8


def start_handler(lab, mode, port, *words):
    """A handler at the workstation; ready when it listens."""
    process = lab.ws_start("python3", HANDLER, str(port), *words, env=mode.env, user=mode.user)
    wait_until("the handler", lambda: lab.ws("curl", "-sS", f"http://127.0.0.1:{port}/").code == 0, 20)
    return process


def ask(lab, mode, path="/"):
    """The front end's answer, which embeds the back end's."""
    return mode.curl("http://frontend.default" + path).ok().out


def answered_by(lab, mode, who, seconds=20):
    """Waits until the back end's requests are answered by `who`."""

    def seen():
        text = ask(lab, mode)
        if who not in text:
            raise Failure(f"answered {text!r}")
        return True

    began = time.monotonic()
    wait_until(f"an answer by {who}", seen, seconds)
    return time.monotonic() - began


def scenario_story(lab):
    """The story, in both modes: the cluster answers, the workstation answers, the cluster answers again."""
    for isolated in (False, True):
        with Mode(lab, isolated) as mode:
            answered_by(lab, mode, "backend")
            handler = start_handler(lab, mode, 8080)
            result = mode.tp("intercept", "backend", "--port", "8080").ok()
            expect("ACTIVE" in result.out, result)
            expect("workstation" in ask(lab, mode), f"{mode.name}: the first request after ACTIVE")
            listed = mode.tp("list").ok().out
            expect("intercepted" in listed, listed)
            mode.tp("leave", "backend").ok()
            took = answered_by(lab, mode, "backend")
            expect(took < LATE, f"{mode.name}: the app answered {took:.2f} s after leave")
            handler.kill()


def scenario_body(lab):
    """Bodies pass intact both ways, many at once."""
    with Mode(lab, False) as mode:
        handler = start_handler(lab, mode, 8081)
        mode.tp("intercept", "backend", "--port", "8081").ok()
        address = lab.kubectl("get", "service", "backend", "-o", "jsonpath={.spec.clusterIP}").ok().out.strip()

        def post(number):
            data = os.urandom(200_000 + number)
            path = os.path.join(lab.directory, f"body-{number}")
            with open(path, "wb") as file:
                file.write(data)
            got = path + ".answer"
            lab.ws("curl", "-sS", "--max-time", "20", "--data-binary", f"@{path}", "-o", got, f"http://{address}/echo").ok()
            with open(got, "rb") as file:
                return hashlib.sha256(file.read()).digest() == hashlib.sha256(data).digest()

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            good = sum(pool.map(post, range(40)))
        expect(good == 40, f"{good} of 40 bodies came back intact")
        mode.tp("leave", "backend").ok()
        handler.kill()


def scenario_handler_dies(lab):
    """The app answers again within a second after the handler is killed; a new handler gets the requests."""
    with Mode(lab, False) as mode:
        handler = start_handler(lab, mode, 8082)
        mode.tp("intercept", "backend", "--port", "8082").ok()
        answered_by(lab, mode, "workstation")
        handler.send_signal(signal.SIGKILL)
        handler.wait()
        took = answered_by(lab, mode, "backend")
        expect(took < LATE, f"the app answered {took:.2f} s after the handler died")
        handler = start_handler(lab, mode, 8082)
        answered_by(lab, mode, "workstation")
        mode.tp("leave", "backend").ok()
        handler.kill()


def scenario_cut(lab):
    """The app answers within a second after the workstation's cable is cut; mended, the workstation answers again."""
    with Mode(lab, False) as mode:
        handler = start_handler(lab, mode, 8083)
        mode.tp("intercept", "backend", "--port", "8083").ok()
        answered_by(lab, mode, "workstation")
        lab.cut()
        began = time.monotonic()
        result = cluster_request(lab)
        took = time.monotonic() - began
        lab.mend()
        expect("backend" in result.out, result)
        expect(took < LATE, f"the app answered {took:.2f} s after the cut")
        wait_until("the workstation's answer after the cut", lambda: "workstation" in cluster_request(lab).out, 60)
        mode.tp("leave", "backend").ok()
        handler.kill()


def cluster_request(lab):
    """A request inside the cluster that needs no workstation: from the runner, by a port-forward to the front end."""
    if not getattr(lab, "front", None) or lab.front.poll() is not None:
        lab.front = subprocess.Popen(
            ["kubectl", "--kubeconfig", lab.kubeconfig, "port-forward", "deployment/frontend", "18080:8080"],
            stdout=subprocess.PIPE,
            text=True,
        )
        lab.processes.append(lab.front)
        if "Forwarding" not in lab.front.stdout.readline():
            raise Failure("kubectl port-forward to the front end")
    return run(["curl", "-sS", "--max-time", "20", "http://127.0.0.1:18080/"], seconds=30)


def scenario_numeric(lab):
    """A numeric target port is taken over as well."""
    with Mode(lab, False) as mode:
        handler = start_handler(lab, mode, 8084)
        mode.tp("intercept", "numeric", "--port", "8084").ok()
        wait_until(
            "the workstation's answer", lambda: "workstation" in mode.curl("http://numeric.default/").ok().out, 5
        )
        mode.tp("leave", "numeric").ok()
        wait_until("the app's answer", lambda: "workstation" not in mode.curl("http://numeric.default/").ok().out, 20)
        handler.kill()


def scenario_environment(lab):
    """The pod's environment reaches `--env-file` and `-- CMD`, whose exit status is returned."""
    with Mode(lab, False) as mode:
        path = os.path.join(lab.directory, "backend.env")
        result = mode.tp(
            "intercept", "backend", "--port", "8085", "--env-file", path, "--",
            "sh", "-c", 'echo "greeting=$GREETING secret=$SECRET_WORD id=$TELEPRESENCE_INTERCEPT_ID"; exit 3',
        )
        expect(result.code == 3, result)
        expect("greeting=" in result.out and "greeting= " not in result.out, result)
        expect("secret=xyzzy" in result.out and "id=\n" not in result.out, result)
        with open(path) as file:
            text = file.read()
        expect("GREETING=" in text and "SECRET_WORD=" in text, text)
        expect(os.stat(path).st_mode & 0o077 == 0, "the file is for its owner only")
        expect(not mode.tp("status", "--format", "json").ok().json()["attachments"], "the intercept ended with CMD")


def scenario_quit_ends(lab):
    """`quit` ends the intercepts, and so does `kill -9` of the user daemon."""
    for kill in (False, True):
        mode = Mode(lab, False)
        mode.connect().ok()
        handler = start_handler(lab, mode, 8086)
        mode.tp("intercept", "backend", "--port", "8086").ok()
        answered_by(lab, mode, "workstation")
        if kill:
            os.kill(mode.tp("status", "--format", "json").ok().json()["user_daemon"]["pid"], signal.SIGKILL)
        else:
            mode.quit().ok()
        began = time.monotonic()
        wait_until("the app's answer", lambda: "backend" in cluster_request(lab).out, 20)
        expect(time.monotonic() - began < LATE, "the app answered late")
        if kill:
            # What the killed one held is its user's still: nobody else gets it, the same user takes it over.
            mode.connect().ok()
            mode.tp("intercept", "backend", "--port", "8086").ok()
            answered_by(lab, mode, "workstation")
        mode.quit().ok()
        handler.kill()
