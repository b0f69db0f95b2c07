"""Steps the optimizers of torch.optim on command, so that another program can take turns with them.

One request per line on standard input, one answer per line on standard output:

    begin NAME THREADS  builds the optimizer over one tensor and over a tensor per shard, in its
                        default and its fused form; answers with the forms that work
    step FORM           takes one step; answers with its time in milliseconds
    end                 lets go of all forms

The first line, before any request, is the version. Parameters and the shards they are in are the
two arguments.
"""

import sys
import time

import torch

OPTIMIZERS = {
    "sgd": lambda p, **form: torch.optim.SGD(p, lr=1e-3, **form),
    "momentum": lambda p, **form: torch.optim.SGD(p, lr=1e-3, momentum=0.9, **form),
    "nesterov": lambda p, **form: torch.optim.SGD(p, lr=1e-3, momentum=0.9, nesterov=True, **form),
    "asgd": lambda p, **form: torch.optim.ASGD(p, lr=1e-3, **form),
    "adagrad": lambda p, **form: torch.optim.Adagrad(p, lr=1e-3, **form),
    "adadelta": lambda p, **form: torch.optim.Adadelta(p, lr=1e-3, **form),
    "rmsprop": lambda p, **form: torch.optim.RMSprop(p, lr=1e-3, **form),
    "adam": lambda p, **form: torch.optim.Adam(p, lr=1e-3, **form),
    "adamw": lambda p, **form: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.0, **form),
    "amsgrad": lambda p, **form: torch.optim.Adam(p, lr=1e-3, amsgrad=True, **form),
    "adamax": lambda p, **form: torch.optim.Adamax(p, lr=1e-3, **form),
    "nadam": lambda p, **form: torch.optim.NAdam(p, lr=1e-3, **form),
    "adafactor": lambda p, **form: torch.optim.Adafactor(p, lr=1e-3, weight_decay=0.0, **form),
}

# Threads of a parallel loop look for more work for a while before they sleep; the other side
# measures only when they do.
REST_SECONDS = 0.01


def tensors(parameters, count):
    """Parameters in `count` matrices of 1024 rows, each with a gradient."""
    shape = (1024, parameters // count // 1024)
    made = [torch.nn.Parameter(torch.rand(shape) - 0.5) for _ in range(count)]
    for parameter in made:
        parameter.grad = 0.02 * (torch.rand(shape) - 0.5)
    return made


def begin(name, parameters, shards):
    """The forms of an optimizer that work here, by name."""
    forms = {}
    for layout, count in (("one", 1), ("shards", shards)):
        for kind, form in (("default", {}), ("fused", {"fused": True})):
            try:
                optimizer = OPTIMIZERS[name](tensors(parameters, count), **form)
                optimizer.step()
            except (TypeError, RuntimeError):
                # There is no fused form, or none for this processor.
                continue
            forms[f"{layout}/{kind}"] = optimizer
    return forms


def answer(line):
    print(line, flush=True)


def main():
    parameters, shards = int(sys.argv[1]), int(sys.argv[2])
    torch.manual_seed(1)
    answer(torch.__version__)
    forms = {}
    for request in sys.stdin:
        match request.split():
            case ["begin", name, threads]:
                torch.set_num_threads(int(threads))
                forms = begin(name, parameters, shards)
                answer(" ".join(forms))
            case ["step", form]:
                start = time.perf_counter()
                forms[form].step()
                taken = time.perf_counter() - start
                time.sleep(REST_SECONDS)
                answer(f"{1e3 * taken:.6f}")
            case ["end"]:
                forms = {}
                answer("done")


main()
