"""Digits, filters and maps as pictures, and what the digits are like before any network."""

from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from seaborn import color_palette

from mnistlib.base import UserError
from mnistlib.plots import style
from mnistlib.plots.style import SKY, TEST, TRAIN, VERMILLION, percent, percent_axis, short_percent


def digit_grid(images: np.ndarray, titles: Sequence[object] | None, axes, **look):
    """Pictures [n, height, width] on n axes or more, the rest hidden, all on one scale of grey.

    Raises:
        UserError: fewer axes than pictures.
    """
    flat, words = np.ravel(axes), [""] * len(images) if titles is None else titles
    if len(flat) < len(images):
        raise UserError(f"found {len(flat)} axes for {len(images)} pictures; make at least as many")
    look = look or {"vmin": np.min(images), "vmax": np.max(images)}
    for ax, image, word in zip(flat, images, words, strict=False):
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


def error_gallery(images, labels, predictions, confidence: np.ndarray, axes):
    """Misread digits [n, 28, 28], each titled "label → prediction" with the confidence, float [n].

    It is rounded down, so that only certainty is written as 100 %.
    """
    rows = zip(labels, predictions, np.floor(1000 * confidence) / 1000, strict=True)
    words = [f"{label} → {guess}\n{percent(sure, 1)}" for label, guess, sure in rows]
    for ax in np.ravel(digit_grid(images, words, axes)):
        ax.title.set_color(VERMILLION)
    return axes


def augmentation_grid(originals: np.ndarray, variants: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Originals [n, 28, 28], each beside its variants [n, k, 28, 28], on axes [n, 1 + k]."""
    rows = np.concatenate([originals[:, None], variants], axis=1)  # [n, 1 + k, 28, 28]
    digit_grid(rows.reshape(-1, *rows.shape[2:]), None, axes)
    axes[0, 0].set_title("original", fontsize=9, loc="center")
    axes[0, 1].set_title("as trained on", fontsize=9, loc="left")
    for ax in axes[:, 0]:
        ax.spines[:].set(color=VERMILLION, linewidth=1.6)
    return axes


def class_means(images: np.ndarray, labels: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Mean and standard deviation (rows of axes [2, 10]) of each class of images [n, 28, 28]."""
    classes = [images[labels == digit] for digit in range(10)]
    digit_grid(np.stack([of_class.mean(axis=0) for of_class in classes]), range(10), axes[0])
    digit_grid(np.stack([of_class.std(axis=0) for of_class in classes]), None, axes[1])
    for ax, word in zip(axes[:, 0], ("mean", "standard\ndeviation"), strict=True):
        ax.set_ylabel(word, rotation=0, ha="right", va="center", fontsize=9)
    return axes


def filters(weights: np.ndarray, axes):
    """Kernels [maps, channels, k, k] on one scale: red positive, blue negative, white zero."""
    return _signed(weights.reshape(-1, *weights.shape[-2:]), axes, "weight")


def feature_maps(maps: np.ndarray, axes):
    """A convolution's answers [maps, height, width] to one image: red positive, blue negative."""
    return _signed(maps, axes, "response")


def _signed(images: np.ndarray, axes, unit: str):
    bound = float(np.abs(images).max()) or 1.0
    look = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}  # safe for the colour-blind
    first = np.ravel(digit_grid(images, range(1, len(images) + 1), axes, **look))[0]
    scale = {"label": unit, "pad": 0.02, "fraction": 0.03}
    first.figure.colorbar(first.images[0], ax=np.ravel(axes), **scale).outline.set_visible(False)
    return axes


def pixel_histogram(images: np.ndarray, ax: Axes) -> Axes:
    """How often each grey value of images, uint8 [n, 28, 28], occurs: bins of 8, log axis."""
    shares = np.bincount(images.ravel(), minlength=256) / images.size
    bins = shares.reshape(-1, 8).sum(axis=1)
    ax.bar(np.arange(0, 256, 8), bins, 8, align="edge", color=SKY, edgecolor="white")
    ax.set(xlabel="pixel value", ylabel="share of pixels", xlim=(0, 256), yscale="log")
    ax.yaxis.set_major_formatter(short_percent)
    ax.set_xticks([0, 64, 128, 192, 255])
    ax.grid(visible=False, axis="x")
    text = f"{percent(shares[0], 1)} are exactly 0\n{percent(shares[255], 1)} are exactly 255"
    ax.text(0.5, 0.95, text, transform=ax.transAxes, ha="center", va="top")
    return ax


def class_balance(train_labels: np.ndarray, test_labels: np.ndarray, ax: Axes) -> Axes:
    """Share of each digit among the labels, integers [n], of both sets, beside a tenth."""
    sets = (("training", train_labels, TRAIN, -0.2), ("test", test_labels, TEST, 0.2))
    for word, labels, colour, shift in sets:
        shares = np.bincount(labels, minlength=10) / len(labels)
        look = {"color": colour, "edgecolor": "white", "label": f"{word} (n = {len(labels):,})"}
        ax.bar(np.arange(10) + shift, shares, 0.4, **look)
    ax.axhline(0.1, color=style.MUTED, linewidth=1, linestyle="--")
    ax.set(xlabel="digit", ylabel="share of images", xticks=range(10))
    ax.set_ylim(top=1.25 * ax.get_ylim()[1])  # room for the legend
    ax.grid(visible=False, axis="x")
    ax.legend(ncols=2, loc="upper right")
    percent_axis(ax.yaxis)
    return ax


def embedding(points: np.ndarray, labels: np.ndarray, ax: Axes) -> Axes:
    """Digits as points [n, 2] of a plane, each class of labels [n] named where it is densest.

    Ten colours cannot all be told apart by everyone: the names carry the meaning.
    """
    palette = np.array(color_palette("colorblind", 10))
    ax.scatter(*points.T, s=5, c=palette[labels], alpha=0.6, linewidths=0, rasterized=True)
    look = {"fontsize": 15, "fontweight": "bold", "ha": "center", "va": "center"}
    look["path_effects"] = [patheffects.withStroke(linewidth=3.5, foreground="white")]
    for digit in np.unique(labels):
        ax.text(*_densest(points[labels == digit]), str(digit), **look)
    ax.set_aspect("equal", adjustable="datalim")
    return bare(ax)


def _densest(points: np.ndarray) -> np.ndarray:
    """The point [2] that has a quarter of all points [n, 2] nearest around it."""
    distances = np.linalg.norm(points[:, None] - points, axis=-1)  # [n, n]
    return points[np.sort(distances, axis=1)[:, len(points) // 4].argmin()]
