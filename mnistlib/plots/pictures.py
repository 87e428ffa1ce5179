"""Digits, filters and feature maps as pictures."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mnistlib.plots.style import VERMILLION, bare, percent, slots

SIGNED = "RdBu_r"  # colour-blind safe and white at zero
CLASSES = 10


def digit_grid(
    images: np.ndarray, titles: Sequence[object] | None, axes: Axes | np.ndarray
) -> Axes | np.ndarray:
    """Digits side by side, all on one scale of grey.

    Args:
        images: [n, 28, 28], uint8 or float.
        titles: one for each image, or None.
        axes: at least n; the rest are switched off.

    Raises:
        UserError: fewer axes than images.
    """
    low, high = np.min(images), np.max(images)
    words = [""] * len(images) if titles is None else titles
    for ax, image, word in zip(slots(axes, len(images)), images, words, strict=True):
        bare(ax).imshow(image, vmin=low, vmax=high)
        ax.set_title(str(word), fontsize=9, loc="center", pad=3)
    return axes


def error_gallery(
    images: np.ndarray,
    labels: np.ndarray,
    predictions: np.ndarray,
    confidence: np.ndarray,
    axes: Axes | np.ndarray,
) -> Axes | np.ndarray:
    """Misread digits, each titled "label → prediction" with the confidence in the prediction.

    Args:
        images: [n, 28, 28].
        labels, predictions: integers [n].
        confidence: float [n], the softmax probability of the prediction, 0 to 1.
        axes: at least n; the rest are switched off.

    Raises:
        UserError: fewer axes than images.
    """
    rows = zip(labels, predictions, confidence, strict=True)
    titles = [f"{label} → {guess}\n{_confidence(sure)}" for label, guess, sure in rows]
    digit_grid(images, titles, axes)
    for ax in slots(axes, len(images)):
        ax.title.set_color(VERMILLION)
    return axes


def _confidence(sure: float) -> str:
    """Rounded down, so that only certainty is written as 100 %."""
    return percent(np.floor(1000 * sure) / 1000, 1)


def augmentation_grid(originals: np.ndarray, variants: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """One row a digit: the original, then the distorted versions that training sees.

    Args:
        originals: [n, 28, 28].
        variants: [n, k, 28, 28], on the same scale.
        axes: [n, 1 + k].
    """
    rows = np.concatenate([originals[:, None], variants], axis=1)  # [n, 1 + k, 28, 28]
    digit_grid(rows.reshape(-1, *rows.shape[2:]), None, axes)
    grid = np.reshape(axes, rows.shape[:2])
    grid[0, 0].set_title("original", fontsize=9, loc="center")
    grid[0, 1].set_title("as trained on", fontsize=9, loc="left")
    for ax in grid[:, 0]:
        ax.spines[:].set(color=VERMILLION, linewidth=1.6)
    return axes


def class_means(images: np.ndarray, labels: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Mean (first row) and standard deviation (second row) of each class, pixel by pixel.

    Args:
        images: [n, 28, 28], every class from 0 to 9 present.
        labels: integers [n].
        axes: [2, 10].
    """
    classes = [np.asarray(images[labels == digit], dtype=float) for digit in range(CLASSES)]
    means, spreads = (np.array([f(c, axis=0) for c in classes]) for f in (np.mean, np.std))
    digit_grid(means, range(CLASSES), axes[0])
    digit_grid(spreads, None, axes[1])
    for row, word in zip(axes, ("mean", "standard\ndeviation"), strict=True):
        row[0].set_ylabel(word, rotation=0, ha="right", va="center", fontsize=9)
    return axes


def filters(weights: np.ndarray, axes: Axes | np.ndarray) -> Axes | np.ndarray:
    """A convolution's kernels on one scale: red positive, blue negative, white zero.

    Args:
        weights: float [maps, channels, k, k], such as conv1's [6, 1, 5, 5].
        axes: at least maps × channels, filled map by map.

    Raises:
        UserError: fewer axes than kernels.
    """
    return _signed(weights.reshape(-1, *weights.shape[-2:]), axes, "weight")


def feature_maps(maps: np.ndarray, axes: Axes | np.ndarray) -> Axes | np.ndarray:
    """What a convolution answers to one image, before ReLU: red positive, blue negative.

    Args:
        maps: float [maps, height, width], of one image.
        axes: at least as many as maps.

    Raises:
        UserError: fewer axes than maps.
    """
    return _signed(maps, axes, "response")


def _signed(pictures: np.ndarray, axes: Axes | np.ndarray, unit: str) -> Axes | np.ndarray:
    bound = float(np.abs(pictures).max()) or 1.0
    used = slots(axes, len(pictures))
    for number, (ax, picture) in enumerate(zip(used, pictures, strict=True), start=1):
        drawn = bare(ax).imshow(picture, cmap=SIGNED, vmin=-bound, vmax=bound)
        ax.set_title(str(number), fontsize=9, loc="center", pad=3)
    bar = used[0].figure.colorbar(drawn, ax=np.ravel(axes), label=unit, pad=0.02, fraction=0.03)
    bar.outline.set_visible(False)
    return axes
