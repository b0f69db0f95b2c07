"""Reads what a run of deploy/stress.sh writes about itself.

    python3 deploy/stress.py samples METRICS          how many status samples there are
    python3 deploy/stress.py rate METRICS SLOT N      examples/s of all workers but that slot, over the last N samples;
                                                      SLOT `none` leaves nobody out
    python3 deploy/stress.py now METRICS              the time of the run, seconds
    python3 deploy/stress.py back METRICS SLOT SINCE RATE HOLD SECONDS
                                                      waits, SECONDS at most, until HOLD seconds after SINCE are over
                                                      and all workers but that slot make RATE examples/s from one
                                                      sample to the next but one; prints how long after SINCE they
                                                      did for good
    python3 deploy/stress.py judge REPORT LOSS        done, every row exactly once, and a final test loss of at most LOSS

METRICS is a run's metrics.jsonl, which has a status sample every second; REPORT its report.json. Only the
standard library is needed.
"""

import json
import os
import sys
import time


def entries(path):
    """All lines that are whole."""
    try:
        with open(path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines if line.endswith("\n")]
    except FileNotFoundError:
        return []


def samples(path):
    """The status samples."""
    return [entry for entry in entries(path) if entry["kind"] == "status"]


def now(path):
    """The time of the run: of the last line, and since it was written."""
    return entries(path)[-1]["seconds"] + time.time() - os.stat(path).st_mtime


def back(path, slot, since, wanted, hold, patience):
    """How long after `since` the others were as fast as wanted and stayed so for as long as the fault is felt: to the
    first sample after the last one at which they fell short."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        # The pair in which it happened has some of what came before.
        after = [sample for sample in samples(path) if since <= sample["seconds"]]
        pairs = list(zip(after, after[2:]))
        short = [i for i, pair in enumerate(pairs) if made(*pair, slot) < wanted]
        lasting = short[-1] + 1 if short else 0
        if lasting < len(pairs) and since + hold <= after[-1]["seconds"]:
            return after[lasting]["seconds"] - since
        time.sleep(0.2)
    return None


def made(first, last, slot):
    """Examples per second of all workers but one from a sample to a later one."""
    seconds = last["seconds"] - first["seconds"]
    return (examples(last, slot) - examples(first, slot)) / max(seconds, 1e-3)


def examples(sample, slot):
    """Examples that all workers but one have committed."""
    return sum(worker["examples"] for worker in sample["workers"] if worker["worker"] != slot)


def rate(path, slot, count):
    """Their examples per second over the last samples; 0 where there are too few."""
    last = samples(path)[-(count + 1):]
    if len(last) < 2:
        return 0.0
    return made(last[0], last[-1], slot)


def slot_of(word):
    """The slot that is left out, or None."""
    return None if word == "none" else int(word)


def judge(path, loss):
    """What is wrong with a report; nothing if all is as it should be."""
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    wrong = []
    if report["status"] != "done":
        wrong.append(f"the status is {report['status']}, expected done: {report['cause']}")
    if not all(epoch["complete"] for epoch in report["epochs_used"]):
        wrong.append("not every row was used exactly once")
    found = report["final"]["test"]["loss"]
    if found is None or loss < found:
        wrong.append(f"the final test loss is {found}, expected {loss} or less")
    return found, wrong


def main(words):
    match words:
        case ["samples", path]:
            print(len(samples(path)))
        case ["rate", path, slot, count]:
            print(f"{rate(path, slot_of(slot), int(count)):.0f}")
        case ["now", path]:
            print(f"{now(path):.3f}")
        case ["back", path, slot, since, wanted, hold, patience]:
            took = back(path, slot_of(slot), *map(float, [since, wanted, hold, patience]))
            if took is None:
                sys.exit(f"not within {patience} s")
            print(f"{took:.1f}")
        case ["judge", path, loss]:
            found, wrong = judge(path, float(loss))
            if wrong:
                sys.exit("; ".join(wrong))
            print(f"done, every row once, test loss {found:.4f}")
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
