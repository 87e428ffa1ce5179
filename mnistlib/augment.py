"""Affine and elastic distortion of whole batches: every image its own draw, all in tensors.

The affine part rotates, shifts, scales and shears; the elastic part moves each pixel by a smooth
random field. Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks
applied to visual document analysis", ICDAR 2003, section 2; its field is white noise smoothed by a
Gaussian, ours is the same sum of Gaussians on a coarser grid, which costs a tenth.
"""

from dataclasses import astuple, dataclass
from functools import cache

import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812

from mnistlib.base import pick
from mnistlib.config import AUGMENTATIONS


@dataclass(frozen=True)
class Strength:
    """How far a digit may be distorted; each amount is drawn uniformly from ± its bound.

    Attributes:
        degrees: rotation.
        pixels: shift along each axis.
        scale: relative change of size along each axis.
        shear: horizontal shift per unit of height.
        elastic: standard deviation of a pixel's elastic displacement, in pixels.
    """

    degrees: float = 12.0
    pixels: float = 2.0
    scale: float = 0.12
    shear: float = 0.1
    elastic: float = 0.6

    def times(self, factor: float) -> "Strength":
        """All bounds multiplied by `factor`."""
        return Strength(*(factor * bound for bound in astuple(self)))


DEFAULT = Strength()
SPACING = 4  # pixels between the points at which the elastic field is drawn
SMOOTHNESS = 4.0  # pixels, standard deviation of the Gaussians; sigma of Simard et al.


def distort(
    images: Tensor, kind: str, generator: Generator, strength: Strength = DEFAULT
) -> Tensor:
    """Distort each image by its own draw; what comes in from outside the image is 0 (black).

    Images float32 [b, 1, n, n] with values in [0, 1], before normalisation; returns the same shape.
    `kind` is a name in config.AUGMENTATIONS, `generator` lives on the images' device.

    Raises:
        UserError: no such kind; lists the valid names.
    """
    if pick("augmentation", kind, AUGMENTATIONS) == "none":
        return images
    b, n = len(images), images.shape[-1]
    grid = F.affine_grid(_affine(b, n, strength, generator), (b, 1, n, n), align_corners=False)
    if kind == "affine+elastic":
        grid = grid + _elastic(b, n, strength, generator)
    return F.grid_sample(images, grid, align_corners=False)  # [b, 1, n, n]


def _uniform(shape: tuple[int, ...], bound: float, generator: Generator) -> Tensor:
    draw = torch.rand(shape, generator=generator, device=generator.device)
    return (draw * 2 - 1) * bound


def _affine(b: int, n: int, strength: Strength, generator: Generator) -> Tensor:
    """[b, 2, 3]: for every output position, where in the input to look, in units of half an image.

    The matrix is rotation × shear × scale.
    """
    angle = torch.deg2rad(_uniform((b,), strength.degrees, generator))
    shear = _uniform((b,), strength.shear, generator)
    scale = 1 + _uniform((2, b), strength.scale, generator)
    shift = _uniform((b, 2), strength.pixels * 2 / n, generator)
    cos, sin = angle.cos(), angle.sin()
    columns = [cos * scale[0], (cos * shear - sin) * scale[1]]
    columns += [sin * scale[0], (sin * shear + cos) * scale[1]]
    matrix = torch.stack(columns, 1).view(b, 2, 2)
    return torch.cat([matrix, shift.unsqueeze(2)], 2)


def _elastic(b: int, n: int, strength: Strength, generator: Generator) -> Tensor:
    """[b, n, n, 2]: smooth random displacements in units of half an image."""
    bumps = _bumps(n).to(generator.device)  # [n, k]
    k = bumps.shape[1]
    noise = torch.randn((b, 2, k, k), generator=generator, device=generator.device)
    field = bumps @ noise @ bumps.T  # [b, 2, n, n]
    return field.permute(0, 2, 3, 1) * (strength.elastic * 2 / n)


@cache
def _bumps(n: int) -> Tensor:
    """[n, k]: Gaussians around k points, scaled so that the field has unit variance everywhere."""
    centres = torch.arange(-SPACING, n + SPACING + 1, SPACING, dtype=torch.float32)
    distance = torch.arange(n, dtype=torch.float32).unsqueeze(1) - centres
    bumps = torch.exp(-0.5 * (distance / SMOOTHNESS) ** 2)
    return bumps / bumps.norm(dim=1, keepdim=True)
