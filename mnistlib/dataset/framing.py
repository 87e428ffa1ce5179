"""Digits that others wrote or collected, brought into the form that MNIST's have."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits

from mnistlib.base import UserError, pick
from mnistlib.dataset.digits import Digits
from mnistlib.dataset.torch_dataset import MNIST

BOX = 20  # pixels of the longer side of a digit, of 28
INK = 0.1  # share of the darkest ink below which a pixel counts as paper
STEPS = ("resized", "fitted", "centred")  # what is done, each after those before it


def framed(ink: np.ndarray, step: str = "centred") -> np.ndarray:
    """A grey picture of one digit [h, w], more is more ink, as uint8 [28, 28].

    As MNIST's were made (LeCun et al. 1998, section III-A): cropped to its ink, *fitted* into 20×20
    pixels with its shape kept, grey values stretched to 0–255, and *centred* by its centre of mass.
    "resized" only brings the picture as a whole to 28×28. An empty picture stays empty; centring
    may push ink of a lopsided one out of the frame. UserError for another step.
    """
    ink = np.asarray(ink, np.float32)
    pick("step", step, STEPS)
    if not ink.any():
        return np.zeros((28, 28), np.uint8)
    if step == "resized":
        return _stretched(_resized(ink, (28, 28)))
    left, top, right, bottom = Image.fromarray(ink > INK * ink.max()).getbbox()
    ink = ink[top:bottom, left:right]
    size = np.maximum(1, np.rint(np.array(ink.shape) * BOX / max(ink.shape))).astype(int)
    room = 28 - size
    digit = np.pad(_resized(ink, size), [(r // 2, r - r // 2) for r in room])
    if step == "centred":
        off = 14 - np.array(ndimage.center_of_mass(digit))
        digit = ndimage.shift(digit, np.rint(off), order=0)
    return _stretched(digit)


def _resized(ink: np.ndarray, size) -> np.ndarray:
    height, width = (int(side) for side in size)
    return np.array(Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)).clip(0)


def _stretched(ink: np.ndarray) -> np.ndarray:
    return np.rint(255 * ink / ink.max()).astype(np.uint8)


def collected(step: str = "centred") -> Digits:
    """1,797 digits of 8×8 pixels and 17 grey values, from 13 people (E. Alpaydin, C. Kaynak,
    "Optical recognition of handwritten digits", UCI, 1998), framed as far as `step`."""
    found = load_digits()
    images = np.stack([framed(image, step) for image in found.images])
    return Digits(images, found.target.astype(np.int64), f"scikit-learn's digits, {step}")


def others(path: str | Path) -> list[Digits]:
    """Somebody's own digits, as MNIST(path) reads them: as they are, and framed; none for "".
    DataError where they are not digits; UserError for what is no path."""
    if not isinstance(path, str | Path):
        raise UserError("expected the path of a tar or a folder")
    if not path:
        return []
    found = MNIST(path).digits
    images = np.stack([framed(image) for image in found.images])
    return [found, Digits(images, found.labels, f"{found.name}, framed")]
