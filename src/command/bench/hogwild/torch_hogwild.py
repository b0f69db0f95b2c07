"""Trains logistic regression with torch as its Hogwild! example does: processes that share the weights.

Arguments: the folder, training rows, validation rows, features, processes, epochs (two are run, which is
enough for the speed). The rate is chosen on the validation rows among three.
"""

import json
import sys
import time

import numpy as np
import torch
import torch.multiprocessing as multiprocessing
import torch.nn.functional as functional

BATCH = 64
EPOCHS = 2


def read(folder):
    """Offsets, features, values and labels."""
    kinds = (("offsets", "<i8"), ("features", "<u4"), ("values", "<f4"), ("labels", "<f4"))
    offsets, features, values, labels = (np.fromfile(f"{folder}/{name}", dtype=kind) for name, kind in kinds)
    arrays = (offsets, features.astype(np.int64), values, labels)
    return [torch.from_numpy(array).share_memory_() for array in arrays]


def scores(model, data, first, last):
    offsets, features, values, _ = data
    ends = offsets[first:last + 1]
    low, high = int(ends[0]), int(ends[-1])
    return model(features[low:high], ends[:-1] - low, per_sample_weights=values[low:high]).squeeze(1)


def work(number, model, data, span, rate, barrier):
    torch.set_num_threads(1)
    labels = data[3]
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    chance = torch.Generator()
    chance.manual_seed(number)
    barrier.wait()
    for _ in range(EPOCHS):
        batches = torch.randperm((span[1] - span[0]) // BATCH, generator=chance) * BATCH + span[0]
        for first in batches.tolist():
            last = first + BATCH
            optimizer.zero_grad()
            loss = functional.soft_margin_loss(scores(model, data, first, last), labels[first:last])
            loss.backward()
            optimizer.step()
    barrier.wait()


def main():
    folder = sys.argv[1]
    train, validation, features, processes, _ = (int(word) for word in sys.argv[2:7])
    data = read(folder)
    rows = len(data[3])
    multiprocessing.set_start_method("spawn")

    def loss(model, first, last):
        with torch.no_grad():
            found = functional.soft_margin_loss(scores(model, data, first, last), data[3][first:last])
        return float(found)

    runs = []
    for rate in (50.0, 150.0, 400.0):
        model = torch.nn.EmbeddingBag(features, 1, mode="sum", sparse=True)
        model.weight.data.zero_()
        model.share_memory()
        barrier = multiprocessing.Barrier(processes + 1)
        spans = [(k * train // processes, (k + 1) * train // processes) for k in range(processes)]
        workers = [
            multiprocessing.Process(target=work, args=(k, model, data, spans[k], rate, barrier))
            for k in range(processes)
        ]
        for worker in workers:
            worker.start()
        barrier.wait()
        start = time.perf_counter()
        barrier.wait()
        seconds = time.perf_counter() - start
        for worker in workers:
            worker.join()
        end = train + validation
        runs.append((loss(model, train, end), rate, loss(model, end, rows), seconds))
    _, rate, test, _ = min(runs)
    seconds = sorted(run[3] for run in runs)[len(runs) // 2]
    print(json.dumps({
        "name": f"torch {torch.__version__} Hogwild!, batch {BATCH}, lr {rate:g}, {EPOCHS} epochs",
        "threads": processes,
        "rate": train * EPOCHS / seconds / 1e6,
        "loss": test,
    }))


if __name__ == "__main__":
    main()
