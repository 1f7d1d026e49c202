"""Runs benchmarks in a lab like that of the end-to-end tests.

usage: measure.py [--binaries DIR] [--agent PROGRAM] [--logs DIR] [--json] [--rounds N] [--list] [--workstations N] [--agents N] [NAME…]
"""

import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "Tests", "EndToEnd")]

import agent  # noqa: E402
import cli  # noqa: E402
import memory  # noqa: E402
import path  # noqa: E402
import registry  # noqa: E402
from lab import ROOT, Failure, Lab  # noqa: E402
from report import Report  # noqa: E402
from run import install  # noqa: E402

#: Benchmarks in the lab: modules with a NAME, a text and `run(lab, report, load, rounds)`.
IN_LAB = [path, memory, cli]
#: All of them; `registry` and `agent` need no lab.
BENCHES = [*IN_LAB, registry, agent]


def main():
    arguments = argparse.ArgumentParser(prog="scripts/bench")
    arguments.add_argument("--binaries", default=os.path.join(ROOT, ".build", "release"))
    arguments.add_argument("--logs", default=os.path.join(ROOT, ".build", "bench-logs"))
    arguments.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments.add_argument("--rounds", type=int, default=3, help="medians are taken of so many (default: 3)")
    arguments.add_argument("--agent", metavar="PROGRAM", help="the traffic of the benchmark agent (default: that of --binaries)")
    arguments.add_argument("--against", metavar="DIR", help="where another build of traffic is, for the benchmark memory")
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("--workstations", type=int, default=1000, help="of the registry (default: 1000)")
    arguments.add_argument("--agents", type=int, default=20000, help="of the registry (default: 20000)")
    arguments.add_argument("names", nargs="*", metavar="NAME")
    options = arguments.parse_args()
    # Programs are started in other places, too.
    options.binaries = os.path.abspath(options.binaries)
    options.agent = options.agent and os.path.abspath(options.agent)
    if options.list:
        for bench in BENCHES:
            print(f"{bench.NAME}: {bench.__doc__.strip().splitlines()[0]}")
        return 0
    unknown = set(options.names) - {bench.NAME for bench in BENCHES}
    if unknown:
        print(f"no benchmark is called {', '.join(sorted(unknown))}; see --list", file=sys.stderr)
        return 2
    chosen = [bench for bench in BENCHES if not options.names or bench.NAME in options.names]
    report = Report(options.json)
    rounds = max(1, options.rounds)
    try:
        if any(bench in IN_LAB for bench in chosen):
            measure_in_lab(options, [bench for bench in chosen if bench in IN_LAB], report, rounds)
        if registry in chosen or agent in chosen:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        if agent in chosen:
            agent.run(options.binaries, options.agent, report, rounds)
        if registry in chosen:
            program = os.path.join(options.binaries, "bench-registry")
            registry.run(program, report, options.workstations, options.agents, rounds)
    except Failure as failure:
        print(f"error: {failure}\nlogs: {options.logs}", file=sys.stderr)
        return 1
    return 0


def measure_in_lab(options, benches, report, rounds):
    """Those that need a cluster, a workstation and an Internet."""
    lab = Lab(options.binaries, options.logs)
    lab.other = options.against
    try:
        if lab.other:
            memory.check(lab.other)
        lab.open()
        lab.start_sandbox(*(["--image", f"other/traffic={lab.other}"] if lab.other else []))
        install(lab)
        for bench in benches:
            bench.run(lab, report, lab.binary("bench-load"), rounds)
    finally:
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
