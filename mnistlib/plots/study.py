"""Many runs of several recipes: seeds, bands, effects, shared mistakes, gaps."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, NullLocator

from mnistlib.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    MUTED,
    TEST,
    TRAIN,
    VERMILLION,
    colours,
    legible,
    mark,
    percent_axis,
    title,
)

if TYPE_CHECKING:
    import pandas as pd

LEAST_ERROR = 1e-4
VERDICTS = {"helps": (BLUE, "o"), "hurts": (VERMILLION, "X"), "no evidence": (MUTED, "D")}


def strips(
    ax: Axes,
    accuracies: Mapping[str, Sequence[float]],
    intervals: Mapping[str, tuple[float, float]],
    reference: float | None = None,
) -> Axes:
    """A row a recipe, first on top: a dot a seed, and the mean with its interval below the dots.

    Args:
        accuracies: fractions [seeds] by name.
        intervals: low and high of each mean.
        reference: an accuracy to draw a line at.
    """
    palette = colours(accuracies)
    for row, (name, values) in enumerate(accuracies.items()):
        dots = np.linspace(-0.28, -0.08, len(values))[np.argsort(np.argsort(values))]
        ax.scatter(values, row + dots, s=28, color=palette[name], alpha=0.75, linewidths=0)
        ax.plot(intervals[name], [row + 0.15] * 2, color=palette[name], linewidth=2)
        ax.plot(np.mean(values), row + 0.15, "D", color=palette[name], markersize=7)
    if reference is not None:
        mark(reference, ax)
    ax.set(yticks=range(len(accuracies)), yticklabels=map(title, accuracies))
    ax.set(ylim=(len(accuracies) - 0.5, -0.5), xlabel="test accuracy after the last epoch")
    ax.grid(visible=False, axis="y")
    percent_axis(ax.xaxis)
    return ax


def bands(ax: Axes, histories: Mapping[str, Sequence[Mapping]], curve: str) -> Axes:
    """One curve's mean over seeds for each recipe, in a band from the least to the greatest.

    Accuracies are drawn as errors on a logarithmic axis, where the last epochs can be told apart;
    errors below LEAST_ERROR lie on the axis.

    Args:
        histories: those of a recipe's runs, by name.
        curve: a name in runs.CURVES.
    """
    palette = colours(histories)
    for name, runs in histories.items():
        values = np.array([run[curve] for run in runs])  # [seeds, epochs]
        if curve.endswith("accuracy"):
            values = np.maximum(1 - values, LEAST_ERROR)
        epochs = np.arange(1, values.shape[1] + 1)
        ax.fill_between(epochs, values.min(0), values.max(0), color=palette[name], alpha=0.2, lw=0)
        ax.plot(epochs, values.mean(0), color=palette[name], label=title(name))
    what = curve.replace("accuracy", "error").replace("train_", "training ").replace("_", " ")
    ax.set(xlabel="epoch", title=what, xlim=(1, None))
    if curve.endswith("accuracy"):
        _log_percent(ax.yaxis)
        ax.set_ylim(bottom=max(LEAST_ERROR, ax.get_ylim()[0]))
    ax.legend()
    return ax


def forest(ax: Axes, frame: "pd.DataFrame") -> Axes:
    """A row a comparison: the paired difference with its interval, its verdict, n and p.

    Args:
        frame: rows of verdicts.compare without the baseline, indexed by what to call them;
            differences as fractions.
    """
    for row, line in enumerate(frame.itertuples()):
        colour, marker = VERDICTS[line.verdict]
        ax.plot([100 * line.low, 100 * line.high], [row, row], color=colour, linewidth=2)
        ax.plot(100 * line.difference, row, marker, color=colour, markersize=7)
        text = f"{line.verdict}   p = {line.p_holm:.3f}   n = {line.seeds}"
        ax.annotate(
            text,
            (1.01, row),
            xycoords=ax.get_yaxis_transform(),
            va="center",
            fontsize=8.5,
            color=legible(colour),
        )
    ax.axvline(0, color=MUTED, linewidth=1)
    ax.set(yticks=range(len(frame)), yticklabels=frame.index)
    ax.set(ylim=(len(frame) - 0.5, -0.5), xlabel="difference in test accuracy (points)")
    ax.grid(visible=False, axis="y")
    return ax


def both_ways(ax: Axes, frame: "pd.DataFrame", names: tuple[str, str]) -> Axes:
    """A row a technique: what it adds to nothing, and below it what it adds to all the others.

    Args:
        frame: as from verdicts.both_ways.
        names: of the two, for the legend.
    """
    looks = (("alone", BLUE, "o", -0.13), ("within", GREEN, "D", 0.13))  # those of the two models
    for (column, colour, marker, shift), name in zip(looks, names, strict=True):
        places = np.arange(len(frame)) + shift
        low, high = 100 * frame[f"{column}_low"], 100 * frame[f"{column}_high"]
        ax.hlines(places, low, high, color=colour, linewidth=2)
        ax.plot(100 * frame[column], places, marker, color=colour, markersize=6.5, label=name)
    ax.axvline(0, color=MUTED, linewidth=1)
    ax.set(yticks=range(len(frame)), yticklabels=frame.index, ylim=(len(frame) - 0.5, -0.5))
    ax.set_xlabel("what it adds to the test accuracy (points)")
    ax.grid(visible=False, axis="y")
    ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    return ax


def overlap(ax: Axes, a: np.ndarray, b: np.ndarray, names: tuple[str, str]) -> Axes:
    """One bar in three parts: how many images are in `a` alone, in both, and in `b` alone.

    Args:
        a, b: bool [n], such as whether a model misreads each image.
        names: of `a` and `b`; models have their colours.
    """
    first, second = (colours(names)[name] for name in names)
    labels = [f"{title(names[0])} only", "both", f"{title(names[1])} only"]
    left = 0
    for label, part, colour in zip(
        labels, (a & ~b, a & b, ~a & b), (first, MUTED, second), strict=True
    ):
        width = int(part.sum())
        ax.barh(0, width, left=left, color=colour, label=f"{label}: {width}")
        left += width
    ax.set(yticks=[], xlabel="test images", ylim=(-0.5, 0.5))
    ax.grid(visible=False)
    ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    return ax


def gap(ax: Axes, frame: "pd.DataFrame") -> Axes:
    """A row a recipe: its training and its test error on a logarithmic axis, joined by a line.

    Errors below LEAST_ERROR are drawn there.

    Args:
        frame: columns "training error" and "test error", fractions; index: names.
    """
    places = range(len(frame))
    shown = frame[["training error", "test error"]].clip(lower=LEAST_ERROR)
    ax.hlines(places, shown.min(axis=1), shown.max(axis=1), color=FAINT, linewidth=3)
    for column, colour, marker in zip(shown, (TRAIN, TEST), ("s", "o"), strict=True):
        ax.plot(shown[column], places, marker, color=colour, markersize=7, label=column)
    ax.set(yticks=places, yticklabels=map(title, frame.index), ylim=(len(frame) - 0.5, -0.5))
    ax.set_xlabel("share of digits that are misread (last epoch, mean over seeds)")
    _log_percent(ax.xaxis)
    ax.grid(visible=False, axis="y")
    ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    return ax


def _log_percent(axis: Axis) -> None:
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{100 * value:g}\N{NO-BREAK SPACE}%")
