"""Where the time of a training step goes, by PyTorch's own profiler.

A process of its own: python -m mnistlib.bench.profiling FOLDER THREADS. It prints JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from mnistlib import base
from mnistlib.bench.settings import BATCH
from mnistlib.config import recipe
from mnistlib.course import Course
from mnistlib.dataset import DigitData, load
from mnistlib.train import initial

KINDS = {  # by what the names of their operations contain; the first that fits
    "convolution": ("convolution",),
    "pooling": ("max_pool",),
    "fully connected layers": ("addmm", "::mm"),
    "batches": ("index_select", "randperm", "tensor_split"),
    "optimizer": ("sgd", "SGD"),
}
REST = "everything else"
STEPS = 200


def measure(folder: Path, threads: int) -> dict[str, float]:
    """shares() of the digits in a folder; the profiler's log and its files are kept from view."""
    call = [sys.executable, "-m", "mnistlib.bench.profiling", str(folder), str(threads)]
    environment = {**os.environ, "TMPDIR": str(folder)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    done = subprocess.run(call, cwd=base.ROOT, env=environment, check=True, **pipes)  # noqa: S603
    return json.loads(done.stdout)


def shares(data: DigitData, threads: int) -> dict[str, float]:
    """The share of a LeNet-5 step's time in each of KINDS and in REST, as fractions.

    The profiler takes time itself, with each operation, so that REST comes out too large.
    """
    digits = data.train.take(np.arange(STEPS * BATCH) % len(data.train), "profiled")
    part = DigitData(digits, data.test.take(np.arange(1), "one"), data.name, data.origin)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    plain, device = recipe("lenet5"), torch.device("cpu")
    course = Course(plain, part, 0, initial(plain, 0), device, lambda _: None)
    course.epoch()  # warms up
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        course.epoch()
    torch.set_num_threads(before)
    return summed((each.key, each.self_cpu_time_total) for each in profiler.key_averages())


def summed(operations: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Shares by kind of (name, time) of operations, the kinds in their order, REST last."""
    times = dict.fromkeys((*KINDS, REST), 0.0)
    for name, time in operations:
        fitting = (kind for kind, parts in KINDS.items() if any(part in name for part in parts))
        times[next(fitting, REST)] += time
    total = sum(times.values())
    return {kind: time / total for kind, time in times.items()}


if __name__ == "__main__":
    print(json.dumps(shares(load(sys.argv[1]), int(sys.argv[2]))))
