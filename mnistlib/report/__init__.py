"""Notebooks executed, checked and turned into pages that open offline.

Names are imported on first use, so that the command line's help needs none of them.
"""

from importlib import import_module

_HOMES = {
    "banner": "figures",
    "in_short": "figures",
    "show": "figures",
    "check": "parameters",
    "choice": "parameters",
    "flag": "parameters",
    "folder": "parameters",
    "whole": "parameters",
    "build": "building",
    "refresh": "refreshing",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
