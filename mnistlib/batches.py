"""Digits in memory, handed out in shuffled, distorted, normalised batches."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Generator, Tensor

from mnistlib.augment import DEFAULT, Strength, distort
from mnistlib.dataset import MEAN, STD, Digits
from mnistlib.dataset.digits import TABLE


class Batches:
    """A loader without workers: all digits stay on the device as uint8, a batch is one gather.

    Iterating yields (images float32 [b, 1, 28, 28] normalised, labels int64 [b]); the last batch
    holds what is left, never a single image. With `order` each pass is a new permutation drawn
    from it; with `augment` each image is distorted by its own draw from `distortion`.
    """

    def __init__(
        self,
        digits: Digits,
        batch_size: int,
        device: torch.device | str = "cpu",
        order: Generator | None = None,
        augment: str = "none",
        distortion: Generator | None = None,
        strength: Strength = DEFAULT,
    ) -> None:
        self.images = _tensor(digits.images).unsqueeze(1).to(device)  # [n, 1, 28, 28]
        self.labels = _tensor(digits.labels).to(device)
        self.table = torch.from_numpy(TABLE).to(device)  # the normalised value of each grey value
        self.batch_size, self.device = batch_size, device
        self.order, self.augment = order, augment
        self.distortion, self.strength = distortion, strength

    def __len__(self) -> int:
        return len(self._bounds()) + 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for index in self._indices().tensor_split(self._bounds()):
            yield self._prepare(self.images.index_select(0, index)), self.labels[index]

    def _bounds(self) -> list[int]:
        """Where one batch ends and the next begins.

        A single image left over goes into the batch before: batch norm needs two.
        """
        return list(range(self.batch_size, len(self.labels) - 1, self.batch_size))

    def _indices(self) -> Tensor:
        n = len(self.labels)
        if self.order is None:
            return torch.arange(n, device=self.device)
        # drawn on the CPU so that a seed means the same order on every device
        return torch.randperm(n, generator=self.order).to(self.device)

    def _prepare(self, images: Tensor) -> Tensor:
        if self.augment == "none":
            # index_select takes a fifth of the time of table[images] and gives the same values
            return self.table.index_select(0, images.flatten().int()).view_as(images)
        x = images.float().div_(255)  # in [0, 1]: the distortion brings in 0 for black
        return self._distort(x).sub_(MEAN).div_(STD)

    def _distort(self, images: Tensor) -> Tensor:
        return distort(images, self.augment, self.distortion, self.strength)


def _tensor(array: np.ndarray) -> Tensor:
    """The array as a tensor; copied only where it is read-only, which torch has no word for."""
    return torch.from_numpy(np.require(array, requirements="W"))
