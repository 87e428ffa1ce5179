"""How fast each way is, and how far above what the machine could do."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from mnistlib.plots.style import BLUE, INK, MUTED, OTHER, legible

if TYPE_CHECKING:
    import pandas as pd

ROOM = 1.22  # of the longest bar: the axis must hold what is written at its end


def speed(frame: "pd.DataFrame", ax: Axes, floor: float | None = None) -> Axes:
    """Seconds of each contestant as bars, first row on top, with the spread of its repetitions.

    Args:
        frame: columns title, seconds, low, high, ratio (NaN for what is compared with) and ours
            (whether it is this package), as rows of mnistlib.bench.results.
        floor: seconds that no arrangement of the same sums could beat, or None for no line.
    """
    rows = np.arange(len(frame))
    colours = [BLUE if ours else OTHER for ours in frame["ours"]]
    ax.barh(rows, frame["seconds"], color=colours, height=0.62)
    ax.hlines(rows, frame["low"], frame["high"], color=INK, linewidth=1.2)
    for row, line in zip(rows, frame.itertuples(), strict=True):
        style = {"color": legible(BLUE) if line.ours else MUTED, "fontsize": 9, "va": "center"}
        offset = {"xytext": (5, 0), "textcoords": "offset points"}
        ax.annotate(_words(line), (max(line.high, line.seconds), row), **offset, **style)
    ax.set_yticks(rows, list(frame["title"]))
    ax.set(xlabel="seconds an epoch", ylim=(len(frame) - 0.5, -0.5))
    ax.set_xlim(0, ROOM * float(frame["high"].max()))
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    if floor is not None:
        _mark(floor, ax)
    return ax


def _words(line) -> str:
    seconds = f"{line.seconds:.1f} s"
    return seconds if np.isnan(line.ratio) else f"{seconds}, {line.ratio:.1f}×"


def _mark(floor: float, ax: Axes) -> None:
    ax.axvline(floor, color=INK, linewidth=1, linestyle="--")
    style = {"color": MUTED, "fontsize": 9, "ha": "left", "va": "bottom"}
    words = f"floor: {floor:.1f} s at the speed of a matrix product"
    ax.text(floor, 1.01, words, transform=ax.get_xaxis_transform(), **style)
