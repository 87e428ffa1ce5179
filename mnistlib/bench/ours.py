"""This package's training and testing, as its users call them."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from mnistlib.bench.settings import BATCH, Job
from mnistlib.config import recipe
from mnistlib.course import Batches
from mnistlib.dataset import Digits, load
from mnistlib.train import TEST_BATCH, fit, initial, test

Work = Callable[[], tuple[float, int]]
SEED = 0


def training(job: Job, augment: str = "none") -> Work:
    """An epoch of fit() over as many images as are to be timed, by fit()'s own clock.

    That clock includes testing; one test image is left, which takes a millisecond.
    """
    plain = recipe("lenet5", epochs=1, batch_size=BATCH, augment=augment)
    data = load(job.folder)
    one = data.test.take(np.arange(1), "one test image")
    timed, warm_up = (
        replace(data, train=_as_many(data.train, n), test=one)
        for n in (job.images, job.warm_up * BATCH)
    )

    def work() -> tuple[float, int]:
        fit(plain, warm_up, SEED, device="cpu", threads=job.threads, progress=False)
        run = fit(plain, timed, SEED, device="cpu", threads=job.threads, progress=False)
        return run.history["seconds"][0], run.dataset["n_train"]

    return work


def testing(job: Job) -> Work:
    """test() on all test images, as after each epoch."""
    plain, digits = recipe("lenet5"), load(job.folder).test
    model = initial(plain, SEED).to(memory_format=torch.channels_last)  # as fit() does
    batches = Batches(digits, TEST_BATCH, "cpu")

    def work() -> tuple[float, int]:
        test(model, batches, "cpu", nn.CrossEntropyLoss())
        start = time.perf_counter()
        test(model, batches, "cpu", nn.CrossEntropyLoss())
        return time.perf_counter() - start, len(digits)

    return work


def whole_run(job: Job) -> Work:
    """All of fit() from digits in memory to its record, for one epoch of all training images."""
    plain, data = recipe("lenet5", epochs=1), load(job.folder)

    def work() -> tuple[float, int]:
        start = time.perf_counter()
        fit(plain, data, SEED, device="cpu", threads=job.threads, progress=False)
        return time.perf_counter() - start, len(data.train)

    return work


def _as_many(digits: Digits, n: int) -> Digits:
    """Exactly n digits: the first ones, or over again where there are not so many."""
    return digits.take(np.arange(n) % len(digits), digits.name)
