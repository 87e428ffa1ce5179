"""How fast: training and reading here beside the usual ways, timed on this machine.

Names are imported on first use: a contestant's process must hold only what it needs itself.
"""

from mnistlib.lazy import attach

_HOMES = {
    "CONTESTANTS": "contestants",
    "Settings": "settings",
    "bench": "session",
    "results": "record",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = attach(__name__, _HOMES)
