"""CPU time and memory of our processes, from /proc."""

import os

TICK = os.sysconf("SC_CLK_TCK")

#: Who is who: words of the command line, in order.
ROLES = {
    "userd": ("telepresence", "userd"),
    "rootd": ("telepresence", "rootd"),
    "manager": ("traffic", "manager"),
    "agent": ("traffic", "agent"),
    "sandbox": ("sandbox", "up"),
}


def find():
    """The process ids of each role."""
    found = {role: [] for role in ROLES}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        for role, (program, command) in ROLES.items():
            if len(words) > 1 and os.path.basename(words[0]) == program and words[1] == command:
                found[role].append(int(entry))
    return found


def cpu(pids):
    """Seconds of processor time that processes have used."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rsplit(") ", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / TICK


def rss(pids):
    """MiB of resident memory."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
        except (OSError, StopIteration):
            pass
    return total / 1024


def memory(pid):
    """MiB of a process that are resident, that no file backs, and that it alone has; and its threads."""
    values = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if rest.endswith("kB\n"):
                values[name] = int(rest.split()[0]) / 1024
    return {
        "rss": values["Rss"],
        "anonymous": values["Anonymous"],
        "private": values["Private_Clean"] + values["Private_Dirty"],
        "threads": len(os.listdir(f"/proc/{pid}/task")),
    }
