"""Notebooks executed, checked and turned into pages that open offline.

Names are imported on first use, so that the command line's help needs none of them.
"""

from mnistlib.lazy import attach

_HOMES = {
    "banner": "figures",
    "in_short": "figures",
    "plain": "figures",
    "say": "figures",
    "show": "figures",
    "tell": "figures",
    "check": "parameters",
    "choice": "parameters",
    "flag": "parameters",
    "folder": "parameters",
    "whole": "parameters",
    "build": "building",
    "refresh": "refreshing",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = attach(__name__, _HOMES)
