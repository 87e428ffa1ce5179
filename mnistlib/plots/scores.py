"""What the networks are and how well they read: confusions, accuracies, parameters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from mnistlib.plots.style import (
    COLOURS,
    MUTED,
    OTHER,
    colours,
    legible,
    mark,
    percent,
    percent_axis,
    title,
)

if TYPE_CHECKING:
    from mnistlib.counting import Layer

NARROW = 0.08  # of the axis: a segment below this has no room for its name


def confusion_matrix(matrix: np.ndarray, ax: Axes) -> Axes:
    """Counts of each digit read as each other one; colour for the errors only.

    The diagonal holds nearly everything and would drown the rest on one scale, so it is grey.

    Args:
        matrix: counts [10, 10], row = label, column = prediction.
    """
    diagonal = np.eye(len(matrix), dtype=bool)
    look = {"cmap": "Oranges", "cbar": False, "square": True, "linewidths": 1, "ax": ax}
    words = np.where(matrix > 0, matrix.astype(str), "")
    top = max(1, np.where(diagonal, 0, matrix).max())
    sns.heatmap(matrix, mask=diagonal, vmin=0, vmax=top, annot=words, fmt="", **look)
    for digit, right in enumerate(np.diagonal(matrix)):
        style = {"color": MUTED, "fontsize": 9, "ha": "center", "va": "center"}
        ax.text(digit + 0.5, digit + 0.5, f"{right:,}", **style)
    ax.set_facecolor("#EEEEEE")  # what the masked diagonal shows
    ax.set(xlabel="prediction", ylabel="label")
    ax.grid(visible=False)
    ax.tick_params(length=0, rotation=0)
    return ax


def accuracy_intervals(
    names: Sequence[str],
    values: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    ax: Axes,
    reference: float | None = 0.9905,
    reference_label: str = "LeCun et al. 1998",
) -> Axes:
    """Accuracies with their intervals, first name on top, beside a published one.

    Args:
        names: models (or anything else that was compared).
        values, lows, highs: fractions [n]; state in the caption what the intervals are over.
        reference: a fraction, or None for no line.
    """
    palette = colours(names)
    for row, (name, value, low, high) in enumerate(zip(names, values, lows, highs, strict=True)):
        ax.plot([low, high], [row, row], color=palette[name], linewidth=2, solid_capstyle="butt")
        ax.plot(value, row, "o", color=palette[name], markersize=7)
        _beside(ax, 1, row, percent(value), ax.get_yaxis_transform(), palette[name])
    ax.set_yticks(range(len(names)), [title(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    if reference is not None:
        mark(reference, ax, reference_label)
    ax.set_xlabel("test accuracy")
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    percent_axis(ax.xaxis)
    return ax


def parameters_bars(layers: Mapping[str, Sequence["Layer"]], ax: Axes) -> Axes:
    """Where each model's parameters are: a bar a model, a segment a layer, in order.

    Args:
        layers: by model, as from counting.derive.
    """
    palette = colours(layers)
    longest = max(sum(layer.parameters for layer in walk) for walk in layers.values())
    for row, (name, walk) in enumerate(layers.items()):
        left = 0
        for number, layer in enumerate(layer for layer in walk if layer.parameters):
            shade = _lighter(palette[name], 0.25 + 0.3 * (number % 2))
            ax.barh(row, layer.parameters, left=left, color=shade, edgecolor="white", height=0.6)
            if layer.parameters > NARROW * longest:
                words = f"{layer.name}\n{layer.parameters:,}"
                ax.text(left + layer.parameters / 2, row, words, ha="center", va="center", size=9)
            left += layer.parameters
        _beside(ax, left, row, f"{left:,}", ax.transData, palette[name])
    ax.set_yticks(range(len(layers)), [title(name) for name in layers])
    ax.set(xlabel="parameters", ylim=(len(layers) - 0.5, -0.5), xlim=(0, longest))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    return ax


def shapes(
    ax: Axes, widths: np.ndarray, accuracies: np.ndarray, chosen: np.ndarray, name: str
) -> Axes:
    """Runs of an MLP's shapes: accuracy against one layer's width, the chosen shape set apart.

    Args:
        widths: units [n].
        accuracies: fractions [n].
        chosen: bool [n], whether a run is of the chosen shape.
        name: the chosen shape's.
    """
    for part, colour, label in ((~chosen, OTHER, "other shapes"), (chosen, COLOURS["mlp"], name)):
        ax.plot(widths[part], accuracies[part], "o", color=colour, markersize=6, label=label)
    ax.set(xlabel="units of the first hidden layer", ylabel="validation accuracy")
    percent_axis(ax.yaxis)
    ax.legend(loc="lower right")
    return ax


def _beside(ax: Axes, x: float, y: float, words: str, coordinates: object, colour: str) -> None:
    """Text a little to the right of a point, outside the axes if need be."""
    ax.annotate(
        words,
        (x, y),
        xycoords=coordinates,
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        color=legible(colour),
        annotation_clip=False,
    )


def _lighter(colour: str, share: float) -> tuple[float, ...]:
    return tuple(share + (1 - share) * channel for channel in to_rgb(colour))
