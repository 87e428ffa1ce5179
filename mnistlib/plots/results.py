"""How networks learn, what they are, how well they read, what helps them, and how fast they are."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from mnistlib.plots import style
from mnistlib.plots.style import BLUE, MUTED, beside, colours, interval, percent, title

History = Mapping[str, Sequence[float]]
LEAST_ERROR = 1e-4  # what lies below it is drawn there, on a logarithmic axis
ENOUGH_TO_ZOOM = 5  # epochs; with fewer the first one is a large part of the curve
VERDICTS = {  # colour and marker
    "helps": (BLUE, "o"),
    "hurts": (style.VERMILLION, "X"),
    "equivalent": (MUTED, "s"),
    "not shown": (MUTED, "D"),
}
NARROW = 0.08  # of the axis: a segment below this has no room for its name


def learning_curves(history: History, axes: np.ndarray, name: str = "lenet5") -> np.ndarray:
    """One run's loss (left of two axes) and accuracy (right) on training and test digits.

    `history` has train_loss, test_loss, train_accuracy and test_accuracy, a value an epoch; the
    axes are zoomed to what follows the first. `name` is the model, for its colour and title.
    """
    palette, units = (MUTED, colours([name])[name]), ("cross-entropy per image", "accuracy")
    for ax, panel, unit in zip(axes, ("loss", "accuracy"), units, strict=True):
        values = np.array([history[f"{split}_{panel}"] for split in ("train", "test")])  # [2, e]
        epochs = np.arange(1, values.shape[1] + 1)
        for curve, colour, line in zip(values, palette, ((0, (4, 1.5)), "-"), strict=True):
            ax.plot(epochs, curve, color=colour, linestyle=line, marker="." * (len(epochs) == 1))
        later = values[:, 1:] if len(epochs) >= ENOUGH_TO_ZOOM else values
        low, margin = later.min(), 0.06 * np.ptp(later) or 0.01
        ax.set_ylim(0 if panel == "loss" else low - margin, later.max() + margin)
        ax.set(xlim=(0.5, len(epochs) + 0.5), ylabel=unit, title=f"{title(name)}: {panel}")
        ax.set_xlabel("epoch" if later is values else "epoch (the first may lie outside)")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        _label_ends(ax, values[:, -1], panel, palette)
    style.percent_axis(axes[1].yaxis)
    return axes


def _label_ends(ax: Axes, ends: np.ndarray, panel: str, palette: Sequence[str]) -> None:
    """Write both lines' last values at their right ends, the higher one above its line's end."""
    sides = ("bottom", "top") if ends[0] > ends[1] else ("top", "bottom")
    for word, end, side, colour in zip(("training", "test"), ends, sides, palette, strict=True):
        words = f"{word} {f'{end:.3f}' if panel == 'loss' else percent(end)}"
        beside(ax, 1, end, words, colour, ax.get_yaxis_transform(), fontsize=9, va=side)


def bands(ax: Axes, histories: Mapping[str, Sequence[History]], curve: str) -> Axes:
    """The mean error over seeds for each recipe, in a band from the least to the greatest.

    `histories` are those of a recipe's runs, by name; `curve` is "train_accuracy" or
    "test_accuracy". Of its errors the last ones can be told apart on a logarithmic axis.
    """
    for name, colour in colours(histories).items():
        errors = 1 - np.array([run[curve] for run in histories[name]])  # [seeds, epochs]
        errors, epochs = errors.clip(LEAST_ERROR), np.arange(1, errors.shape[1] + 1)
        ax.fill_between(epochs, errors.min(0), errors.max(0), color=colour, alpha=0.2, lw=0)
        ax.plot(epochs, errors.mean(0), color=colour, label=title(name))
    what = "training error" if curve.startswith("train") else "test error"
    ax.set(xlabel="epoch", title=what, xlim=(1, None), yscale="log")
    _log_percent(ax.yaxis)
    ax.set_ylim(bottom=max(LEAST_ERROR, ax.get_ylim()[0]))
    ax.legend()
    return ax


def _log_percent(axis) -> None:
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    style.percent_axis(axis)


def confusion_matrix(matrix: np.ndarray, ax: Axes) -> Axes:
    """Counts [10, 10] of each digit (row) read as each other one (column), errors coloured.

    The diagonal holds nearly everything and would drown the rest on one scale, so it is grey.
    """
    right = np.eye(len(matrix), dtype=bool)
    words = pd.DataFrame(matrix).map("{:,}".format).where(matrix > 0, "")
    look = {"cbar": False, "square": True, "linewidths": 1, "fmt": "", "annot": words, "ax": ax}
    top = max(1, matrix[~right].max())
    sns.heatmap(matrix, mask=right, cmap="Oranges", vmin=0, vmax=top, **look)
    sns.heatmap(matrix, mask=~right, cmap=["#EEEEEE"], annot_kws={"color": MUTED}, **look)
    ax.set(xlabel="prediction", ylabel="label")
    ax.tick_params(length=0, rotation=0)
    return ax


def accuracy_intervals(ax: Axes, frame: pd.DataFrame, reference: float) -> Axes:
    """Accuracies with their intervals, first row on top, beside the accuracy of 1998.

    Columns: accuracy, low, high, fractions; index: the models. State in the caption what the
    intervals are over.
    """
    for row, (name, colour) in enumerate(colours(frame.index).items()):
        value, low, high = frame.loc[name, ["accuracy", "low", "high"]]
        interval(ax, row, low, high, value, colour)
        beside(ax, 1, row, percent(value), colour, ax.get_yaxis_transform())
    return _accuracies(ax, frame.index, reference)


def strips(ax: Axes, accuracies: Mapping, intervals: Mapping, reference: float) -> Axes:
    """A row a recipe, first on top: a dot a seed, and the mean with its interval below the dots.

    By name: `accuracies`, fractions [seeds], and the low and high of each mean. `reference` is the
    accuracy of 1998.
    """
    for row, (name, colour) in enumerate(colours(accuracies).items()):
        values = np.sort(accuracies[name])
        dots = row + np.linspace(-0.28, -0.08, len(values))
        ax.scatter(values, dots, s=28, color=colour, alpha=0.75, linewidths=0)
        interval(ax, row + 0.15, *intervals[name], values.mean(), colour, "D")
    return _accuracies(ax, accuracies, reference)


def _accuracies(ax: Axes, names: Iterable[str], reference: float) -> Axes:
    style.mark(ax, reference, f"{percent(reference)}, LeCun et al. 1998")
    style.percent_axis(ax.xaxis)
    return style.rows(ax, names, "test accuracy after the last epoch")


def parameters_bars(layers: Mapping[str, Sequence], ax: Axes) -> Axes:
    """Where each model's parameters are: a bar a model, a segment a layer, in order.

    `layers` has by model those of counting.derive, each with a name and its parameters.
    """
    longest = max(sum(layer.parameters for layer in walk) for walk in layers.values())
    for row, (name, colour) in enumerate(colours(layers).items()):
        sizes = pd.Series({layer.name: layer.parameters for layer in layers[name]})
        sizes, look = sizes[sizes > 0], {"color": [(colour, 0.75), (colour, 0.45)]}  # in turn
        bars = ax.barh(row, sizes, 0.6, sizes.cumsum() - sizes, edgecolor="white", **look)
        words = [f"{layer}\n{size:,}" for layer, size in sizes.items()]
        words = np.where(sizes > NARROW * longest, words, "")
        ax.bar_label(bars, words, label_type="center", size=9)
        beside(ax, sizes.sum(), row, f"{sizes.sum():,}", colour)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlim(0, longest)
    return style.rows(ax, layers, "parameters")


def forest(ax: Axes, frame: pd.DataFrame) -> Axes:
    """A row a comparison: the paired difference with its interval, its verdict, n and p.

    Columns: difference, low, high (fractions), p_holm, seeds, verdict; index: what to call them.
    """
    for row, line in enumerate(frame.itertuples()):
        colour, marker = VERDICTS[line.verdict]
        interval(ax, row, 100 * line.low, 100 * line.high, 100 * line.difference, colour, marker)
        text = f"{line.verdict}   p = {line.p_holm:.3f}   n = {line.seeds}"
        beside(ax, 1, row, text, colour, ax.get_yaxis_transform(), fontsize=8.5)
    ax.axvline(0, color=MUTED, linewidth=1)
    return style.rows(ax, frame.index, "difference in test accuracy (points)")


def both_ways(ax: Axes, frame: pd.DataFrame, names: tuple[str, str]) -> Axes:
    """A row a technique: what it adds to nothing, and below it what it adds to all the others.

    Columns: alone, within, and each also with _low and _high, fractions; `names` of the two.
    """
    points, places = 100 * frame, np.arange(len(frame))
    looks = (("alone", BLUE, "o", -0.13), ("within", style.GREEN, "D", 0.13))  # of two models
    for (column, colour, marker, shift), name in zip(looks, names, strict=True):
        low, high = points[f"{column}_low"], points[f"{column}_high"]
        interval(ax, places + shift, low, high, points[column], colour, marker, label=name)
    ax.axvline(0, color=MUTED, linewidth=1)
    ax.legend(**style.ABOVE)
    return style.rows(ax, frame.index, "what it adds to the test accuracy (points)")


def gap(ax: Axes, frame: pd.DataFrame) -> Axes:
    """A row a recipe: its training and its test error on a logarithmic axis, joined by a line.

    Columns: "training error" and "test error", fractions.
    """
    places = range(len(frame))
    shown = frame[["training error", "test error"]].clip(lower=LEAST_ERROR)
    ax.hlines(places, shown.min(axis=1), shown.max(axis=1), color=style.FAINT, linewidth=3)
    for column, colour, marker in zip(shown, (style.TRAIN, style.TEST), ("s", "o"), strict=True):
        ax.plot(shown[column], places, marker, color=colour, markersize=7, label=column)
    ax.set_xscale("log")
    _log_percent(ax.xaxis)
    ax.legend(**style.ABOVE)
    return style.rows(ax, frame.index, "share of digits that are misread, last epoch")


def speed(ax: Axes, frame: pd.DataFrame, floor: float) -> Axes:
    """Seconds of each contestant as bars, first row on top, with the spread of its repetitions.

    Columns as of bench.results: title, seconds, low, high, ratio, ours. No arrangement of the same
    sums can beat the seconds of the `floor`.
    """
    spread = frame["seconds"] - frame["low"], frame["high"] - frame["seconds"]
    look = {"color": np.where(frame["ours"], BLUE, style.OTHER), "xerr": spread}
    bars = ax.barh(range(len(frame)), frame["seconds"], 0.62, ecolor=style.INK, **look)
    words = [f"{line.seconds:.1f} s, {line.ratio:.1f}×" for line in frame.itertuples()]
    ax.bar_label(bars, words, padding=5, size=9)
    style.mark(ax, floor, f"floor: {floor:.1f} s at the speed of a matrix product", "left")
    ax.set_xlim(0, 1.22 * frame["high"].max())  # room for what is written at the longest bar
    return style.rows(ax, frame["title"], "seconds an epoch")
