"""The assignment's data set class."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from mnistlib.base import UserError, expanded, shown
from mnistlib.dataset import files, source
from mnistlib.dataset.digits import PREFIX, TABLE, Digits

SAYS = {"train": r"(?i)(?<![a-z])(train|trn)", "test": r"(?i)(?<![a-z])(test|tst|t10k)"}


class MNIST(Dataset):
    """Digits with their labels, as the assignment's code uses them.

    An item is `(img, label)`, label an int from 0 to 9. Without a transform img is the normalised
    tensor: float32 [1, 28, 28], its values scaled to [0, 1], minus 0.1307, over 0.3081. With one,
    img is what it makes of a PIL image (mode "L", 28×28, background 0), as in torchvision: the same
    tensor, but for rounding, by `Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])`.

    Args:
        data_dir: a tar or a folder of {id}_{label}.png, or a folder of both splits in any layout
            that `load` reads; digits already in memory; None for wherever `load` finds digits.
        train: True or "train" for training digits (the default where there are both), False or
            "test" for test digits; may be left out: `MNIST(data_dir, transform)`.
        transform: called on each PIL image; an augmentation only for training digits.

    DataError where data_dir holds no digits, or a file in it is damaged; UserError where an
    argument means nothing, or `train` contradicts the name of data_dir.
    """

    def __init__(
        self,
        data_dir: str | Path | Digits | None = None,
        train: bool | str | None = None,
        transform: Callable[[Image.Image], object] | None = None,
    ) -> None:
        if callable(train):  # MNIST(data_dir, transform)
            train, transform = transform, train
        if not (transform is None or callable(transform)):
            found = shown(repr(transform))
            raise UserError(f"transform is {found}, expected something to call, or None")
        self.digits, self.transform = _read(data_dir, _part(train)), transform

    def __len__(self) -> int:
        return len(self.digits)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        index = range(len(self))[index]  # negative ones count from the end, others raise IndexError
        image, label = self.digits.images[index], int(self.digits.labels[index])
        if self.transform is not None:
            return self.transform(Image.fromarray(image)), label
        return torch.from_numpy(TABLE[image])[None], label


def _part(train: object) -> str | None:
    """Which split `train` means; None for none in particular."""
    if isinstance(train, bool | np.bool_):
        return "train" if train else "test"
    if train is None or (isinstance(train, str) and train in PREFIX):
        return train
    expected = 'True or "train", False or "test", or None'
    raise UserError(f"train is {shown(repr(train))}, expected {expected}")


def _read(data_dir: str | Path | Digits | None, part: str | None) -> Digits:
    if isinstance(data_dir, Digits):
        _expect_agreement(data_dir.name, part)
        return data_dir
    if not data_dir:
        return getattr(source.load(), part or "train")
    path = expanded(data_dir)
    if any(source.find(path).values()) or (path.is_dir() and not any(files.pictures_below(path))):
        return source.read_split(path, part or "train")  # the other must not stand in for it
    _expect_agreement(str(path.absolute()), part)
    return files.read_pictures(path)


def _expect_agreement(name: str, part: str | None) -> None:
    """Nobody must score a model on training digits because of a mistyped path."""
    said = [split for split, words in SAYS.items() if re.search(words, Path(name).name)]
    if part and len(said) == 1 and said != [part]:
        raise UserError(f"{shown(name)}: contradicts train={part!r}; give the other, or no train")
