"""What trained networks say of digits beyond the test digits: distorted, or collected by others.

Judged as data/plan-beyond.md says, which was written before any network was scored on such digits.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, cpu_count, delayed
from statsmodels.stats.multitest import multipletests
from torch import nn
from tqdm.auto import tqdm

from mnistlib import stats
from mnistlib.base import WEIGHTS, DataError
from mnistlib.config import RECIPES
from mnistlib.dataset import Digits
from mnistlib.distortion import KINDS, distorted
from mnistlib.runs import load_weights
from mnistlib.train import initial, one_thread, predict

Networks = Mapping[str, Mapping[int, nn.Module]]  # by model and seed
BINS = 15  # of confidence, in the expected calibration error
PATCH = 7  # pixels, side of the square that occlusion() moves over a digit


def kept(folder: Path = WEIGHTS) -> dict[str, dict[int, nn.Module]]:
    """The networks whose weights lie in a folder, such as lenet5/seed-30.safetensors.
    DataError where a model has none."""
    found: dict[str, dict[int, nn.Module]] = {}
    for model, recipe in RECIPES.items():
        for path in sorted((folder / model).glob("seed-*.safetensors")):
            network = initial(recipe, 0).to(memory_format=torch.channels_last)
            load_weights(network, path)
            found.setdefault(model, {})[int(path.stem.removeprefix("seed-"))] = network
        if model not in found:
            way_out = f"make one with: python -m mnistlib train {model} --seed 30"
            raise DataError(f"{folder / model}: found no weights, such as seed-30; {way_out}")
    return found


def answers(networks: Networks, digits: Digits) -> dict[str, np.ndarray]:
    """What each model says of each digit: probabilities float32 [seeds, n, 10]."""
    with one_thread(), Parallel(cpu_count(), "threading") as pool:
        return {
            model: np.stack(pool(delayed(predict)(network, digits) for network in seeds.values()))
            for model, seeds in networks.items()
        }


def accuracies(said: Mapping[str, np.ndarray], labels: np.ndarray) -> dict[str, np.ndarray]:
    """The share that each network reads right, [seeds] by model; `said` as from answers()."""
    return {model: (of.argmax(2) == labels).mean(1) for model, of in said.items()}


def curves(networks: Networks, digits: Digits) -> pd.DataFrame:
    """Accuracies on distorted digits: a row for each kind, strength, model and seed."""
    each = [(kind, strength) for kind, about in KINDS.items() for strength in about.strengths]
    each = [(kind, strength) for kind, strength in each if strength]
    rows = [(kind, 0, *row[2:]) for row in _scores(networks, digits, "shift", 0) for kind in KINDS]
    with one_thread(), Parallel(cpu_count(), "threading", return_as="generator") as pool:
        found = pool(delayed(_scores)(networks, digits, *one) for one in each)
        rows += chain.from_iterable(tqdm(found, "distortions", len(each), leave=False))
    return pd.DataFrame(rows, columns=["kind", "strength", "model", "seed", "accuracy"])


def _scores(networks: Networks, digits: Digits, kind: str, strength: float) -> list[tuple]:
    changed = distorted(digits, kind, strength)
    return [
        (kind, strength, model, seed, (predict(net, changed).argmax(1) == changed.labels).mean())
        for model, seeds in networks.items()
        for seed, net in seeds.items()
    ]


def reaches(frame: pd.DataFrame, level: float) -> pd.Series:
    """The least strength at which accuracy is at `level`, by kind, model and seed: linear between
    strengths, and the greatest one where it stays above. `frame` is as from curves()."""

    def reach(curve: pd.DataFrame) -> float:
        strengths, values = curve["strength"].to_numpy(float), curve["accuracy"].to_numpy()
        below = np.flatnonzero(values < level)
        if not len(below):
            return strengths[-1]
        ends = [below[0], max(0, below[0] - 1)]  # of the line that crosses the level
        return float(np.interp(level, values[ends], strengths[ends]))

    return frame.groupby(["kind", "model", "seed"])[["strength", "accuracy"]].apply(reach)


def later(frame: pd.DataFrame, level: float, model: str, other: str) -> pd.DataFrame:
    """By kind, how much farther `model` reaches than `other`, judged as planned.

    Columns: trained, difference (mean over shared seeds, in the kind's unit), low, high (its
    interval over seeds), p_holm, verdict ("farther", which supports the claim, "less far" or "not
    shown").
    """
    reach, lines = reaches(frame, level), {}
    for kind, (_, _, strengths, trained) in KINDS.items():
        gains = (reach[kind, model] - reach[kind, other]).dropna()
        hundredths = np.rint(100 * gains / strengths[-1]).astype(int)
        p = stats.sign_flip(hundredths)
        lines[kind] = trained, gains.mean(), *stats.mean_interval(gains), p
    columns = ["trained", "difference", "low", "high", "p"]
    table = pd.DataFrame.from_dict(lines, orient="index", columns=columns)
    for _, family in table.groupby("trained"):
        table.loc[family.index, "p_holm"] = multipletests(family["p"], method="holm")[1]
    word = np.where(table["difference"] > 0, "farther", "less far")
    return table.assign(verdict=np.where(table["p_holm"] < 0.05, word, "not shown"))


def calibration(said: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Of probabilities [n, 10] and labels [n]: ece, the expected calibration error over BINS of
    equal width (Guo et al., "On calibration of modern neural networks", ICML 2017); brier, the mean
    squared distance from certainty of the label (Brier, Mon. Weather Rev. 78, 1950)."""
    sure, right = said.max(1), said.argmax(1) == labels
    gaps = np.bincount(np.minimum(sure * BINS, BINS - 1).astype(int), right - sure)
    brier = ((said - np.eye(10)[labels]) ** 2).sum(1).mean()
    return {"ece": float(np.abs(gaps).sum() / len(sure)), "brier": float(brier)}


def occlusion(network: nn.Module, image: np.ndarray, label: int) -> np.ndarray:
    """How much of the label's probability is lost when a black square of PATCH pixels hides the
    part around each pixel of an image uint8 [28, 28]: float32 [28, 28] (Zeiler, Fergus,
    "Visualizing and understanding convolutional networks", ECCV 2014, section 4.2)."""
    near = np.abs(np.arange(28)[:, None] - np.arange(28)) <= PATCH // 2  # [middle, pixel]
    hidden = near[:, None, :, None] & near[None, :, None, :]  # [28, 28, 28, 28]
    images = np.where(hidden, 0, image).reshape(-1, 28, 28)
    images = np.concatenate([image[None], images])
    labels = np.full(len(images), label)
    said = predict(network, Digits(images, labels, "hidden in part"))[:, label]
    return (said[0] - said[1:]).reshape(28, 28)


def features(network: nn.Module, digits: Digits) -> np.ndarray:
    """What the last linear layer of a network is given for each digit: float32 [n, width]."""
    last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    seen = []
    hook = last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        predict(network, digits)
    finally:
        hook.remove()
    return torch.cat(seen).numpy()


def mean_words(values: Sequence[float], decimals: int = 1, percent: bool = True) -> str:
    """A mean over seeds and its 95 % interval in words: "97.1 % (96.8 to 97.4)"."""
    scale, unit = (100, " %") if percent else (1, "")
    found = [np.mean(values), *stats.mean_interval(values)]
    mean, low, high = (f"{scale * value:.{decimals}f}" for value in found)
    return f"{mean}{unit} ({low} to {high})"
