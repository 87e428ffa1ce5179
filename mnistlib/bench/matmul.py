"""How fast this machine multiplies matrices: the floor under any training."""

import time
from collections.abc import Callable

import torch

from mnistlib.bench.contestants import SIDE
from mnistlib.bench.settings import Job
from mnistlib.counting import derive

PRODUCTS = 20  # the best of them counts

Work = Callable[[], tuple[float, float]]


def step_macs() -> int:
    """Multiply-accumulates of LeNet-5 for one image of a training step.

    The gradients of a layer's weights and of its input cost as much as its forward pass each; the
    first layer's input, the image, needs none.
    """
    macs = [layer.macs for layer in derive("lenet5") if layer.macs]
    return 3 * sum(macs) - macs[0]


def product(job: Job) -> Work:
    """A product of two square matrices, as the number of images that cost as much."""
    a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    images = SIDE**3 / step_macs()

    def work() -> tuple[float, float]:
        return min(_time(a, b) for _ in range(PRODUCTS)), images

    return work


def _time(a: torch.Tensor, b: torch.Tensor) -> float:
    start = time.perf_counter()
    a @ b
    return time.perf_counter() - start
