"""From bytes on disk to digits in memory, and the `MNIST` data set class.

Names are imported on first use: reading digits needs no torch, and the command line's help
needs nothing at all.
"""

from importlib import import_module

_HOMES = {
    "Digits": "digits",
    "DigitData": "digits",
    "load": "loading",
    "MNIST": "torch_dataset",
    "MEAN": "normalisation",
    "STD": "normalisation",
    "normalise": "normalisation",
    "split": "splitting",
    "download": "mirrors",
    "MIRRORS": "mirrors",
    "export": "exporting",
    "describe": "facts",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
