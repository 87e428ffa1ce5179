"""Beyond the test digits: how far a digit may be distorted until networks no longer read it.

Each kind of distortion changes images float32 [n, 1, 28, 28] in [0, 1], 0 is black, by a strength
that is 0 for none, and by draws that are the same for all networks.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, cpu_count, delayed
from statsmodels.stats.multitest import multipletests
from torch import Generator, Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from mnistlib import stats
from mnistlib.base import WEIGHTS
from mnistlib.config import RECIPES
from mnistlib.dataset import MEAN, STD, Digits
from mnistlib.runs import load_weights
from mnistlib.train import initial, one_thread

FINE = 3  # points to a pixel where strokes get thinner or thicker
BINS = 15  # of confidence, in the expected calibration error

Networks = Mapping[str, Mapping[int, nn.Module]]  # by model and seed


def kept(folder: Path = WEIGHTS) -> dict[str, dict[int, nn.Module]]:
    """The networks whose weights lie in a folder, as lenet5/seed-30.safetensors, ready to test."""
    found: dict[str, dict[int, nn.Module]] = {}
    for model, recipe in RECIPES.items():
        for path in sorted((folder / model).glob("seed-*.safetensors")):
            network = initial(recipe, 0)
            load_weights(network, path)
            found.setdefault(model, {})[int(path.stem[5:])] = network.eval()
    return found


def _by_turns(images: Tensor, change: Callable[[Tensor, object], Tensor], values) -> Tensor:
    """Neighbouring images take other values in turn, such as opposite directions."""
    result = torch.empty_like(images)
    for place, value in enumerate(values):
        result[place :: len(values)] = change(images[place :: len(values)], value)
    return result


def _affine(images: Tensor, angle=0.0, shift=(0.0, 0.0), scale=1.0, shear=0.0) -> Tensor:
    bilinear = InterpolationMode.BILINEAR
    return transforms.affine(images, angle, [*shift], scale, [shear, 0.0], bilinear)


def shift(images: Tensor, pixels: float) -> Tensor:
    """Moved left, right, up or down."""
    ways = [(pixels, 0.0), (-pixels, 0.0), (0.0, pixels), (0.0, -pixels)]
    return _by_turns(images, lambda part, way: _affine(part, shift=way), ways)


def rotation(images: Tensor, degrees: float) -> Tensor:
    """Turned about the centre, one way or the other."""
    return _by_turns(images, lambda part, angle: _affine(part, angle), [degrees, -degrees])


def shear(images: Tensor, degrees: float) -> Tensor:
    """Slanted, one way or the other."""
    return _by_turns(images, lambda part, by: _affine(part, shear=by), [degrees, -degrees])


def strokes(images: Tensor, pixels: float) -> Tensor:
    """Strokes thicker by so many pixels at each edge, or thinner: grey dilation and erosion by a
    square, on a grid of FINE points to a pixel."""
    reach, sign = round(FINE * abs(pixels)), 1 if pixels > 0 else -1
    fine = F.interpolate(images, scale_factor=FINE, mode="bilinear")
    return F.avg_pool2d(sign * F.max_pool2d(sign * fine, 2 * reach + 1, 1, reach), FINE)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Smoothed by a Gaussian of this standard deviation, in pixels."""
    return transforms.gaussian_blur(images, 2 * ceil(3 * sigma) + 1, sigma)


def noise(images: Tensor, sigma: float) -> Tensor:
    """Gaussian noise of this standard deviation added, and cut to [0, 1]."""
    drawn = torch.randn(images.shape, generator=Generator().manual_seed(0))
    return (images + sigma * drawn).clamp(0, 1)


def contrast(images: Tensor, lost: float) -> Tensor:
    """Faded towards the image's own mean."""
    return transforms.adjust_contrast(images, 1 - lost)


def _near(images: Tensor, width: float) -> Tensor:
    """Rows and columns, bool [n, 2, 28], of a square around a point drawn near the middle."""
    middle = 8 + 12 * torch.rand((len(images), 2, 1), generator=Generator().manual_seed(0))
    return (torch.arange(28) - middle).abs() < width / 2


def bar(images: Tensor, width: float) -> Tensor:
    """A black bar across the image, lying or standing in turn."""
    near = _near(images, width)
    near[::2, 0], near[1::2, 1] = False, False
    return images.masked_fill((near[:, 0, :, None] | near[:, 1, None, :])[:, None], 0)


def square(images: Tensor, width: float) -> Tensor:
    """A black square."""
    near = _near(images, width)
    return images.masked_fill((near[:, 0, :, None] & near[:, 1, None, :])[:, None], 0)


class Kind(NamedTuple):
    """A kind of distortion."""

    title: str  # with the unit of its strength
    change: Callable[[Tensor, float], Tensor]
    strengths: Sequence[float]  # that are measured, from 0
    trained: bool = False  # whether the regularized network has seen it


