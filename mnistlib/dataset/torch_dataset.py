"""The assignment's data set class."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from mnistlib.base import DataError, UserError, expanded, shown
from mnistlib.dataset import folder, pictures
from mnistlib.dataset.digits import Digits
from mnistlib.dataset.loading import load
from mnistlib.dataset.normalisation import TABLE

SIDE = 28


class MNIST(Dataset):
    """Digits as normalised tensors with their labels.

    An item is `(img, label)`: img float32 [1, size, size], its values scaled to [0, 1], minus
    0.1307, over 0.3081; label an int from 0 to 9. Everything is read when the object is made: it
    holds no open file, and any number of workers may use it, forked or spawned.

    Args:
        data_dir: a tar or a folder of {id}_{label}.png, or a folder of both splits in any layout
            that `load` reads; digits already in memory; None for wherever `load` finds digits.
        train: True for training digits (the default where there are both), False for test digits.
        transform: called on each normalised img, such as an augmentation; none for test digits.
        size: height and width; more than 28 adds background around the digit (LeNet-5: 32).

    Attributes:
        digits: the digits behind the items.

    Raises:
        DataError: data_dir holds no digits, or a file in it is damaged.
        UserError: `size` is below 28, or `train` contradicts the name of data_dir.
    """

    def __init__(
        self,
        data_dir: str | Path | Digits | None = None,
        train: bool | None = None,
        transform: Callable[[torch.Tensor], torch.Tensor] | None = None,
        size: int = SIDE,
    ) -> None:
        self.digits = data_dir if isinstance(data_dir, Digits) else _read(data_dir, train)
        self.transform = transform
        self.size = size
        self._images = _with_border(self.digits.images, size)

    def __len__(self) -> int:
        return len(self.digits)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        index = range(len(self))[index]  # negative ones count from the end, others raise IndexError
        img = torch.from_numpy(TABLE[self._images[index]])[None]  # [1, size, size]
        if self.transform is not None:
            img = self.transform(img)
        return img, int(self.digits.labels[index])


def _with_border(images: np.ndarray, size: int) -> np.ndarray:
    """Centre images in size×size pixels; black, grey 0, is the background."""
    if size < SIDE:
        raise UserError(f"size is {size}, expected at least {SIDE}")
    if size == SIDE:
        return images
    before = (size - SIDE) // 2
    border = (before, size - SIDE - before)
    return np.pad(images, ((0, 0), border, border))


def _read(data_dir: str | Path | None, train: bool | None) -> Digits:
    part = "test" if train is False else "train"
    if not data_dir:
        return getattr(load(), part)
    path = expanded(data_dir)
    with folder.listing(path):
        places = {name: folder.find(path, [name]) for name in folder.PREFIX}
    if any(places.values()):  # a missing split is an error: the other must not stand in for it
        return folder.read_split(places[part] or path, part)
    _check_part(path, train)
    return _read_one_split(path)


def _read_one_split(path: Path) -> Digits:
    if path.is_file():
        return pictures.read_archive(path)
    if pictures.holds_pictures(path):
        return pictures.read_folder(path)
    state = "no digits found" if path.exists() else "no such file or folder"
    layouts = f"a tar or a folder of {{id}}_{{label}}.png, or a folder that holds {folder.LAYOUTS}"
    raise DataError(f"{shown(path)}: {state}, expected {layouts}")


def _check_part(path: Path, train: bool | None) -> None:
    """Nobody must score a model on training digits because of a mistyped path."""
    is_train = {"train": True, "test": False}.get(path.name.partition(".")[0])
    if train is not None and is_train is not None and train != is_train:
        raise UserError(f"{path}: train={train} contradicts it; give the other path, or no train")
