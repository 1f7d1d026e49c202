"""A cable that can be bad: carries frames between two TAP devices, late, out of order, some of them never.

usage: cable.py FD FD SEED     reads settings from standard input, a JSON object in each line:
       {"cut": false, "delay": 0.0, "jitter": 0.0, "reorder": 0.0, "loss": 0.0}

It does what the kernel's netem does, which not every kernel has. `delay` and `jitter` are seconds each way, `reorder` is the
share of frames that overtake those before them, `loss` the share that is lost; a cut cable carries nothing and says nothing.
"""

import heapq
import json
import os
import random
import select
import sys
import time

FRAME = 65536
#: Frames under way; a real cable's queue is bounded as well.
LIMIT = 4096


def main():
    ends = [int(word) for word in sys.argv[1:3]]
    chance = random.Random(int(sys.argv[3]))
    settings = {"cut": False, "delay": 0.0, "jitter": 0.0, "reorder": 0.0, "loss": 0.0}
    underway, number = [], 0
    # Frames of one direction stay in order unless they are chosen to overtake.
    latest = {end: 0.0 for end in ends}
    for end in ends:
        os.set_blocking(end, False)
    while True:
        now = time.monotonic()
        while underway and underway[0][0] <= now:
            _, _, end, frame = heapq.heappop(underway)
            try:
                os.write(end, frame)
            except OSError:
                pass  # the device is down or full: lost, as on a cable
        wait = max(0.0, underway[0][0] - now) if underway else None
        readable, _, _ = select.select([*ends, sys.stdin], [], [], wait)
        if sys.stdin in readable:
            line = sys.stdin.readline()
            if not line:
                return
            settings.update(json.loads(line))
            if settings["cut"]:
                underway.clear()
            print("set", flush=True)
        for end in ends:
            if end not in readable:
                continue
            for _ in range(64):
                try:
                    frame = os.read(end, FRAME)
                except BlockingIOError:
                    break
                if settings["cut"] or chance.random() < settings["loss"] or len(underway) >= LIMIT:
                    continue
                other = ends[1] if end == ends[0] else ends[0]
                if not settings["delay"]:
                    try:
                        os.write(other, frame)
                    except OSError:
                        pass
                    continue
                due = time.monotonic() + settings["delay"] + chance.uniform(0, settings["jitter"])
                if chance.random() < settings["reorder"]:
                    due = time.monotonic() + settings["delay"] / 4
                else:
                    due = latest[other] = max(due, latest[other])
                number += 1
                heapq.heappush(underway, (due, number, other, frame))


if __name__ == "__main__":
    main()
