"""The command line: how long commands take that wait for nobody, next to `kubectl version --client`.

Each is run in turn in each round, from inside the workstation; what is told is the median of its times from start to end.
"""

import json
import sys

NAME = "cli"
#: Milliseconds that a command may take which waits for nobody.
BUDGET = 100
#: Runs of each command in a round.
RUNS = 20

#: Name, words, exit status.
COMMANDS = [
    ("version", ["version"], 0),
    ("status", ["status"], 0),
    ("list", ["list"], 0),
    ("config-view", ["config", "view"], 0),
    ("list-contexts", ["list-contexts"], 0),
    ("completion", ["completion", "bash"], 0),
    ("help", ["help", "intercept"], 0),
    ("wrong-option", ["list", "--no-such-option"], 64),
    ("no-attachment", ["leave", "no-such-attachment"], 1),
    ("not-connected", ["list", "--use", "nobody"], 1),
]

#: Prints the milliseconds of each run of each command; reads commands, statuses and the number of runs from its argument.
TIMER = """
import json, os, subprocess, sys, time
commands, runs = json.loads(sys.argv[1])
times = {name: [] for name, _, _ in commands}
with open(os.devnull, "r+") as null:
    for _ in range(runs):
        for name, words, status in commands:
            began = time.monotonic()
            code = subprocess.run(words, stdin=null, stdout=null, stderr=null).returncode
            times[name].append((time.monotonic() - began) * 1000)
            if code != status:
                sys.exit(f"{' '.join(words)}: exit status {code}, not {status}")
print(json.dumps(times))
"""


def run(lab, report, load, count):
    environment = lab.environment("cli")
    report.heading(NAME, "milliseconds from start to end, median")
    try:
        lab.tp("connect", env=environment).ok()
        program = lab.binary("telepresence")
        commands = [(name, [program, *words], status) for name, words, status in COMMANDS]
        commands.append(("kubectl", ["kubectl", "version", "--client"], 0))
        words = [sys.executable, "-S", "-E", "-c", TIMER, json.dumps([commands, RUNS * count])]
        times = json.loads(lab.ws(*words, env=environment, seconds=600).ok().out)
        medians = {name: sorted(values)[len(values) // 2] for name, values in times.items()}
        for name, _, _ in COMMANDS:
            report.row(NAME, name, medians[name], "ms", "kubectl", medians["kubectl"])
        report.row(NAME, "slowest", max(medians[name] for name, _, _ in COMMANDS), "ms", "the budget", BUDGET)
    finally:
        lab.tp("quit", "-s", seconds=20, env=environment)
