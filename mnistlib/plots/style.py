"""The look that all figures share: colours, type, grid and how percentages are written.

Colours are those of Okabe and Ito, "Color Universal Design", 2008: they stay apart for
colour-blind readers and on a grey printout of the three models.
"""

from collections.abc import Iterable, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import Formatter, MaxNLocator

from mnistlib.base import UserError
from mnistlib.config import TITLES

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
INK, MUTED, OTHER, FAINT = "#222222", "#666666", "#B8B8B8", "#DDDDDD"

COLOURS = {"lenet5": BLUE, "mlp": VERMILLION, "lenet5_reg": GREEN}
TRAIN, TEST = ORANGE, SKY  # where training and test stand side by side for no model
OTHERS = (PURPLE, ORANGE, SKY, MUTED, BLACK)

STYLE = {
    "figure.dpi": 110,
    "savefig.dpi": 150,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "axes.prop_cycle": mpl.cycler(color=[BLUE, VERMILLION, GREEN, *OTHERS]),
    "image.cmap": "gray_r",  # ink on paper
    "image.interpolation": "nearest",
}


def use_style() -> None:
    """Give all figures made from now on the report's look."""
    mpl.rcParams.update(STYLE)


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name: a model always has its own, other names take the remaining ones."""
    others = [name for name in dict.fromkeys(names) if name not in COLOURS]
    rest = {name: OTHERS[i % len(OTHERS)] for i, name in enumerate(others)}
    return {name: COLOURS.get(name) or rest[name] for name in names}


def legible(colour: str) -> tuple[float, ...]:
    """A colour darkened enough to be read as text on white."""
    return tuple(0.75 * channel for channel in to_rgb(colour))


def title(name: str) -> str:
    """A model's name for people: "LeNet-5" for "lenet5"; other names as they are."""
    return TITLES.get(name, name)


def percent(fraction: float, decimals: int = 2) -> str:
    """A fraction as people read it: 0.9905 as "99.05 %"."""
    return f"{100 * fraction:.{decimals}f}\N{NO-BREAK SPACE}%"


def mark(accuracy: float, ax: Axes, whose: str = "LeCun et al. 1998") -> None:
    """A dashed line at a published accuracy, a fraction, with its name above the axes."""
    ax.axvline(accuracy, color=MUTED, linewidth=1, linestyle="--")
    style = {"color": MUTED, "fontsize": 9, "ha": "center", "va": "bottom"}
    ax.text(
        accuracy, 1.02, f"{percent(accuracy)}, {whose}", transform=ax.get_xaxis_transform(), **style
    )


def percent_axis(axis: mpl.axis.Axis, ticks: int = 6) -> None:
    """Write an axis of fractions in percent, with as many decimals as its ticks need."""
    axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(PercentTicks())


class PercentTicks(Formatter):
    """Fractions in percent, all ticks with the fewest decimals that keep them apart."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        step = np.diff(values).min() if len(values) > 1 else 0.01
        decimals = max(0, int(np.ceil(-np.log10(100 * step) - 1e-9)))
        return [percent(value, decimals) for value in values]

    def __call__(self, x: float, pos: int | None = None) -> str:
        return percent(x)  # where a single value is shown, such as under the pointer


def bare(ax: Axes) -> Axes:
    """An axes for a picture: no ticks, no grid, a faint frame."""
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set(visible=True, color=FAINT, linewidth=0.8)
    return ax


def slots(axes: Axes | np.ndarray, needed: int) -> list[Axes]:
    """The first `needed` axes in reading order; the rest are switched off.

    Raises:
        UserError: fewer axes than needed.
    """
    flat = list(np.atleast_1d(np.asarray(axes, dtype=object)).flat)
    if len(flat) < needed:
        raise UserError(f"found {len(flat)} axes for {needed} pictures; make at least as many")
    for ax in flat[needed:]:
        ax.set_axis_off()
    return flat[:needed]
