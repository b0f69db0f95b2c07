"""Synchronous training by torch's DistributedDataParallel over gloo, or local SGD by its all-reduce.

Trains one job as Thalweg's workers would: the same rows in the same order, batches of the same size for every
process, the same start, rule and rate. What it is to do is in spec.json of the folder that is its argument, beside the rows as raw arrays; what
came of it is one line of JSON.

Gloo's sockets cannot go through a proxy that their own rendezvous does not know of. So latency is waited for before
each all-reduce, as often as messages of the shortest one that there is follow each other: 2*ceil(log2(processes)).
"""

import json
import math
import os
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
import torch.nn.functional as functional
from torch.nn.parallel import DistributedDataParallel


def array(path, dtype):
    data = bytearray(path.read_bytes())
    return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)


class Rows:
    """Sparse rows, as three arrays."""

    def __init__(self, folder, name):
        part = lambda what, dtype: array(folder / f"{name}.{what}", dtype)
        self.ends = part("ends", torch.int64)
        self.features = part("features", torch.int32).long()
        self.values = part("values", torch.float32)
        self.labels = part("labels", torch.float32)

    def __len__(self):
        return len(self.labels)

    def batch(self, numbers):
        begins, ends = self.ends[numbers], self.ends[numbers + 1]
        places = torch.cat([torch.arange(b, e) for b, e in zip(begins.tolist(), ends.tolist())])
        offsets = torch.cumsum(ends - begins, 0) - (ends - begins)
        return self.features[places], self.values[places], offsets, self.labels[numbers]


class Model(torch.nn.Module):
    """Layers of weights, the first of which is looked up by feature."""

    def __init__(self, spec, start):
        super().__init__()
        self.activation = {"relu": torch.relu, "tanh": torch.tanh}[spec["activation"]]
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        at = 0
        for tensor in spec["tensors"]:
            size = math.prod(tensor["shape"])
            values = start[at : at + size].clone()
            at += size
            if tensor["name"].endswith("weight"):
                self.weights.append(torch.nn.Parameter(values.view(tensor["shape"][0], -1)))
            else:
                self.biases.append(torch.nn.Parameter(values))

    def forward(self, features, values, offsets):
        x = functional.embedding_bag(
            features, self.weights[0], offsets, mode="sum", per_sample_weights=values
        )
        for layer in range(len(self.weights)):
            if layer:
                x = self.activation(x) @ self.weights[layer]
            if layer < len(self.biases):
                x = x + self.biases[layer]
        return x


def total_loss(spec, scores, labels):
    if spec["classes"] == 2:
        return functional.binary_cross_entropy_with_logits(
            scores.squeeze(1), (labels + 1) / 2, reduction="sum"
        )
    return functional.cross_entropy(scores, labels.long(), reduction="sum")


