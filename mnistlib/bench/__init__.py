"""How fast: training and reading here beside the usual ways, timed on this machine.

Names are imported on first use: a contestant's process must hold only what it needs itself.
"""

from importlib import import_module

_HOMES = {
    "CONTESTANTS": "contestants",
    "Settings": "settings",
    "bench": "session",
    "results": "record",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
