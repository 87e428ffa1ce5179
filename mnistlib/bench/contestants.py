"""Who takes part, and what each does in a process of its own.

The function of a contestant makes what it needs from a Job, and returns another, which does the
work once and returns the seconds that it took and for how many images.
"""

import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from itertools import chain, islice, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from joblib import cpu_count
from PIL import Image
from torch import nn, optim

from mnistlib import base
from mnistlib.config import recipe
from mnistlib.counting import derive
from mnistlib.dataset import MEAN, STD, DigitData, export, load
from mnistlib.model import LeNet5
from mnistlib.train import fit, train

BATCH, WARM_UP = 64, 10  # images a step; steps before the clock starts
SAMPLE, ALL, DISTORTED = 4_000, 70_000, "training with distortion"
SIDE = 1024  # of the square matrices whose product gives the floor
RAW, TARS = "MNIST/raw", "tars"  # where a Job's digits lie; the first is torchvision's choice
BUSY = [sys.executable, "-c", "import os; p = os.getppid()\nwhile os.getppid() == p: pass"]
Work = Callable[[], tuple[float, float]]


class Job(NamedTuple):
    """A folder with digits, how many batches to train, and on how many threads."""

    folder: Path
    batches: int
    threads: int


def usual(job: Job, distorted: bool = False, workers: int = 0) -> Work:
    """Our network and loop, fed by torchvision's data set behind a DataLoader."""
    from torch.utils.data import DataLoader  # here: only its own process is to hold them
    from torchvision import datasets, transforms

    # the bounds of mnistlib.augment: 2 pixels of 28; a shear of 0.1 is 5.7 degrees
    affine = transforms.RandomAffine(12, (2 / 28, 2 / 28), (0.88, 1.12), 5.7)
    steps = [transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))]
    look = transforms.Compose([affine, *steps] if distorted else steps)
    digits = datasets.MNIST(job.folder, train=True, transform=look)
    loader = DataLoader(digits, BATCH, shuffle=True, num_workers=workers, drop_last=True)
    model, criterion = LeNet5(), nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def work() -> tuple[float, int]:
        batches = chain.from_iterable(repeat(loader))  # anew: workers must not run ahead meanwhile
        train(model, islice(batches, WARM_UP), "cpu", criterion, optimizer)
        part = islice(batches, job.batches)
        return _timed(train, model, part, "cpu", criterion, optimizer), job.batches * BATCH

    return work


