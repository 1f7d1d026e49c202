"""Runs the lab's scenarios and prints a line for each; see README.md.

usage: run.py [--binaries DIR] [--logs DIR] [--list] [NAME…]
       run.py --sandbox [OPTION…] [NAME…]     the scenarios for any cluster, at the lab's workstation, on the lab's sandbox
"""

import argparse
import os
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(__file__))

import connect  # noqa: E402
import errors  # noqa: E402
import identity  # noqa: E402
import installation  # noqa: E402
import intercept  # noqa: E402
import life  # noqa: E402
import links  # noqa: E402
import registry  # noqa: E402
import status  # noqa: E402
import volumes  # noqa: E402
import ways  # noqa: E402
from lab import ROOT, Failure, Lab, run, wait_until  # noqa: E402

# The last one takes the traffic manager away.
SUITES = [errors, connect, intercept, identity, life, links, ways, registry, volumes, status, installation]


def scenarios():
    """All scenarios in the order in which they are written: functions whose name begins with `scenario_`."""
    found = []
    for suite in SUITES:
        for name, function in vars(suite).items():
            if name.startswith("scenario_"):
                found.append((f"{suite.__name__}.{name[len('scenario_'):]}", function))
    return found


def main():
    arguments = argparse.ArgumentParser(parents=[directories()])
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("names", nargs="*", help="run only scenarios whose name contains one of these")
    options = arguments.parse_args()
    chosen = [
        (name, function)
        for name, function in scenarios()
        if not options.names or any(word in name for word in options.names)
    ]
    if options.list:
        for name, function in chosen:
            print(f"{name}: {(function.__doc__ or '').strip()}")
        return 0
    if not chosen:
        print(f"no scenario is called {' or '.join(options.names)}", file=sys.stderr)
        return 2

    lab = Lab(options.binaries, options.logs)
    failed = 0
    try:
        began = time.monotonic()
        lab.open()
        lab.start_sandbox()
        errors.before_installation(lab) if any(name.startswith("errors.") for name, _ in chosen) else None
        install(lab)
        print(f"ok   lab.set-up ({time.monotonic() - began:.1f} s)", flush=True)
        for name, function in chosen:
            began = time.monotonic()
            try:
                function(lab)
                print(f"ok   {name} ({time.monotonic() - began:.1f} s)", flush=True)
            except Exception as error:  # a scenario that breaks must not stop the others
                failed += 1
                print(f"FAIL {name} ({time.monotonic() - began:.1f} s): {error}", flush=True)
                if not isinstance(error, Failure):
                    traceback.print_exc()
                recover(lab)
    finally:
        lab.close()
    if failed:
        print(f"logs: {options.logs}", file=sys.stderr)
    print(f"{len(chosen) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def install(lab):
    """Installs the traffic manager from k8s/ and the sample app, as an administrator would."""
    lab.kubectl("apply", "-k", os.path.join(ROOT, "k8s", "base")).ok()
    lab.kubectl("apply", "-f", os.path.join(ROOT, "k8s", "sample", "app.yaml")).ok()
    lab.kubectl("-n", "ambassador", "rollout", "status", "deployment/traffic-manager", "--timeout=60s").ok()
    for name in ("frontend", "backend", "numeric", "echo"):
        lab.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s").ok()


def sandboxed(words):
    """Runs the scenarios for any cluster; they know no more of it than its kubeconfig."""
    options, rest = directories().parse_known_args(words)
    lab = Lab(options.binaries, os.path.join(options.logs, "lab"))
    try:
        lab.open()
        lab.start_sandbox()
        program = os.path.join(ROOT, "Tests", "EndToEnd", "cluster")
        common = ["--binaries", options.binaries, "--logs", os.path.join(options.logs, "cluster")]
        done = lab.ws_start(sys.executable, program, "--kubeconfig", lab.kubeconfig, *common, *rest, env=os.environ)

        def end(number, _):
            done.send_signal(number)

        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGTERM, end)
        return done.wait()
    finally:
        lab.close()


def directories():
    arguments = argparse.ArgumentParser(add_help=False)
    arguments.add_argument("--binaries", type=os.path.abspath, default=os.path.join(ROOT, ".build", "debug"))
    arguments.add_argument("--logs", type=os.path.abspath, default=os.path.join(ROOT, ".build", "e2e-logs"))
    return arguments


def recover(lab):
    """After a failure: no daemon, no attachment, so that the next scenario starts clean."""
    run(["ip", "link", "set", "ws0", "up"])
    lab.tp("quit", "-s", seconds=20)


if __name__ == "__main__":
    sys.exit(sandboxed(sys.argv[2:]) if sys.argv[1:2] == ["--sandbox"] else main())
