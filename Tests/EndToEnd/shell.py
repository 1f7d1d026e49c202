"""Running commands and waiting for conditions: what the lab and the cluster scenarios share."""

import json
import subprocess
import threading
import time


class Failure(AssertionError):
    """A check that did not hold; its text says what was seen."""


class Interrupted(BaseException):
    """The run is to end: Ctrl-C or SIGTERM. No scenario's `except Exception` catches it."""


_children = set()
_stopping = threading.Event()
_cleaning = threading.local()


def stop():
    """Ends what runs now, and lets nothing begin but in `cleaning` blocks."""
    _stopping.set()
    for child in list(_children):
        child.terminate()


def stopping():
    """Whether the run is to end."""
    return _stopping.is_set()


class cleaning:
    """A block that runs even when the run is to end."""

    def __enter__(self):
        _cleaning.depth = getattr(_cleaning, "depth", 0) + 1

    def __exit__(self, *_):
        _cleaning.depth -= 1


def check_stop():
    """Raises when the run is to end."""
    if _stopping.is_set() and not getattr(_cleaning, "depth", 0):
        raise Interrupted()


def wait_until(what, condition, seconds=20.0, pause=0.02):
    """Polls `condition` until it is true (its value is returned) or the deadline has passed."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        check_stop()
        try:
            value = condition()
            if value:
                return value
            last = value
        except (Failure, OSError, subprocess.SubprocessError) as error:
            last = error
        threading.Event().wait(pause)
    raise Failure(f"{what} did not happen within {seconds} s; last: {last}")


def expect(condition, what):
    """A check with words."""
    if not condition:
        raise Failure(str(what))


def shortened(text, lines=30):
    """The first and the last lines of a long text."""
    found = text.strip().splitlines()
    if len(found) > lines:
        found[lines // 3 : len(found) - lines * 2 // 3] = [f"… ({len(found) - lines} lines)"]
    return "\n".join(found)


class Result:
    """What a command printed and returned."""

    def __init__(self, command, code, out, err, seconds):
        self.command, self.code, self.out, self.err, self.seconds = command, code, out, err, seconds

    def __str__(self):
        out, err = shortened(self.out), shortened(self.err)
        return f"{' '.join(self.command)}\n  exit {self.code}\n  out: {out}\n  err: {err}"

    def ok(self):
        if self.code != 0:
            raise Failure(f"expected success: {self}")
        return self

    def failed(self, *words):
        """The command must have failed, and its error must contain each of `words`."""
        if self.code == 0:
            raise Failure(f"expected failure: {self}")
        for word in words:
            if word.lower() not in (self.err + self.out).lower():
                raise Failure(f"expected {word!r} in the error of {self}")
        return self

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise Failure(f"no JSON: {error}: {self}")


def run(command, seconds=60, env=None, stdin=None, cwd=None):
    """Runs a command to its end."""
    check_stop()
    began = time.monotonic()
    data = stdin.encode() if isinstance(stdin, str) else stdin
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if data is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=cwd,
    )
    if not getattr(_cleaning, "depth", 0):
        _children.add(child)
    try:
        out, err = child.communicate(data, timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        out, err = (shortened(text.decode(errors="replace")) for text in (out, err))
        text = f"out: {out}\n  err: {err}"
        raise Failure(f"no end within {seconds} s: {' '.join(command)}\n  {text}")
    finally:
        _children.discard(child)
    check_stop()
    return Result(
        command, child.returncode, out.decode(errors="replace"), err.decode(errors="replace"), time.monotonic() - began
    )