THIRDS = [third / FINE for third in range(7)]
KINDS = {
    "shift": Kind("shift, pixels", shift, range(7), True),
    "rotation": Kind("rotation, degrees", rotation, range(0, 61, 10), True),
    "smaller": Kind(
        "smaller by", lambda x, by: _affine(x, scale=1 - by), [*np.arange(6) / 10], True
    ),
    "larger": Kind("larger by", lambda x, by: _affine(x, scale=1 + by), [*np.arange(6) / 10], True),
    "shear": Kind("shear, degrees", shear, range(0, 51, 10), True),
    "thinner": Kind("thinner, pixels an edge", lambda x, by: strokes(x, -by), THIRDS[:4]),
    "thicker": Kind("thicker, pixels an edge", strokes, THIRDS),
    "blur": Kind("blur, σ in pixels", blur, (0, 0.5, 1, 1.5, 2, 3, 4)),
    "noise": Kind("noise, σ of grey", noise, (0, 0.1, 0.2, 0.4, 0.6, 0.8, 1)),
    "contrast": Kind("contrast lost", contrast, (0, 0.3, 0.6, 0.8, 0.9, 0.95)),
    "bar": Kind("black bar, pixels", bar, range(0, 11, 2)),
    "square": Kind("black square, pixels", square, range(0, 15, 2)),
}


def distorted(images: np.ndarray, kind: str, strength: float) -> np.ndarray:
    """Images uint8 [n, 28, 28] distorted: float32 [n, 28, 28] in [0, 1]."""
    plain = torch.from_numpy(images).float().div(255)[:, None]
    return (KINDS[kind].change(plain, float(strength)) if strength else plain)[:, 0].numpy()


@torch.inference_mode()
def probabilities(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """What a network says of images float32 [n, 28, 28] in [0, 1]: float32 [n, 10]."""
    x = torch.from_numpy(images)[:, None].sub(MEAN).div(STD)
    return torch.cat([network(part).softmax(1) for part in x.split(1000)]).numpy()


def curves(networks: Networks, digits: Digits) -> pd.DataFrame:
    """Accuracies on distorted digits: a row for each kind, strength, model and seed."""
    named = [(model, seed, net) for model, each in networks.items() for seed, net in each.items()]
    rows = []
    with one_thread(), Parallel(cpu_count(), "threading") as pool:
        for kind, (_, _, strengths, _) in KINDS.items():
            for strength in strengths:
                images = distorted(digits.images, kind, strength)
                found = pool(delayed(accuracy)(net, images, digits.labels) for *_, net in named)
                rows += [(kind, strength, *who[:2], a) for who, a in zip(named, found, strict=True)]
    return pd.DataFrame(rows, columns=["kind", "strength", "model", "seed", "accuracy"])


def accuracy(network: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images, float32 [n, 28, 28] in [0, 1], that a network reads right."""
    return float((probabilities(network, images).argmax(1) == labels).mean())


def share_words(values: Sequence[float], form: str = "{:.1%}") -> str:
    """A mean over seeds and its 95 % interval in words: "97.1% (96.8% to 97.4%)"."""
    ends = stats.mean_interval(values)
    return f"{form} ({form} to {form})".format(np.mean(values), *ends)


def reaches(frame: pd.DataFrame, level: float) -> pd.Series:
    """The least strength at which accuracy is at `level`, by kind, model and seed: linear between
    strengths, and the greatest one where it stays above."""

    def reach(curve: pd.DataFrame) -> float:
        strengths, values = curve["strength"].to_numpy(float), curve["accuracy"].to_numpy()
        if not (values < level).any():
            return strengths[-1]
        first = max(1, (values < level).argmax())
        return float(
            np.interp(-level, -values[first - 1 : first + 1], strengths[first - 1 : first + 1])
        )

    return frame.groupby(["kind", "model", "seed"])[["strength", "accuracy"]].apply(reach)


def later(frame: pd.DataFrame, level: float, model: str, other: str) -> pd.DataFrame:
    """By kind, how much farther `model` reaches than `other`, as data/plan-beyond.md judges it.

    Columns: trained, difference (mean, in the kind's unit), p_holm, supported.
    """
    reach = reaches(frame, level)
    lines = {}
    for kind, (_, _, strengths, trained) in KINDS.items():
        gains = (reach[kind, model] - reach[kind, other]).dropna()  # of shared seeds
        hundredths = np.rint(100 * gains / strengths[-1]).astype(int)
        lines[kind] = [trained, gains.mean(), stats.sign_flip(hundredths)]
    columns = ["trained", "difference", "p"]
    table = pd.DataFrame.from_dict(lines, orient="index", columns=columns)
    for _, family in table.groupby("trained"):
        table.loc[family.index, "p_holm"] = multipletests(family["p"], method="holm")[1]
    return table.assign(supported=(table["difference"] > 0) & (table["p_holm"] < 0.05))


def calibration(said: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Of probabilities [n, 10] and labels [n]: accuracy; ece, the expected calibration error over
    BINS of equal width (Guo et al., "On calibration of modern neural networks", ICML 2017); brier,
    the mean squared distance from certainty of the label (Brier, Mon. Weather Rev. 78, 1950)."""
    sure, right = said.max(1), said.argmax(1) == labels
    gaps = np.bincount(np.minimum(sure * BINS, BINS - 1).astype(int), right - sure)
    brier = ((said - np.eye(10)[labels]) ** 2).sum(1).mean()
    return {"accuracy": right.mean(), "ece": np.abs(gaps).sum() / len(sure), "brier": brier}
