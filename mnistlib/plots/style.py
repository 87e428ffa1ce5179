"""The look that all figures share: colours, type, grid, rows, and how percentages are written.

Colours are those of Okabe and Ito, "Color Universal Design", 2008: they stay apart for
colour-blind readers and on a grey printout of the three models.
"""

from collections.abc import Iterable
from itertools import cycle

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.ticker import LogLocator, NullLocator

from mnistlib.config import TITLES

ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
INK, MUTED, FAINT = "#222222", "#666666", "#DDDDDD"

COLOURS = {"lenet5": BLUE, "mlp": VERMILLION, "lenet5_reg": GREEN, "lenet5_1998": BLACK}
TRAIN, TEST = ORANGE, SKY  # where training and test stand side by side for no model
VERDICTS = {"helps": (BLUE, "o"), "hurts": (VERMILLION, "X"), "equivalent": (MUTED, "s")}
VERDICTS["not shown"] = MUTED, "D"
OTHERS = (PURPLE, ORANGE, SKY, MUTED, BLACK)
ABOVE = {"ncols": 3, "loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}  # legends

mpl.rc("figure", dpi=110, **{"constrained_layout.use": True})
mpl.rc("text", color=INK)
mpl.rc("axes", titlesize=11, titlelocation="left", labelsize=10, labelcolor=INK, grid=True)
mpl.rc("axes", edgecolor=MUTED, axisbelow=True, **{"spines.top": False, "spines.right": False})
mpl.rc("axes", prop_cycle=mpl.cycler(color=[BLUE, VERMILLION, GREEN, *OTHERS]))
mpl.rc(("xtick", "ytick"), labelsize=9, color=MUTED, labelcolor=INK)
mpl.rc("legend", fontsize=9, frameon=False)
mpl.rc("grid", color=FAINT, linewidth=0.6)
mpl.rc("lines", linewidth=1.8)
mpl.rc("image", cmap="gray_r", interpolation="nearest")  # ink on paper


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name: a registered model always has its own, other names take the rest."""
    names = list(names)
    others = [name for name in dict.fromkeys([*TITLES, *names]) if name not in COLOURS]
    palette = {**dict(zip(others, cycle(OTHERS), strict=False)), **COLOURS}
    return {name: palette[name] for name in names}


def title(name: str) -> str:
    """A model's name for people: "LeNet-5" for "lenet5"; other names as they are."""
    return TITLES.get(name, name)


def percent(fraction: float, decimals: int = 2) -> str:
    """A fraction as people read it: 0.9905 as "99.05 %"."""
    return f"{100 * fraction:.{decimals}f}\N{NO-BREAK SPACE}%"


def percent_axis(axis: Axis) -> None:
    """Write an axis of fractions in percent, each tick with the decimals that it needs."""
    axis.set_major_formatter(lambda fraction, _: f"{100 * fraction:.4g}\N{NO-BREAK SPACE}%")


def log_percent_axis(axis: Axis) -> None:
    """Write a logarithmic axis of fractions in percent, with ticks at 1, 2 and 5."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    percent_axis(axis)


def beside(ax: Axes, y: float, words: str, colour: str, x: float | None = None, **font) -> None:
    """Text a little to the right of x, or of the axes."""
    point, where = ((1, y), ax.get_yaxis_transform()) if x is None else ((x, y), "data")
    dark = [0.75 * channel for channel in to_rgb(colour)]  # enough to be read on white
    style = {"textcoords": "offset points", "va": "center", "annotation_clip": False, **font}
    ax.annotate(words, point, (5, 0), xycoords=where, color=dark, **style)


def rows(ax: Axes, names: Iterable[str], xlabel: str) -> Axes:
    """Rows 0, 1, … from the top, a name each, without lines or ticks of their own."""
    labels = [title(name) for name in names]
    ax.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.5))
    ax.set_xlabel(xlabel)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    return ax


def interval(ax: Axes, row, low, high, value, colour: str, marker: str = "o", **look) -> None:
    """Values on the lines between their ends, in one row or, with arrays, in several."""
    ax.hlines(row, low, high, color=colour, linewidth=2)
    ax.plot(value, row, marker, color=colour, markersize=7, **look)


def mark(ax: Axes, x: float, words: str, align: str = "center") -> None:
    """A dashed line at a value, with words above the axes."""
    ax.axvline(x, color=MUTED, linewidth=1, linestyle="--")
    style = {"color": MUTED, "fontsize": 9, "ha": align, "va": "bottom"}
    ax.text(x, 1.02, words, transform=ax.get_xaxis_transform(), **style)
