"""What the networks are, how well they read, what helps them, and how fast they are trained."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from mnistlib.plots import style
from mnistlib.plots.curves import LEAST_ERROR, log_percent
from mnistlib.plots.style import BLUE, MUTED, beside, colours, interval, percent, rows, title

VERDICTS = {"helps": (BLUE, "o"), "hurts": (style.VERMILLION, "X"), "no evidence": (MUTED, "D")}
NARROW = 0.08  # of the axis: a segment below this has no room for its name


def confusion_matrix(matrix: np.ndarray, ax: Axes) -> Axes:
    """Counts [10, 10] of each digit (row) read as each other one (column), errors coloured.

    The diagonal holds nearly everything and would drown the rest on one scale, so it is grey.
    """
    right = np.eye(len(matrix), dtype=bool)
    words = pd.DataFrame(matrix).map("{:,}".format).where(matrix > 0, "")
    look = {"cbar": False, "square": True, "linewidths": 1, "fmt": "", "annot": words, "ax": ax}
    top = max(1, matrix[~right].max())
    sns.heatmap(matrix, mask=right, cmap="Oranges", vmin=0, vmax=top, **look)
    grey = {"color": MUTED, "fontsize": 9}
    sns.heatmap(matrix, mask=~right, cmap=["#EEEEEE"], annot_kws=grey, **look)
    ax.set(xlabel="prediction", ylabel="label")
    ax.tick_params(length=0, rotation=0)
    return ax


def accuracy_intervals(
    names: Iterable[str], values, lows, highs, ax: Axes, reference: float | None = 0.9905
) -> Axes:
    """Accuracies and their intervals, fractions [n], first name on top, beside that of 1998.

    State in the caption what the intervals are over. A `reference` of None draws no line.
    """
    lines = zip(colours(names).values(), values, zip(lows, highs, strict=True), strict=True)
    for row, (colour, value, ends) in enumerate(lines):
        interval(ax, row, ends, value, colour)
        beside(ax, 1, row, percent(value), colour, ax.get_yaxis_transform())
    return _accuracies(rows(ax, names, "test accuracy"), reference)


def strips(
    ax: Axes,
    accuracies: Mapping[str, Sequence[float]],
    intervals: Mapping[str, tuple[float, float]],
    reference: float | None = None,
) -> Axes:
    """A row a recipe, first on top: a dot a seed, and the mean with its interval below the dots.

    `accuracies` are fractions [seeds] by name, `intervals` the low and high of each mean,
    `reference` the accuracy of 1998, or None for no line.
    """
    for row, (name, colour) in enumerate(colours(accuracies).items()):
        values = np.asarray(accuracies[name])
        dots = np.linspace(-0.28, -0.08, len(values))[values.argsort().argsort()]
        ax.scatter(values, row + dots, s=28, color=colour, alpha=0.75, linewidths=0)
        interval(ax, row + 0.15, intervals[name], values.mean(), colour, "D")
    return _accuracies(rows(ax, accuracies, "test accuracy after the last epoch"), reference)


def _accuracies(ax: Axes, reference: float | None) -> Axes:
    if reference is not None:
        style.mark(ax, reference, f"{percent(reference)}, LeCun et al. 1998")
    style.percent_axis(ax.xaxis)
    return ax


def parameters_bars(layers: Mapping[str, Sequence], ax: Axes) -> Axes:
    """Where each model's parameters are: a bar a model, a segment a layer, in order.

    `layers` has by model those of counting.derive, each with a name and its parameters.
    """
    longest = max(sum(layer.parameters for layer in walk) for walk in layers.values())
    for row, (name, colour) in enumerate(colours(layers).items()):
        left, tints = 0, sns.blend_palette([colour, "white"], 101)
        for number, layer in enumerate(layer for layer in layers[name] if layer.parameters):
            look = {"color": tints[25 + 30 * (number % 2)], "edgecolor": "white"}
            bar = ax.barh(row, layer.parameters, 0.6, left, **look)
            if layer.parameters > NARROW * longest:
                words = f"{layer.name}\n{layer.parameters:,}"
                ax.bar_label(bar, [words], label_type="center", size=9)
            left += layer.parameters
        beside(ax, left, row, f"{left:,}", colour)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlim(0, longest)
    return rows(ax, layers, "parameters")


def shapes(ax: Axes, widths, accuracies, chosen: np.ndarray, name: str) -> Axes:
    """Runs of an MLP's shapes: accuracy, a fraction [n], against one layer's width, units [n].

    The runs of the chosen shape, bool [n], are set apart under its name.
    """
    for part, colour, label in (
        (~chosen, style.OTHER, "other shapes"),
        (chosen, style.COLOURS["mlp"], name),
    ):
        ax.plot(widths[part], accuracies[part], "o", color=colour, label=label)
    ax.set(xlabel="units of the first hidden layer", ylabel="validation accuracy")
    style.percent_axis(ax.yaxis)
    ax.legend(loc="lower right")
    return ax


def forest(ax: Axes, frame: pd.DataFrame) -> Axes:
    """A row a comparison: the paired difference with its interval, its verdict, n and p.

    Columns: difference, low, high (fractions), p_holm, seeds, verdict; index: what to call them.
    """
    for row, line in enumerate(frame.itertuples()):
        colour, marker = VERDICTS[line.verdict]
        interval(ax, row, (100 * line.low, 100 * line.high), 100 * line.difference, colour, marker)
        text = f"{line.verdict}   p = {line.p_holm:.3f}   n = {line.seeds}"
        beside(ax, 1, row, text, colour, ax.get_yaxis_transform(), fontsize=8.5)
    ax.axvline(0, color=MUTED, linewidth=1)
    return rows(ax, frame.index, "difference in test accuracy (points)")


def both_ways(ax: Axes, frame: pd.DataFrame, names: tuple[str, str]) -> Axes:
    """A row a technique: what it adds to nothing, and below it what it adds to all the others.

    Columns: alone, within, and each also with _low and _high, fractions; `names` of the two.
    """
    points = 100 * frame
    looks = (
        ("alone", BLUE, "o", -0.13),
        ("within", style.GREEN, "D", 0.13),
    )  # those of the two models
    for (column, colour, marker, shift), name in zip(looks, names, strict=True):
        places, low, high = np.arange(len(frame)) + shift, f"{column}_low", f"{column}_high"
        ax.hlines(places, points[low], points[high], color=colour, linewidth=2)
        ax.plot(points[column], places, marker, color=colour, markersize=6.5, label=name)
    ax.axvline(0, color=MUTED, linewidth=1)
    style.legend_above(ax)
    return rows(ax, frame.index, "what it adds to the test accuracy (points)")


def overlap(ax: Axes, a: np.ndarray, b: np.ndarray, names: tuple[str, str]) -> Axes:
    """One bar in three parts: how many images are in `a` alone, in both, in `b` alone, bool [n]."""
    words, left = [title(name) for name in names], 0
    parts = {f"{words[0]} only": a & ~b, "both": a & b, f"{words[1]} only": b & ~a}
    first, second = (colours(names)[name] for name in names)
    for (word, part), colour in zip(parts.items(), (first, MUTED, second), strict=True):
        ax.barh(0, part.sum(), left=left, color=colour, label=f"{word}: {part.sum()}")
        left += part.sum()
    ax.set(yticks=[], xlabel="test images", ylim=(-0.5, 0.5))
    ax.grid(visible=False)
    style.legend_above(ax)
    return ax


def gap(ax: Axes, frame: pd.DataFrame) -> Axes:
    """A row a recipe: its training and its test error on a logarithmic axis, joined by a line.

    Columns: "training error" and "test error", fractions; those below LEAST_ERROR are drawn there.
    """
    places = range(len(frame))
    shown = frame[["training error", "test error"]].clip(lower=LEAST_ERROR)
    ax.hlines(places, shown.min(axis=1), shown.max(axis=1), color=style.FAINT, linewidth=3)
    for column, colour, marker in zip(shown, (style.TRAIN, style.TEST), ("s", "o"), strict=True):
        ax.plot(shown[column], places, marker, color=colour, markersize=7, label=column)
    log_percent(ax, "x")
    style.legend_above(ax)
    return rows(ax, frame.index, "share of digits that are misread (last epoch, mean over seeds)")


def speed(frame: pd.DataFrame, ax: Axes, floor: float | None = None) -> Axes:
    """Seconds of each contestant as bars, first row on top, with the spread of its repetitions.

    Columns as of bench.results: title, seconds, low, high, ratio, ours. No arrangement of the same
    sums can beat the seconds of the `floor`.
    """
    for row, line in enumerate(frame.itertuples()):
        ax.barh(row, line.seconds, 0.62, color=BLUE if line.ours else style.OTHER)
        ax.hlines(row, line.low, line.high, color=style.INK, linewidth=1.2)
        words = f"{line.seconds:.1f} s" + ("" if np.isnan(line.ratio) else f", {line.ratio:.1f}×")
        beside(ax, line.high, row, words, BLUE if line.ours else MUTED, fontsize=9)
    if floor is not None:
        style.mark(ax, floor, f"floor: {floor:.1f} s at the speed of a matrix product", "left")
    ax.set_xlim(0, 1.22 * frame["high"].max())  # room for what is written at the longest bar
    return rows(ax, frame["title"], "seconds an epoch")
