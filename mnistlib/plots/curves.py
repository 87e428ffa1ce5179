"""Loss and accuracy over the epochs, of one run or of many seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from mnistlib.plots.style import MUTED, beside, colours, percent, percent_axis, short_percent, title

History = Mapping[str, Sequence[float]]
LEAST_ERROR = 1e-4
ENOUGH_TO_ZOOM = 5  # epochs; with fewer the first one is a large part of the curve


def learning_curves(history: History, axes: np.ndarray, name: str = "lenet5") -> np.ndarray:
    """One run's loss (left of two axes) and accuracy (right) on training and test digits.

    `history` has train_loss, test_loss, train_accuracy and test_accuracy, a value an epoch; the
    axes are zoomed to what follows the first. `name` is the model, for its colour and title.
    """
    palette = (MUTED, colours([name])[name])
    for ax, panel in zip(axes, ("loss", "accuracy"), strict=True):
        values = np.array([history[f"{split}_{panel}"] for split in ("train", "test")])  # [2, e]
        epochs = np.arange(1, values.shape[1] + 1)
        marker = "o" if len(epochs) == 1 else None  # a line through one point is invisible
        for curve, colour, line in zip(values, palette, ((0, (4, 1.5)), "-"), strict=True):
            ax.plot(epochs, curve, color=colour, linestyle=line, marker=marker)
        ax.set(xlim=(0.5, len(epochs) + 0.5), xlabel="epoch", title=f"{title(name)}: {panel}")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
        _zoom(ax, values, panel)
        _label_ends(ax, values[:, -1], panel, palette)
    return axes


def _zoom(ax: Axes, values: np.ndarray, panel: str) -> None:
    """Show what follows the first of many epochs, float [2, epochs], and say what is cut."""
    later, first = values[:, 1 if values.shape[1] >= ENOUGH_TO_ZOOM else 0 :], values[:, 0]
    low, high = (0.0 if panel == "loss" else later.min()), later.max()
    margin = 0.06 * (high - low) or 0.01
    style = {"ha": "right", "va": "bottom", "color": MUTED, "fontsize": 9}
    if panel == "loss":
        ax.set(ylim=(0, high + margin), ylabel="cross-entropy per image")
        words, y = (f"epoch 1: {first.max():.2f}" if first.max() > high + margin else ""), 1.02
    else:
        ax.set(ylim=(low - margin, high + margin), ylabel="accuracy")
        percent_axis(ax.yaxis)
        worst = f"epoch 1: from {percent(first.min(), 1)}"
        words, y = (worst if first.min() < low - margin else ""), 0.03
    ax.text(0.98, y, words, transform=ax.transAxes, **style)


def _label_ends(ax: Axes, ends: np.ndarray, panel: str, palette: Sequence[str]) -> None:
    """Write both lines' last values at their right ends, the higher one above its line's end."""
    sides = ("bottom", "top") if ends[0] > ends[1] else ("top", "bottom")
    for word, end, side, colour in zip(("training", "test"), ends, sides, palette, strict=True):
        words = f"{word} {f'{end:.3f}' if panel == 'loss' else percent(end)}"
        beside(ax, 1, end, words, colour, ax.get_yaxis_transform(), fontsize=9, va=side)


def bands(ax: Axes, histories: Mapping[str, Sequence[History]], curve: str) -> Axes:
    """One curve's mean over seeds for each recipe, in a band from the least to the greatest.

    `histories` are those of a recipe's runs, by name; `curve` is a name in runs.CURVES. Accuracies
    are drawn as errors on a logarithmic axis, where the last epochs can be told apart; errors below
    LEAST_ERROR lie on the axis.
    """
    is_error = curve.endswith("accuracy")
    for name, colour in colours(histories).items():
        values = np.array([run[curve] for run in histories[name]])  # [seeds, epochs]
        values = np.maximum(1 - values, LEAST_ERROR) if is_error else values
        epochs = np.arange(1, values.shape[1] + 1)
        ax.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.2, lw=0)
        ax.plot(epochs, values.mean(0), color=colour, label=title(name))
    what = curve.replace("accuracy", "error").replace("train_", "training ").replace("_", " ")
    ax.set(xlabel="epoch", title=what, xlim=(1, None))
    if is_error:
        log_percent(ax, "y")
        ax.set_ylim(bottom=max(LEAST_ERROR, ax.get_ylim()[0]))
    ax.legend()
    return ax


def log_percent(ax: Axes, which: str) -> None:
    """Make the axis "x" or "y" logarithmic, with fractions in percent at 1, 2 and 5."""
    ax.set(**{f"{which}scale": "log"})
    axis = getattr(ax, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(short_percent)
