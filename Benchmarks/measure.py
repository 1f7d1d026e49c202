"""Runs benchmarks in a lab like that of the end-to-end tests.

usage: measure.py [--binaries DIR] [--logs DIR] [--json] [--rounds N] [--list] [NAME…]
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "Tests", "EndToEnd")]

import path  # noqa: E402
from lab import ROOT, Failure, Lab  # noqa: E402
from report import Report  # noqa: E402
from run import install  # noqa: E402

#: Every benchmark: a module with a NAME, a text and `run(lab, report, load, rounds)`.
BENCHES = [path]


def main():
    arguments = argparse.ArgumentParser(prog="scripts/bench")
    arguments.add_argument("--binaries", default=os.path.join(ROOT, ".build", "release"))
    arguments.add_argument("--logs", default=os.path.join(ROOT, ".build", "bench-logs"))
    arguments.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments.add_argument("--rounds", type=int, default=3, help="medians are taken of so many (default: 3)")
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("names", nargs="*", metavar="NAME")
    options = arguments.parse_args()
    if options.list:
        for bench in BENCHES:
            print(f"{bench.NAME}: {bench.__doc__.strip().splitlines()[0]}")
        return 0
    unknown = set(options.names) - {bench.NAME for bench in BENCHES}
    if unknown:
        print(f"no benchmark is called {', '.join(sorted(unknown))}; see --list", file=sys.stderr)
        return 2
    lab = Lab(options.binaries, options.logs)
    report = Report(options.json)
    try:
        lab.open()
        lab.start_sandbox()
        install(lab)
        for bench in BENCHES:
            if not options.names or bench.NAME in options.names:
                bench.run(lab, report, lab.binary("bench-load"), max(1, options.rounds))
    except Failure as failure:
        print(f"error: {failure}\nlogs: {options.logs}", file=sys.stderr)
        return 1
    finally:
        lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
