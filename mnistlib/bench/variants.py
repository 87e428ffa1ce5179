"""What each trick of the training step brings: the same network and loss, written differently.

As usually written it pads normalised images with zeros, where ours pads with the background.

All variants train on the same batches in memory, so that they differ in the step alone.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from mnistlib.bench.reference import Net
from mnistlib.bench.settings import Job
from mnistlib.config import recipe
from mnistlib.course import training_batches
from mnistlib.dataset import load
from mnistlib.model import LeNet5, pad
from mnistlib.train import train

Work = Callable[[], tuple[float, int]]
EIGHT = 8  # maps: as many floats as one AVX2 register holds


class PoolFirst(Net):
    """Pooling before ReLU: the same values, a quarter of them through ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))  # [b, 6, 14, 14]
        x = F.relu(F.max_pool2d(self.conv2(x), 2))  # [b, 16, 5, 5]
        x = F.relu(self.fc1(torch.flatten(x, 1)))  # [b, 120]
        return self.fc3(F.relu(self.fc2(x)))  # [b, 10]


class Padded(LeNet5):
    """The first six maps and two of zeros, which the second convolution sees with zero weights."""

    def forward(self, images: Tensor) -> Tensor:
        more = EIGHT - self.conv1.out_channels
        kernels = F.pad(self.conv1.weight, (0,) * 7 + (more,))  # [8, 1, 5, 5]
        bias = F.pad(self.conv1.bias, (0, more))
        x = F.relu(F.max_pool2d(F.conv2d(pad(images), kernels, bias), 2))  # [b, 8, 14, 14]
        kernels = F.pad(self.conv2.weight, (0,) * 5 + (more,))  # [16, 8, 5, 5]
        x = F.relu(F.max_pool2d(F.conv2d(x, kernels, self.conv2.bias), 2))  # [b, 16, 5, 5]
        x = F.relu(self.fc1(x.flatten(1)))  # [b, 120]
        return self.fc3(F.relu(self.fc2(x)))  # [b, 10]


NETWORKS = {"usual": Net, "pool first": PoolFirst, "ours": LeNet5, "padded": Padded}


def step(job: Job, network: str, channels_last: bool = False, fused: bool = False) -> Work:
    """Train a variant: a name in NETWORKS, a memory layout, a fused optimizer or a plain one."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = NETWORKS[network]().to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=fused)
    criterion, device = nn.CrossEntropyLoss(), torch.device("cpu")
    batches = _endless(job)

    def work() -> tuple[float, int]:
        train(model, islice(batches, job.warm_up), device, criterion, optimizer)
        timed = list(islice(batches, job.batches))  # their preparation is not the step's
        start = time.perf_counter()
        train(model, timed, device, criterion, optimizer)
        return time.perf_counter() - start, job.images

    return work


def _endless(job: Job) -> Iterator[tuple[Tensor, Tensor]]:
    """Epoch after epoch, without the last batch of each where it is smaller."""
    batches = training_batches(recipe("lenet5"), load(job.folder).train, 0, "cpu")
    while True:
        yield from (batch for batch in batches if len(batch[1]) == batches.batch_size)