def optimizer(spec, model):
    rule, keys = spec["optimizer"], spec["options"]
    groups = [
        {"params": list(model.weights), "weight_decay": spec["l2"]},
        {"params": list(model.biases), "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    known = {
        "sgd": (torch.optim.SGD, ()),
        "momentum": (torch.optim.SGD, ("momentum", "dampening")),
        "adagrad": (torch.optim.Adagrad, ("lr_decay", "initial_accumulator_value", "eps")),
        "adam": (torch.optim.Adam, ("betas", "eps")),
    }
    make, taken = known[rule]
    return make(groups, lr=spec["lr"], **{key: keys[key] for key in taken if key in keys})


class Worker:
    def __init__(self, rank, folder, spec):
        self.rank, self.spec, self.size = rank, spec, spec["processes"]
        self.train, self.test = Rows(folder, "train"), Rows(folder, "test")
        self.model = Model(spec, array(folder / "start", torch.float32))
        self.parameters = sum(p.numel() for p in self.model.parameters())
        self.hops = 2 * math.ceil(math.log2(self.size)) if self.size > 1 else 0
        self.network, self.reductions = self.model, 0
        if spec["mode"] == "ddp":
            self.network = DistributedDataParallel(self.model, bucket_cap_mb=1 << 10)
            self.network.register_comm_hook(None, self.reduce_late)
        self.optimizer = optimizer(spec, self.model)
        self.order = array(folder / "order", torch.int32).long()
        self.mean = self.flat()
        self.judged, self.curve = 0.0, []
        self.slower = (spec["slow"].get(str(rank), 1.0) - 1.0) * (spec["compute"] + self.own_time())

    def own_time(self):
        """What a gradient takes by itself, the median of some."""
        batch = self.train.batch(torch.arange(min(self.spec["batch"], len(self.train))))
        taken = []
        for _ in range(5):
            begun = time.perf_counter()
            loss = total_loss(self.spec, self.model(*batch[:3]), batch[3])
            torch.autograd.grad(loss, list(self.model.parameters()))
            taken.append(time.perf_counter() - begun)
        return sorted(taken)[2]

    def reduce_late(self, _, bucket):
        time.sleep(self.hops * self.spec["latency"])
        flat = bucket.buffer().div_(self.size)
        return dist.all_reduce(flat, async_op=True).get_future().then(lambda done: done.value()[0])

    def flat(self):
        return torch.cat([p.detach().flatten() for p in self.model.parameters()])

    def unfold(self, flat):
        at = 0
        for p in self.model.parameters():
            p.data.copy_(flat[at : at + p.numel()].view_as(p))
            at += p.numel()

    def average(self):
        time.sleep(self.hops * self.spec["latency"])
        self.mean = self.flat() / self.size
        dist.all_reduce(self.mean)
        self.unfold(self.mean)
        self.reductions += 1

    def judge(self, examples):
        """The loss on test rows, while all clocks stand still."""
        dist.barrier()
        begun = time.perf_counter()
        if self.rank == 0:
            own = self.flat()
            # Of local SGD the last mean is judged, and not where one process has come to since.
            self.unfold(self.mean if self.spec["mode"] == "local_sgd" else own)
            with torch.no_grad():
                loss = 0.0
                for first in range(0, len(self.test), 4096):
                    last = min(first + 4096, len(self.test))
                    batch = self.test.batch(torch.arange(first, last))
                    loss += total_loss(self.spec, self.model(*batch[:3]), batch[3]).item()
            self.unfold(own)
            sent = 2 * (self.size - 1) * 4 * self.parameters * self.reductions
            seconds = begun - self.begun - self.judged
            self.curve.append(
                {
                    "seconds": seconds,
                    "epoch": examples / len(self.train),
                    "bytes": sent,
                    "loss": loss / len(self.test),
                }
            )
        dist.barrier()
        self.judged += time.perf_counter() - begun

    def step(self, numbers, rows):
        """A step by the gradient of these rows, which are this process's part of so many."""
        time.sleep(self.spec["compute"] + self.slower)
        self.optimizer.zero_grad(set_to_none=False)
        batch = self.train.batch(numbers) if len(numbers) else None
        if batch is None:
            batch = self.train.batch(torch.arange(1))
            loss = 0.0 * total_loss(self.spec, self.network(*batch[:3]), batch[3])
        else:
            loss = total_loss(self.spec, self.network(*batch[:3]), batch[3])
        by = rows / self.size if self.spec["mode"] == "ddp" else max(len(numbers), 1)
        (loss / by).backward()
        self.optimizer.step()
        self.reductions += self.spec["mode"] == "ddp"

    def run(self):
        spec, batch = self.spec, self.spec["batch"]
        dist.barrier()
        self.begun = time.perf_counter()
        done, steps, next_look = 0, 0, 0
        while done < len(self.order):
            order = self.order[done : done + len(self.train)]
            for first in range(0, len(order), batch * self.size):
                if spec["every"] and next_look <= done:
                    next_look = (done // spec["every"] + 1) * spec["every"]
                    self.judge(done)
                rows = order[first : first + batch * self.size]
                self.step(rows[self.rank * batch : (self.rank + 1) * batch], len(rows))
                done, steps = done + len(rows), steps + 1
                if spec["mode"] == "local_sgd" and steps % spec["period"] == 0:
                    self.average()
        if spec["mode"] == "local_sgd" and steps % spec["period"]:
            self.average()
        self.judge(done)
        return self.curve


def work(rank, folder, spec):
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=spec["processes"])
    curve = Worker(rank, folder, spec).run()
    if rank == 0:
        print(json.dumps({"torch": torch.__version__, "curve": curve}), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1])
    SPEC = json.loads((FOLDER / "spec.json").read_text())
    multiprocessing.spawn(work, args=(FOLDER, SPEC), nprocs=SPEC["processes"])
