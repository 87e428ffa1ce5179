"""From bytes on disk to digits in memory, and the `MNIST` data set class.

Names are imported on first use: reading digits needs no torch, and the command line's help
needs nothing at all.
"""

from mnistlib.lazy import attach

_HOMES = {
    "Digits": "digits",
    "DigitData": "digits",
    "load": "loading",
    "place": "loading",
    "MNIST": "torch_dataset",
    "MEAN": "normalisation",
    "STD": "normalisation",
    "TABLE": "normalisation",
    "normalise": "normalisation",
    "split": "splitting",
    "download": "mirrors",
    "MIRRORS": "mirrors",
    "export": "exporting",
    "describe": "facts",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = attach(__name__, _HOMES)
