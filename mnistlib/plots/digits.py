"""Digits, filters and maps as pictures, and what the digits are like before any network."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from seaborn import color_palette

from mnistlib.plots.style import FAINT, MUTED, SKY, TEST, TRAIN, VERMILLION, percent, percent_axis


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
    ax.spines[:].set(visible=True, color=FAINT, linewidth=0.8)
    return ax


def error_gallery(images, labels, predictions, confidence: np.ndarray, axes):
    """Misread digits [n, 28, 28], each titled "label → prediction" with the confidence [n]."""
    below = np.floor(1000 * confidence) / 1000  # so that only certainty is written as 100 %
    rows = zip(labels, predictions, below, strict=True)
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


def signed_grid(images: np.ndarray, axes, unit: str):
    """Kernels or maps [n, height, width] on one scale: red positive, blue negative, white zero."""
    bound = float(np.abs(images).max()) or 1.0
    look = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}  # safe for the colour-blind
    first = np.ravel(digit_grid(images, range(1, len(images) + 1), axes, **look))[0]
    scale = {"label": unit, "pad": 0.02, "fraction": 0.03}
    first.figure.colorbar(first.images[0], ax=np.ravel(axes), **scale).outline.set_visible(False)
    return axes


def pixel_histogram(images: np.ndarray, ax: Axes) -> Axes:
    """How often each grey value of images, uint8 [n, 28, 28], occurs: bins of 8, log axis."""
    shares = np.bincount(images.ravel(), minlength=256) / images.size
    look = {"color": SKY, "edgecolor": "white", "log": True}
    ax.hist(np.arange(256), 32, range=(0, 256), weights=shares, **look)
    ax.set(xlabel="pixel value", ylabel="share of pixels", xlim=(0, 256), xticks=range(0, 257, 64))
    percent_axis(ax.yaxis)
    ax.grid(visible=False, axis="x")
    text = f"{percent(shares[0], 1)} are exactly 0\n{percent(shares[255], 1)} are exactly 255"
    ax.text(0.5, 0.95, text, transform=ax.transAxes, ha="center", va="top")
    return ax


def class_balance(train_labels: np.ndarray, test_labels: np.ndarray, ax: Axes) -> Axes:
    """Share of each digit among the labels, integers [n], of both sets, beside a tenth."""
    shares = pd.DataFrame()
    for name, labels in (("training", train_labels), ("test", test_labels)):
        counts = np.bincount(labels, minlength=10)
        shares[f"{name} (n = {len(labels):,})"] = counts / len(labels)
    look = {"color": [TRAIN, TEST], "edgecolor": "white", "width": 0.8, "rot": 0}
    shares.plot.bar(ax=ax, xlabel="digit", ylabel="share of images", **look)
    ax.axhline(0.1, color=MUTED, linewidth=1, linestyle="--")
    ax.set_ylim(top=1.25 * ax.get_ylim()[1])  # room for the legend
    ax.grid(visible=False, axis="x")
    ax.legend(ncols=2, loc="upper right")
    percent_axis(ax.yaxis)
    return ax


def embedding(points: np.ndarray, labels: np.ndarray, ax: Axes) -> Axes:
    """Digits as points [n, 2] of a plane, each class of labels [n] named where it is densest."""
    palette = np.array(color_palette("colorblind", 10))  # ten are too many: names carry the meaning
    ax.scatter(*points.T, s=5, c=palette[labels], alpha=0.6, linewidths=0, rasterized=True)
    look = {"fontsize": 15, "fontweight": "bold", "ha": "center", "va": "center"}
    look["path_effects"] = [patheffects.withStroke(linewidth=3.5, foreground="white")]
    for digit in np.unique(labels):
        island = points[labels == digit]
        apart = np.linalg.norm(island[:, None] - island, axis=-1)  # [n, n]
        reach = np.sort(apart, axis=1)[:, len(island) // 4]  # to the nearest quarter of its class
        ax.text(*island[reach.argmin()], str(digit), **look)
    ax.set_aspect("equal", adjustable="datalim")
    return bare(ax)
