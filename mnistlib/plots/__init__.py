"""Figures: arrays in, axes out. Nothing here loads, trains, shows or saves.

Importing it applies the report's style, also to what notebooks draw themselves.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mnistlib.plots import style
from mnistlib.plots.style import COLOURS as COLOURS  # which notebooks use
from mnistlib.plots.style import beside, colours, interval, mark, percent, percent_axis, rows, title

History = Mapping[str, Sequence[float]]
LEAST_ERROR = 1e-4  # what lies below it is drawn there, on a logarithmic axis


def digit_grid(images: np.ndarray, titles: Sequence[object] | None, axes, **look):
    """Pictures [n, height, width] on n axes or more, the rest hidden, all on one scale of grey."""
    flat, words = np.ravel(axes), [""] * len(images) if titles is None else titles
    look = look or {"vmin": np.min(images), "vmax": np.max(images)}
    for ax, image, word in zip(flat[: len(images)], images, words, strict=True):
        bare(ax).imshow(image, **look)
        ax.set_title(str(word), fontsize=9, loc="center", pad=3)
    for ax in flat[len(images) :]:
        ax.set_axis_off()
    return axes


def bare(ax: Axes) -> Axes:
    """An axes for a picture: no ticks, no grid, a faint frame."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=style.FAINT, linewidth=0.8)
    return ax


