"""What trained networks say of digits beyond the test digits: distorted, or collected by others.

Judged as data/plan-beyond.md says, which was written before any network was scored on such digits.
"""

from collections.abc import Iterable, Mapping
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
from mnistlib.comparison import ALPHA
from mnistlib.config import MODELS, ROWS
from mnistlib.dataset import Digits
from mnistlib.distortion import KINDS, distorted
from mnistlib.runs import load_weights, place
from mnistlib.train import initial, one_thread, predict

Networks = Mapping[str, Mapping[int, nn.Module]]  # by model and seed
BATCH = 200  # whose activations stay in a core's cache
BINS = 15  # of confidence, in the expected calibration error
PATCH = 7  # pixels, side of the square that occlusion() moves over a digit


def kept(rows: Iterable[str] = MODELS, folder: Path = WEIGHTS) -> dict[str, dict[int, nn.Module]]:
    """The networks of these rows whose weights lie in a folder, such as lenet5/seed-30.safetensors.
    DataError where a row has none."""
    found: dict[str, dict[int, nn.Module]] = {}
    for row in rows:
        home = folder / place(ROWS[row], 0).parent
        paths = [(path.stem[5:], path) for path in home.glob("seed-*.safetensors")]
        for seed, path in sorted((int(seed), path) for seed, path in paths if seed.isdigit()):
            network = initial(ROWS[row], 0).to(memory_format=torch.channels_last)
            load_weights(network, path)
            found.setdefault(row, {})[seed] = network
        if row not in found:
            way_out = "bring them back with: git checkout data/weights"
            raise DataError(f"{home}: found no weights of any seed; {way_out}")
    return found


def answers(networks: Networks, digits: Digits) -> dict[str, np.ndarray]:
    """What each model says of each digit: probabilities float32 [seeds, n, 10]."""
    with one_thread(), Parallel(cpu_count(), "threading") as pool:
        return {
            model: np.stack(pool(delayed(predict)(net, digits, BATCH) for net in seeds.values()))
            for model, seeds in networks.items()
        }


def accuracies(said: Mapping[str, np.ndarray], labels: np.ndarray) -> dict[str, np.ndarray]:
    """The share that each network reads right, [seeds] by model; `said` as from answers()."""
    return {model: (of.argmax(2) == labels).mean(1) for model, of in said.items()}


def curves(networks: Networks, digits: Digits) -> pd.DataFrame:
    """Accuracies on distorted digits: a row for each kind, strength, model and seed."""
    plain, rows = accuracies(answers(networks, digits), digits.labels), []
    each = [(kind, strength) for kind, about in KINDS.items() for strength in about.strengths]
    for kind, strength in tqdm(each, "distortions", leave=False):
        found = plain
        if strength:
            said = answers(networks, distorted(digits, kind, strength))
            found = accuracies(said, digits.labels)
        for model, values in found.items():
            pairs = zip(networks[model], values, strict=True)
            rows += [(kind, strength, model, seed, value) for seed, value in pairs]
    return pd.DataFrame(rows, columns=["kind", "strength", "model", "seed", "accuracy"])


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

    Columns: trained, difference (mean over shared seeds, in the kind's unit), low, high (all that
    the test can tell of it), p_holm, verdict ("farther", which supports the claim, "less far" or
    "not shown").
    """
    reach, lines = reaches(frame, level), {}
    for kind, (_, _, strengths, trained) in KINDS.items():
        gains = (reach[kind, model] - reach[kind, other]).dropna()
        unit = strengths[-1] / 100
        hundredths = np.rint(gains / unit).astype(int)
        ends = stats.sign_flip_interval(hundredths)
        p = stats.sign_flip(hundredths)
        lines[kind] = trained, gains.mean(), unit * ends.low, unit * ends.high, p
    table = pd.DataFrame(lines, ["trained", "difference", "low", "high", "p"]).T
    for _, family in table.groupby(table["trained"] > 0):
        table.loc[family.index, "p_holm"] = multipletests(family["p"], method="holm")[1]
    word = np.where(table["difference"] > 0, "farther", "less far")
    return table.assign(verdict=np.where(table["p_holm"] < ALPHA, word, "not shown"))


def calibration(said: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Of probabilities [n, 10] and labels [n]: ece, the expected calibration error over BINS of
    equal width (Guo et al., "On calibration of modern neural networks", ICML 2017); brier, the mean
    squared distance from certainty of the label (Brier, Mon. Weather Rev. 78, 1950); too_sure, mean
    confidence less accuracy."""
    sure, right = said.max(1), said.argmax(1) == labels
    gaps = np.bincount(np.minimum(sure * BINS, BINS - 1).astype(int), right - sure)
    brier = ((said - np.eye(10)[labels]) ** 2).sum(1).mean()
    ece = np.abs(gaps).sum() / len(sure)
    return {"ece": float(ece), "brier": float(brier), "too_sure": float((sure - right).mean())}


@one_thread()
def occlusion(network: nn.Module, image: np.ndarray, answer: int) -> np.ndarray:
    """How much of an answer's probability is lost when a blank square of PATCH pixels hides the
    part around each pixel of an image uint8 [28, 28]: float32 [28, 28] (Zeiler, Fergus,
    "Visualizing and understanding convolutional networks", ECCV 2014, section 4.2)."""
    near = np.abs(np.arange(28)[:, None] - np.arange(28)) <= PATCH // 2  # [middle, pixel]
    hidden = near[:, None, :, None] & near[None, :, None, :]  # [28, 28, 28, 28]
    images = np.where(hidden, 0, image).reshape(-1, 28, 28)
    images = np.concatenate([image[None], images])
    labels = np.full(len(images), answer)
    said = predict(network, Digits(images, labels, "hidden in part"))[:, answer]
    return (said[0] - said[1:]).reshape(28, 28)


@one_thread()
def features(network: nn.Module, digits: Digits) -> np.ndarray:
    """What the last linear layer of a network is given for each digit: float32 [n, width]."""
    last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    seen = []
    hook = last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    predict(network, digits)
    hook.remove()
    return torch.cat(seen).cpu().numpy()