def _timed(function: Callable, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def ours(job: Job, augment="none", images=0, threads=0, busy=False) -> Work:
    """fit() on so many images (0: the Job's), by its own clock; one test image is left."""
    plain, data = recipe("lenet5", epochs=1, augment=augment), load(job.folder / RAW)
    n, one = images or job.batches * BATCH, data.test.take(np.arange(1), "one")

    def epoch(n: int) -> float:
        part = replace(data, train=data.train.take(np.arange(n) % len(data.train), "n"), test=one)
        run = fit(plain, part, device="cpu", threads=threads or job.threads, progress=False)
        return run.history["seconds"][0]

    def work() -> tuple[float, int]:
        others = [subprocess.Popen(BUSY) for _ in range(cpu_count() if busy else 0)]  # noqa: S603
        try:
            epoch(WARM_UP * BATCH)
            return epoch(n), n
        finally:
            for each in others:
                each.kill()
                each.wait()

    return work


def process() -> ProcessPoolExecutor:
    """A process of its own, which leaves Ctrl-C to this one."""
    quiet = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
    return ProcessPoolExecutor(1, get_context("spawn"), **quiet)


def reading(job: Job, where: str, again: bool = False) -> Work:
    """load() of files that the system has at hand; `again`, of what our own cache keeps of them."""
    path, base.CACHE = job.folder / where, job.folder / f"cache of {where}, {again}"
    images = len(load(path).train) + len(load(path).test)

    def work() -> tuple[float, int]:
        if not again:
            shutil.rmtree(base.CACHE, ignore_errors=True)
        return _timed(load, path), images

    return work


def pillow(job: Job) -> Work:
    """Both archives, picture by picture."""

    def work() -> tuple[float, int]:
        start, images, labels = time.perf_counter(), [], []
        for path in (job.folder / TARS).glob("*.tar"):
            with tarfile.open(path) as archive:
                for member in archive:
                    images.append(np.array(Image.open(archive.extractfile(member))))
                    labels.append(int(member.name[:-4].split("_")[1]))
        return time.perf_counter() - start, len(images)

    return work


def product(job: Job) -> Work:
    """The fastest of twenty products of matrices, and the images of training that cost as much.

    The gradients of a layer's weights and of its input cost as much as its forward pass each; the
    first layer's input needs none.
    """
    macs = [layer.macs for layer in derive("lenet5") if layer.macs]
    a, b = torch.rand(2, SIDE, SIDE)
    images = SIDE**3 / (3 * sum(macs) - macs[0])
    return lambda: (min(_timed(torch.mm, a, b) for _ in range(20)), images)


CONTESTANTS: dict[str, dict] = {}


def _add(name: str, title: str, group: str, function: Callable, per: int = 60_000, **options):
    """A way to do a thing, by one of the functions above; its seconds are scaled to `per` images.

    Groups with the same first word are timed in turn; ratios refer to the first of a group.
    """
    make, about = partial(function, **options), {"name": name, "title": title, "group": group}
    about |= {"ours": function in (ours, reading), "per": per}
    CONTESTANTS[name] = {"make": make, "about": about, "processes": 2 if name == "two_runs" else 1}


_add("reference", "torchvision + DataLoader", "training", usual)
_add("reference_workers", "the same with 2 workers", "training", usual, workers=2)
_add("ours", "mnistlib", "training", ours)
_add("reference_distorted", "torchvision + RandomAffine", DISTORTED, usual, distorted=True)
_add("ours_distorted", "mnistlib, affine + elastic", DISTORTED, ours, augment="affine+elastic")
_add("floor", f"{SIDE}×{SIDE} matrix product", "floor", product)
_add("one_run", "one run after the other", "side by side", ours, threads=1)
_add("two_runs", "two runs at the same time", "side by side", ours, threads=1)
for n in (1, 2):
    group, options = f"busy machine, threads: {n}", {"images": SAMPLE, "threads": n}
    _add(f"quiet_{n}", "nothing beside it", group, ours, SAMPLE, **options)
    _add(f"busy_{n}", "a busy process for each core", group, ours, SAMPLE, busy=True, **options)
_add("read_pillow", "tar, a plain loop with Pillow", "reading", pillow, ALL)
_add("read_tar", "tar, first time", "reading", reading, ALL, where=TARS)
_add("read_tar_again", "tar, again", "reading", reading, ALL, where=TARS, again=True)
_add("read_idx", "IDX files", "reading", reading, ALL, where=RAW)


def lay_out(data: DigitData, folder: Path, names: Collection[str]) -> None:
    """Write the digits as IDX files, and as archives where somebody reads them."""
    (folder / RAW).mkdir(parents=True)
    for split, digits in (("train", data.train), ("t10k", data.test)):
        for kind, array in (("images-idx3", digits.images), ("labels-idx1", digits.labels)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            content = head + array.astype(np.uint8).tobytes()
            (folder / RAW / f"{split}-{kind}-ubyte").write_bytes(content)
    if any("read_tar" in name or name == "read_pillow" for name in names):
        export(data, folder / TARS)


@cache
def _prepared(name: str, job: Job) -> Work:
    return CONTESTANTS[name]["make"](job)


def prepare(name: str, job: Job) -> None:
    """Make what a contestant needs, in its own process."""
    _prepared(name, job)


def answer(name: str, job: Job) -> dict:
    """Seconds and images of one repetition, and this process's peak memory so far in bytes."""
    torch.set_num_threads(job.threads)
    seconds, images = _prepared(name, job)()
    status = Path("/proc/self/status")  # not getrusage, which starts at the parent's peak
    peak = re.search(r"VmHWM:\s*(\d+)", status.read_text())[1] if status.exists() else 0
    return {"seconds": seconds, "images": images, "memory": 1024 * int(peak)}