def augmentation_grid(originals: np.ndarray, variants: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Originals [n, 28, 28], each beside its variants [n, k, 28, 28], on axes [n, 1 + k]."""
    pictures = np.concatenate([originals[:, None], variants], axis=1)  # [n, 1 + k, 28, 28]
    digit_grid(pictures.reshape(-1, *pictures.shape[2:]), None, axes)
    axes[0, 0].set_title("original", fontsize=9, loc="center")
    axes[0, 1].set_title("as trained on", fontsize=9, loc="left")
    for ax in axes[:, 0]:
        ax.spines[:].set(color=style.VERMILLION, linewidth=1.6)
    return axes


def signed_grid(images: np.ndarray, axes, unit: str):
    """Kernels or maps [n, height, width] on one scale: red positive, blue negative, white zero."""
    bound = float(np.abs(images).max()) or 1.0
    look = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}  # safe for the colour-blind
    first = np.ravel(digit_grid(images, range(1, len(images) + 1), axes, **look))[0]
    scale = {"label": unit, "pad": 0.02, "fraction": 0.03}
    first.figure.colorbar(first.images[0], ax=np.ravel(axes), **scale).outline.set_visible(False)
    return axes


def learning_curves(history: History, axes: np.ndarray, name: str = "lenet5") -> np.ndarray:
    """One run's loss (left of two axes) and accuracy (right) on training and test digits.

    `history` has train_loss, test_loss, train_accuracy and test_accuracy, a value an epoch; the
    axes are zoomed to what follows the first. `name` is the model, for its colour and title.
    """
    palette, units = (style.MUTED, colours([name])[name]), ("cross-entropy per image", "accuracy")
    for ax, panel, unit in zip(axes, ("loss", "accuracy"), units, strict=True):
        values = np.array([history[f"{split}_{panel}"] for split in ("train", "test")])  # [2, e]
        epochs = np.arange(1, values.shape[1] + 1)
        later = values[:, 1:] if len(epochs) >= 5 else values  # of few the first is a large part
        low, margin = later.min(), 0.06 * np.ptp(later) or 0.01
        ax.set_ylim(0 if panel == "loss" else low - margin, later.max() + margin)
        ax.set(xlim=(0.5, len(epochs) + 0.5), ylabel=unit, title=f"{title(name)}: {panel}")
        ax.set_xlabel("epoch" if later is values else "epoch (the first may lie outside)")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        sides = ("bottom", "top") if values[0, -1] > values[1, -1] else ("top", "bottom")
        looks = zip(("training", "test"), palette, ((0, (4, 1.5)), "-"), sides, strict=True)
        for curve, (word, colour, line, side) in zip(values, looks, strict=True):
            ax.plot(epochs, curve, color=colour, linestyle=line, marker="." * (len(epochs) == 1))
            end = f"{curve[-1]:.3f}" if panel == "loss" else percent(curve[-1])
            beside(ax, curve[-1], f"{word} {end}", colour, fontsize=9, va=side)
    percent_axis(axes[1].yaxis)
    return axes


def bands(ax: Axes, histories: Mapping[str, Sequence[History]], curve: str) -> Axes:
    """The mean error over seeds for each recipe, in a band from the least to the greatest.

    `histories` are those of a recipe's runs, by name; `curve` is "train_accuracy" or
    "test_accuracy". Of its errors the last ones can be told apart on a logarithmic axis.
    """
    for name, colour in colours(histories).items():
        errors = 1 - np.array([run[curve] for run in histories[name]])  # [seeds, epochs]
        drawn = [errors.min(0), errors.max(0), errors.mean(0)]
        least, most, mean = np.maximum(drawn, LEAST_ERROR)
        epochs = np.arange(1, errors.shape[1] + 1)
        ax.fill_between(epochs, least, most, color=colour, alpha=0.2, lw=0)
        ax.plot(epochs, mean, color=colour, label=title(name))
    what = "training error" if curve.startswith("train") else "test error"
    ax.set(xlabel="epoch", title=what, xlim=(1, None), yscale="log")
    style.log_percent_axis(ax.yaxis)
    ax.set_ylim(bottom=max(LEAST_ERROR, ax.get_ylim()[0]))
    ax.legend()
    return ax


def confusion_matrix(matrix: np.ndarray, ax: Axes) -> Axes:
    """Counts [10, 10] of each digit (row) read as each other one (column), errors coloured.

    The diagonal holds nearly everything and would drown the rest on one scale, so it is grey.
    """
    right = np.eye(len(matrix), dtype=bool)
    words = pd.DataFrame(matrix).map("{:,}".format).where(matrix > 0, "")
    look = {"cbar": False, "square": True, "linewidths": 1, "fmt": "", "annot": words, "ax": ax}
    top = max(1, matrix[~right].max())
    sns.heatmap(matrix, mask=right, cmap="Oranges", vmin=0, vmax=top, **look)
    sns.heatmap(matrix, mask=~right, cmap=["#EEEEEE"], annot_kws={"color": style.MUTED}, **look)
    ax.set(xlabel="prediction", ylabel="label")
    ax.tick_params(length=0, rotation=0)
    return ax


def strips(ax: Axes, accuracies: Mapping, intervals: Mapping, known: Sequence[float]) -> Axes:
    """A row a recipe, first on top: a dot a seed, and the mean with its interval below the dots.

    By name: `accuracies`, fractions [seeds], and the low and high of each mean. `known` is the
    accuracy of 1998 and its interval, which is a band behind them.
    """
    for row, (name, colour) in enumerate(colours(accuracies).items()):
        values = np.sort(accuracies[name])
        dots = row + np.linspace(-0.28, -0.08, len(values))
        ax.scatter(values, dots, s=28, color=colour, alpha=0.75, linewidths=0)
        interval(ax, row + 0.15, *intervals[name], values.mean(), colour, "|", markeredgewidth=2)
        beside(ax, row, percent(values.mean()), colour)
    value, *ends = known
    ax.axvspan(*ends, color=style.FAINT, alpha=0.5, linewidth=0, zorder=0)
    mark(ax, value, f"{percent(value)}, LeCun et al. 1998")
    percent_axis(ax.xaxis)
    return rows(ax, accuracies, "test accuracy after the last epoch")


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
        wide, ends = sizes > 0.08 * longest, sizes.cumsum()
        ax.bar_label(bars, np.where(wide, words, ""), label_type="center", size=9)
        for _, near in sizes[~wide].groupby(wide.cumsum()):  # neighbours without room share a label
            names = ", ".join(f"{layer} {size:,}" for layer, size in near.items())
            first = near.index[0] == sizes.index[0]
            look = {"size": 8, "color": style.MUTED, "ha": "left" if first else "right"}
            ax.text(0 if first else ends[near.index[-1]], row - 0.33, names, va="bottom", **look)
        beside(ax, row, f"{sizes.sum():,}", colour, sizes.sum())
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlim(0, longest)
    return rows(ax, layers, "parameters")


def forest(ax: Axes, frame: pd.DataFrame) -> Axes:
    """A row a comparison: the paired difference with its interval, its verdict, n and p.

    Columns: difference, low, high (fractions), p_holm, seeds, verdict; index: what to call them.
    """
    for row, line in enumerate(frame.itertuples()):
        colour, marker = style.VERDICTS[line.verdict]
        interval(ax, row, 100 * line.low, 100 * line.high, 100 * line.difference, colour, marker)
        chance = f"p = {line.p_holm:.3f}" if line.p_holm >= 0.001 else "p < 0.001"
        text = f"{line.verdict}   {chance}   n = {line.seeds}"
        beside(ax, row, text, colour, fontsize=8.5)
    ax.axvline(0, color=style.MUTED, linewidth=1)
    return rows(ax, frame.index, "difference in test accuracy (points)")


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
    style.log_percent_axis(ax.xaxis)
    ax.legend(**style.ABOVE)
    return rows(ax, frame.index, "share of digits that are misread, last epoch")
