"""What training does to batches of digits, and the door by which any technique comes in.

Affine and elastic distortion of whole batches: every image its own draw, all in tensors. Source:
Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to visual
document analysis", ICDAR 2003, section 2; its field is white noise smoothed by a Gaussian, ours is
the same sum of Gaussians on a coarser grid, which costs a tenth.
"""

from collections.abc import Callable
from functools import cache
from inspect import signature
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812

from mnistlib.base import UserError, pick

TECHNIQUES: dict[str, dict] = {}  # by name, the values of a recipe that it changes
AUGMENTATIONS: dict[str, Callable | None] = {"none": None}  # those that act on batches
TAKEN: set[str] = {"none"}  # names of the report's own; config.py adds them
SPACING = 4  # pixels between the points at which the elastic field is drawn
SMOOTHNESS = 4.0  # pixels, standard deviation of the Gaussians; sigma of Simard et al.


def technique(name: str, **values: object) -> Callable[[Callable], Callable]:
    """Make a technique known by `name`: values of a recipe, a function on batches, or both.

    As a statement, `technique("weight decay", weight_decay=1e-4)` names values. As a decorator it
    adds a function of (images, labels, generator), called for each training batch: images float32
    [b, 1, 28, 28] in [0, 1], before normalisation, 0 is black; labels int64 [b]. It returns images
    of that shape, and draws all its chance from the generator, which lives on their device. A
    further parameter `distortion` gets the recipe's value. Records are found again by the name:
    give a technique that you change another one. UserError where it is that of one of the report's.
    """
    if name in TAKEN:
        raise UserError(f"technique {name!r} is there already; give another name")
    TECHNIQUES[name] = values

    def add(function: Callable) -> Callable:
        AUGMENTATIONS[name] = function
        TECHNIQUES[name] = {"augment": name, **values}
        return function

    return add


def distort(
    images: Tensor, labels: Tensor, kind: str, generator: Generator, distortion: float = 1.0
) -> Tensor:
    """What the augmentation named `kind` makes of a batch; "none" leaves it as it is.

    Images, labels, generator as in technique(); `distortion` is how far, relative to Strength's
    bounds. UserError where there is no such augmentation, or it gives images of another shape.
    """
    function = AUGMENTATIONS[pick("augmentation", kind, AUGMENTATIONS)]
    if function is None:
        return images
    far = {"distortion": distortion} if "distortion" in signature(function).parameters else {}
    result = function(images, labels, generator, **far)
    if getattr(result, "shape", None) != images.shape:
        found = list(result.shape) if isinstance(result, Tensor) else type(result).__name__
        raise UserError(f"technique {kind!r} returned {found}, expected {list(images.shape)}")
    return result


class Strength(NamedTuple):
    """How far a digit may be distorted; each amount is drawn uniformly from ± its bound."""

    degrees: float = 12.0  # rotation
    pixels: float = 2.0  # shift along each axis
    scale: float = 0.12  # relative change of size along each axis
    shear: float = 0.1  # horizontal shift per unit of height
    elastic: float = 0.6  # standard deviation of a pixel's elastic displacement, in pixels

    def times(self, factor: float) -> "Strength":
        """All bounds multiplied by `factor`."""
        return Strength(*(factor * bound for bound in self))


DEFAULT = Strength()


@technique("affine", distortion=0.5)
def affine(images: Tensor, labels: Tensor, generator: Generator, distortion: float) -> Tensor:
    """Rotate, shift, scale and shear each image; what comes in from outside is black."""
    return _move(images, generator, DEFAULT.times(distortion), elastic=False)


@technique("affine+elastic", distortion=1.0)
def elastic(images: Tensor, labels: Tensor, generator: Generator, distortion: float) -> Tensor:
    """affine(), and each pixel moved by a smooth random field."""
    return _move(images, generator, DEFAULT.times(distortion), elastic=True)


TAKEN.update(TECHNIQUES)


def _move(images: Tensor, generator: Generator, strength: Strength, elastic: bool) -> Tensor:
    b, n = len(images), images.shape[-1]
    grid = F.affine_grid(_affine(b, n, strength, generator), (b, 1, n, n), align_corners=False)
    if elastic:
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
