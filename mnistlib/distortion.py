"""Kinds of distortion whose strength grows from none to strong.

Each changes images float32 [n, 1, 28, 28] in [0, 1], 0 is black, by a strength that is 0 for none.
What is drawn is the same each time; what has directions takes them in turn.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from mnistlib.base import pick, within
from mnistlib.dataset import Digits

FINE = 3  # points to a pixel where strokes get thinner or thicker


def _affine(images: Tensor, *changes: dict) -> Tensor:
    """Neighbouring images get other changes, in turn; bilinear, about the centre."""
    result, still = torch.empty_like(images), {"angle": 0, "translate": [0, 0], "scale": 1}
    for first, change in enumerate(changes):
        part = slice(first, None, len(changes))
        how = {**still, "shear": [0, 0], "interpolation": InterpolationMode.BILINEAR, **change}
        result[part] = transforms.affine(images[part], **how)
    return result


def shift(images: Tensor, pixels: float) -> Tensor:
    """Moved right, left, down or up."""
    ways = [pixels, 0], [-pixels, 0], [0, pixels], [0, -pixels]
    return _affine(images, *({"translate": way} for way in ways))


def rotation(images: Tensor, degrees: float) -> Tensor:
    """Turned one way or the other."""
    return _affine(images, {"angle": degrees}, {"angle": -degrees})


def shear(images: Tensor, degrees: float) -> Tensor:
    """Slanted one way or the other."""
    return _affine(images, {"shear": [degrees, 0]}, {"shear": [-degrees, 0]})


def thicker(images: Tensor, pixels: float) -> Tensor:
    """Strokes thicker by so many pixels at each edge: grey dilation by a square, on a grid of FINE
    points to a pixel. The way there and back also blurs, as a Gaussian of half a pixel does."""
    size = 2 * round(FINE * pixels) + 1
    fine = F.interpolate(images, scale_factor=FINE, mode="bilinear").numpy()
    fine = torch.from_numpy(ndimage.grey_dilation(fine, (1, 1, size, size)))
    return F.avg_pool2d(fine, FINE)


def thinner(images: Tensor, pixels: float) -> Tensor:
    """Strokes thinner by so many pixels at each edge: the background dilated."""
    return 1 - thicker(1 - images, pixels)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Smoothed by a Gaussian of this standard deviation, in pixels."""
    return transforms.gaussian_blur(images, 2 * ceil(3 * sigma) + 1, sigma)


def noise(images: Tensor, sigma: float) -> Tensor:
    """Gaussian noise of this standard deviation added, and cut to [0, 1]."""
    drawn = torch.randn(images.shape, generator=Generator().manual_seed(0))
    return (images + sigma * drawn).clamp(0, 1)


def contrast(images: Tensor, lost: float) -> Tensor:
    """Faded towards the image's own mean by this share."""
    return transforms.adjust_contrast(images, 1 - lost)


def _near(images: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """Rows [n, 1, 28, 1] and columns [n, 1, 1, 28] near a point drawn around the middle."""
    middle = 8 + 12 * torch.rand((len(images), 2, 1), generator=Generator().manual_seed(0))
    near = (torch.arange(28) - middle).abs() < width / 2
    return near[:, None, 0, :, None], near[:, None, 1, None, :]


def bar(images: Tensor, width: float) -> Tensor:
    """A bar of background across the image, lying or standing in turn."""
    rows, columns = _near(images, width)
    rows[1::2], columns[::2] = False, False
    return images.masked_fill(rows | columns, 0)


def square(images: Tensor, width: float) -> Tensor:
    """A square of background."""
    rows, columns = _near(images, width)
    return images.masked_fill(rows & columns, 0)


class Kind(NamedTuple):
    """A kind of distortion."""

    title: str  # with the unit of its strength
    change: Callable[[Tensor, float], Tensor]
    strengths: Sequence[float]  # that are measured, from 0
    trained: float = 0  # up to which strength the regularized network has seen it


TENTHS, THIRDS = (0, 0.1, 0.2, 0.3, 0.4, 0.5), (0, 1 / 3, 2 / 3, 1)
KINDS = {
    "shift": Kind("shift, pixels", shift, range(7), 1),
    "rotation": Kind("rotation, degrees", rotation, (0, 10, 20, 30, 45, 60), 6),
    "smaller": Kind("smaller (share)", lambda x, by: _affine(x, {"scale": 1 - by}), TENTHS, 0.06),
    "larger": Kind("larger (share)", lambda x, by: _affine(x, {"scale": 1 + by}), TENTHS, 0.06),
    "shear": Kind("shear, degrees", shear, range(0, 51, 10), 3),
    "thinner": Kind("thinner, pixels at each edge", thinner, THIRDS),
    "thicker": Kind("thicker, pixels at each edge", thicker, (*THIRDS, 4 / 3, 2)),
    "blur": Kind("blur, σ in pixels", blur, (0, 0.5, 1, 1.5, 2, 4)),
    "noise": Kind("noise, σ of grey from 0 to 1", noise, (0, 0.1, 0.2, 0.4, 0.7, 1)),
    "contrast": Kind("share of contrast lost", contrast, (0, 0.3, 0.6, 0.8, 0.95)),
    "bar": Kind("blank bar, pixels", bar, range(0, 11, 2)),
    "square": Kind("blank square, pixels", square, (0, 2, 4, 6, 9, 14)),
}


def distorted(digits: Digits, kind: str, strength: float) -> Digits:
    """The digits under one of KINDS, rounded to their 256 grey values; UserError where there is no
    such kind, or the strength is beyond its range."""
    _, change, strengths, _ = KINDS[pick("kind of distortion", kind, KINDS)]
    within("strength", strength, 0, strengths[-1])
    images = torch.from_numpy(digits.images).float().div(255)[:, None]
    changed = change(images, float(strength)) if strength else images
    grey = (255 * changed[:, 0].numpy()).round().clip(0, 255).astype(np.uint8)
    return Digits(grey, digits.labels, f"{digits.name}, {kind} {strength:g}")
