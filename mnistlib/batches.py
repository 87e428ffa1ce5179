"""Digits in memory, handed out in shuffled, distorted, normalised batches."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Generator, Tensor

from mnistlib.augment import distort
from mnistlib.dataset import MEAN, STD, Digits


class Batches:
    """A loader without workers: all digits stay on the device as uint8, a batch is one gather.

    Iterating yields (images float32 [b, 1, 28, 28] normalised, labels int64 [b]); the last batch
    holds what is left. With `order` each pass is a new permutation drawn from it; with `augment`
    each image is distorted by its own draw from `distortion`.
    """

    def __init__(
        self,
        digits: Digits,
        batch_size: int,
        device: torch.device | str = "cpu",
        order: Generator | None = None,
        augment: str = "none",
        distortion: Generator | None = None,
    ) -> None:
        self.images = _tensor(digits.images).unsqueeze(1).to(device)  # [n, 1, 28, 28]
        self.labels = _tensor(digits.labels).to(device)
        self.batch_size, self.device = batch_size, device
        self.order, self.augment, self.distortion = order, augment, distortion

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for index in self._indices().split(self.batch_size):
            yield self._prepare(self.images[index]), self.labels[index]

    def _indices(self) -> Tensor:
        n = len(self.labels)
        if self.order is None:
            return torch.arange(n, device=self.device)
        # drawn on the CPU so that a seed means the same order on every device
        return torch.randperm(n, generator=self.order).to(self.device)

    def _prepare(self, images: Tensor) -> Tensor:
        x = images.float().div_(255)  # [b, 1, 28, 28] in [0, 1]
        if self.augment != "none":
            x = distort(x, self.augment, self.distortion)
        return x.sub_(MEAN).div_(STD)


def _tensor(array: np.ndarray) -> Tensor:
    """The array as a tensor; copied only where it is read-only, which torch has no word for."""
    return torch.from_numpy(np.require(array, requirements="W"))
