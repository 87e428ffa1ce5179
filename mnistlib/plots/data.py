"""What the digits are like before any network sees them."""

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from seaborn import color_palette

from mnistlib.plots.style import MUTED, SKY, TEST, TRAIN, bare, percent, percent_axis

CLASSES = 10


def pixel_histogram(images: np.ndarray, ax: Axes, width: int = 8) -> Axes:
    """How often each grey value occurs, in bins of `width` values, on a logarithmic axis.

    Args:
        images: uint8 [n, 28, 28].
    """
    counts = np.bincount(images.ravel(), minlength=256)
    shares = counts.reshape(-1, width).sum(axis=1) / counts.sum()
    ax.bar(np.arange(0, 256, width), shares, width, align="edge", color=SKY, edgecolor="white")
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}\N{NO-BREAK SPACE}%")
    ax.set(xlabel="pixel value", ylabel="share of pixels", xlim=(0, 256))
    ax.set_xticks([0, 64, 128, 192, 255])
    ax.grid(visible=False, axis="x")
    black, white = counts[0] / counts.sum(), counts[255] / counts.sum()
    text = f"{percent(black, 1)} are exactly 0\n{percent(white, 1)} are exactly 255"
    ax.text(0.5, 0.95, text, transform=ax.transAxes, ha="center", va="top")
    return ax


def class_balance(train_labels: np.ndarray, test_labels: np.ndarray, ax: Axes) -> Axes:
    """Share of each digit in the training and in the test set, beside a tenth.

    Args:
        train_labels, test_labels: integers [n], 0 to 9.
    """
    digits, width = np.arange(CLASSES), 0.4
    sets = (("training", train_labels, TRAIN, -0.5), ("test", test_labels, TEST, 0.5))
    for word, labels, colour, side in sets:
        shares = np.bincount(labels, minlength=CLASSES) / len(labels)
        label = f"{word} (n = {len(labels):,})"
        ax.bar(digits + side * width, shares, width, color=colour, edgecolor="white", label=label)
    ax.axhline(1 / CLASSES, color=MUTED, linewidth=1, linestyle="--")
    ax.set(xlabel="digit", ylabel="share of images", xticks=digits)
    ax.set_ylim(top=1.25 * ax.get_ylim()[1])  # room for the legend
    ax.grid(visible=False, axis="x")
    ax.legend(ncols=2, loc="upper right")
    percent_axis(ax.yaxis)
    return ax


def embedding(points: np.ndarray, labels: np.ndarray, ax: Axes) -> Axes:
    """Digits as points of a plane, each class named where it is densest.

    Ten colours cannot all be told apart by everyone; the names carry the meaning.

    Args:
        points: float [n, 2]; only distances mean something, so the axes have no ticks.
        labels: integers [n].
    """
    palette = np.array(color_palette("colorblind", CLASSES))
    ax.scatter(*points.T, s=5, c=palette[labels], alpha=0.6, linewidths=0, rasterized=True)
    outline = [patheffects.withStroke(linewidth=3.5, foreground="white")]
    for digit in np.unique(labels):
        x, y = _densest(points[labels == digit])
        style = {"fontsize": 15, "fontweight": "bold", "ha": "center", "va": "center"}
        ax.text(x, y, str(digit), path_effects=outline, **style)
    ax.set_aspect("equal", adjustable="datalim")
    return bare(ax)


def _densest(points: np.ndarray) -> np.ndarray:
    """The point [2] that has a quarter of all points [n, 2] nearest around it."""
    distances = np.linalg.norm(points[:, None] - points, axis=-1)  # [n, n]
    return points[np.sort(distances, axis=1)[:, len(points) // 4].argmin()]
