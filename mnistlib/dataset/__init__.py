"""From bytes on disk to digits in memory, and the `MNIST` data set class."""

from mnistlib.dataset.digits import MEAN, STD, TABLE, DigitData, Digits, normalise, split
from mnistlib.dataset.files import export
from mnistlib.dataset.source import download, load, sample

__all__ = ["MEAN", "MNIST", "STD", "TABLE", "DigitData", "Digits", "download", "export", "load",
           "normalise", "sample", "split"]  # fmt: skip


def __getattr__(name: str) -> type:
    if name != "MNIST":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mnistlib.dataset.torch_dataset import MNIST  # torch takes seconds, and all else none of it

    return MNIST
