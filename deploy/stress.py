"""Reads what a run of deploy/stress.sh writes about itself.

    python3 deploy/stress.py samples METRICS          how many status samples there are
    python3 deploy/stress.py rate METRICS SLOT N      examples/s of all workers but that slot, over the last N samples;
                                                      SLOT `none` leaves nobody out
    python3 deploy/stress.py now METRICS              the time of the run, seconds
    python3 deploy/stress.py back METRICS SLOT SINCE RATE SECONDS
                                                      waits, SECONDS at most, until all workers but that slot have
                                                      made RATE examples/s from one sample to the next; prints how
                                                      long after SINCE that began
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


def back(path, slot, since, wanted, patience):
    """How long after `since` the others were as fast as wanted: the begin of the first such pair of samples."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        # The pair in which it happened has some of what came before.
        after = [sample for sample in samples(path) if since <= sample["seconds"]]
        for first, second in zip(after, after[1:]):
            made = examples(second, slot) - examples(first, slot)
            if wanted * (second["seconds"] - first["seconds"]) <= made:
                return first["seconds"] - since
        time.sleep(0.2)
    return None


def examples(sample, slot):
    """Examples that all workers but one have committed."""
    return sum(worker["examples"] for worker in sample["workers"] if worker["worker"] != slot)


def rate(path, slot, count):
    """Their examples per second over the last samples; 0 where there are too few."""
    last = samples(path)[-(count + 1):]
    if len(last) < 2:
        return 0.0
    seconds = last[-1]["seconds"] - last[0]["seconds"]
    return (examples(last[-1], slot) - examples(last[0], slot)) / max(seconds, 1e-3)


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
        case ["back", path, slot, since, wanted, patience]:
            took = back(path, slot_of(slot), float(since), float(wanted), float(patience))
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
