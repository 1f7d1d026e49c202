"""Runs the scenarios against any cluster that a kubeconfig leads to; see README.md beside this file.

Uses kubectl and telepresence and nothing else, so that it cannot know which cluster it runs on.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import shell  # noqa: E402
from scenario import Context, Skip, scenarios  # noqa: E402
from shell import Failure, Interrupted, cleaning  # noqa: E402
from world import ROOT, Cluster  # noqa: E402


def options():
    parser = argparse.ArgumentParser(prog="scripts/e2e --kubeconfig FILE", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--kubeconfig", default=os.environ.get("KUBECONFIG", ""), help="the cluster; default $KUBECONFIG")
    add("--context", default="", help="the kubeconfig's context; default the current one")
    add("--image", default="", help="the image of traffic manager and agent; default that of k8s/base")
    add("--no-install", action="store_true", help="use the traffic manager that is there")
    add("--manager-namespace", default="ambassador", help="where it is, with --no-install")
    add("--mode", choices=["isolated", "host", "both"], help="default: isolated, and host as well for root")
    add("--binaries", type=os.path.abspath, default=os.path.join(ROOT, ".build", "debug"), help="the directory of telepresence")
    add("--logs", type=os.path.abspath, default=os.path.join(ROOT, ".build", "e2e-logs"), help="where a failure's logs are kept")
    add("--jobs", type=int, default=2, help="scenarios at a time; default 2")
    add("--list", action="store_true", help="print the scenarios and end")
    add("--json", action="store_true", help="print a JSON object per scenario instead of a line")
    add("--keep", action="store_true", help="leave everything in the cluster, to look at")
    add("names", nargs="*", help="only scenarios whose name contains one of these")
    return parser.parse_args()


class Report:
    """A line for each scenario, and the sum."""

    def __init__(self, as_json):
        self.as_json, self.lock = as_json, threading.Lock()
        self.counts = {"ok": 0, "FAIL": 0, "skip": 0}

    def line(self, result, name, seconds, message="", count=True):
        with self.lock:
            if count:
                self.counts[result] += 1
            if self.as_json:
                entry = {"name": name, "result": result, "seconds": round(seconds, 2), "message": message}
                print(json.dumps(entry), flush=True)
                return
            print(f"{result:4} {name} ({seconds:.1f} s){': ' if message else ''}{message}", flush=True)

    def end(self, seconds):
        counts = self.counts
        if self.as_json:
            names = {"ok": "passed", "FAIL": "failed", "skip": "skipped"}
            print(json.dumps({**{names[key]: count for key, count in counts.items()}, "seconds": round(seconds, 1)}))
        else:
            words = f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped"
            print(f"{words} in {seconds:.0f} s", flush=True)
        return 1 if counts["FAIL"] or not counts["ok"] else 0


class Runner:
    """Takes scenarios one after another, several at a time where they allow it."""

    def __init__(self, cluster, chosen, report, logs):
        self.cluster, self.report, self.logs = cluster, report, logs
        self.together = [scenario for scenario in chosen if not scenario.alone]
        self.alone = [scenario for scenario in chosen if scenario.alone]
        self.lock, self.workers = threading.Lock(), []

    def run(self, jobs):
        self.workers = [threading.Thread(target=self.work, daemon=True) for _ in range(jobs)]
        for worker in self.workers:
            worker.start()
        for worker in self.workers:
            # In pieces, so that signals are seen at once.
            while worker.is_alive():
                worker.join(0.2)
        for scenario in self.alone:
            self.one(scenario)

    def work(self):
        while True:
            with self.lock:
                if not self.together or shell.stopping():
                    return
                scenario = self.together.pop(0)
            self.one(scenario)

    def one(self, scenario):
        began = time.monotonic()
        directory = tempfile.mkdtemp(prefix="s", dir=self.cluster.directory)
        context = Context(self.cluster, scenario, directory)
        result, message = "ok", ""
        try:
            try:
                scenario.function(context)
            finally:
                failed = sys.exc_info()[1]
                try:
                    context.close()
                except Failure as error:
                    # What the scenario itself met comes first.
                    if failed is None:
                        raise
                    print(f"     and after it: {error}", file=sys.stderr)
        except Skip as reason:
            result, message = "skip", str(reason)
        except Failure as error:
            result, message = "FAIL", str(error)
        except Interrupted:
            return
        except Exception:
            result, message = "FAIL", traceback.format_exc()
        self.report.line(result, scenario.name, time.monotonic() - began, message)
        if result == "FAIL":
            self.keep_logs(scenario, directory)
        shutil.rmtree(directory, ignore_errors=True)

    def keep_logs(self, scenario, directory):
        target = os.path.join(self.logs, scenario.name)
        shutil.rmtree(target, ignore_errors=True)
        for number in sorted(os.listdir(directory)):
            logs = os.path.join(directory, number, "logs")
            if os.path.isdir(logs):
                shutil.copytree(logs, os.path.join(target, number), dirs_exist_ok=True)
        os.makedirs(target, exist_ok=True)
        try:
            with open(os.path.join(target, "manager.log"), "w") as file:
                file.write(self.cluster.manager_log(300))
        except (Failure, OSError) as error:
            print(f"     no log of the manager: {error}", file=sys.stderr)


def main():
    chosen_options = options()
    default = "both" if os.geteuid() == 0 else "isolated"
    mode = chosen_options.mode or default
    if mode != "isolated" and os.geteuid() != 0:
        print("e2e: host mode makes a network interface: run it as root, or with --mode isolated", file=sys.stderr)
        return 2
    modes = ["isolated", "host"] if mode == "both" else [mode]
    words = chosen_options.names
    chosen = [one for one in scenarios(modes) if not words or any(word in one.name for word in words)]
    if chosen_options.list:
        for scenario in chosen:
            print(f"{scenario.name}: {scenario.text}")
        return 0
    if not chosen:
        print(f"e2e: no scenario's name contains {' or '.join(words)}; scripts/e2e --kubeconfig FILE --list", file=sys.stderr)
        return 2
    for problem in missing(chosen_options):
        print(f"e2e: {problem}", file=sys.stderr)
        return 2
    return execute(chosen_options, chosen)


def missing(chosen):
    chosen.telepresence = os.path.join(os.path.abspath(chosen.binaries), "telepresence")
    chosen.kubeconfig = os.path.abspath(chosen.kubeconfig) if chosen.kubeconfig else ""
    if not os.access(chosen.telepresence, os.X_OK):
        yield f"{chosen.telepresence} is not there: build it with `swift build`, or name its directory by --binaries"
    if not chosen.kubeconfig:
        yield "no cluster: give --kubeconfig FILE, or --sandbox for one of its own"
    elif not os.path.exists(chosen.kubeconfig):
        yield f"{chosen.kubeconfig} is not there"
    if not shutil.which("kubectl"):
        yield "kubectl is not on PATH"


def execute(chosen_options, chosen):
    began = time.monotonic()
    report = Report(chosen_options.json)
    # Short, for the sake of socket paths; not what random.seed of a scenario makes.
    suffix = "".join(random.SystemRandom().choices("abcdefghijkmnpqrstuvwxyz", k=5))
    directory = tempfile.mkdtemp(prefix="tpe-")
    cluster = Cluster(chosen_options, suffix, directory)
    problem = cluster.problem()
    if problem:
        shutil.rmtree(directory, ignore_errors=True)
        print(f"e2e: {problem}", file=sys.stderr)
        return 2
    shutil.rmtree(chosen_options.logs, ignore_errors=True)

    def end(number, _):
        if shell.stopping():
            return
        print("e2e: ending; removing what this run made", file=sys.stderr, flush=True)
        shell.stop()
        raise Interrupted()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    runner = Runner(cluster, chosen, report, chosen_options.logs)
    status, stage = 130, "set-up"
    try:
        cluster.open()
        report.line("ok", "set-up", time.monotonic() - began, count=False)
        stage = "scenarios"
        runner.run(chosen_options.jobs)
        status = 0
    except Failure as error:
        report.line("FAIL", stage, time.monotonic() - began, str(error))
    except Interrupted:
        pass
    finally:
        with cleaning():
            # Workers are still undoing what their scenarios made.
            for worker in runner.workers:
                worker.join(90)
            cleaned = time.monotonic()
            try:
                cluster.close()
                report.line("ok", "clean-up", time.monotonic() - cleaned, count=False)
            except Failure as error:
                report.line("FAIL", "clean-up", time.monotonic() - cleaned, str(error))
        shutil.rmtree(directory, ignore_errors=True)
    code = report.end(time.monotonic() - began)
    if report.counts["FAIL"] and os.path.isdir(chosen_options.logs):
        print(f"logs: {chosen_options.logs}", file=sys.stderr)
    return status or code


if __name__ == "__main__":
    sys.exit(main())
