"""Records of training runs: one small JSON file each, found again by what was run."""

import json
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mnistlib.config import Recipe
from mnistlib.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds")


@dataclass(frozen=True)
class Run:
    """What one training run was, did and answered.

    Attributes:
        recipe: how the network was trained.
        seed: governs initial weights, order and distortions alike.
        dataset: name, n_train, n_test and fingerprint of the digits.
        history: five lists, one value an epoch: CURVES (losses in nats per image, accuracies as
            fractions, seconds of training and testing).
        predictions: the final answer for each test image, one digit each, in the test set's order.
        mistakes: the label of each image that was misread, by its index in the test set as text;
            with it a record can be checked, and compared with others, where the digits are not.
        versions: of Python and the libraries.
        device: the kind of processor, "cpu" or a GPU's name.
        threads: of torch on the CPU; results depend on it in the last bits.
    """

    recipe: Recipe
    seed: int
    dataset: dict
    history: dict
    predictions: str
    mistakes: dict
    versions: dict
    device: str
    threads: int

    def __post_init__(self) -> None:
        lengths = {len(self.history[curve]) for curve in CURVES}
        if lengths != {self.recipe.epochs}:
            raise DataError(f"history has {lengths} epochs, expected {self.recipe.epochs}")
        if not re.fullmatch("[0-9]+", self.predictions):
            raise DataError("predictions must be a string of digits, one for each test image")
        n = self.dataset["n_test"]
        if len(self.predictions) != n:
            raise DataError(f"{len(self.predictions)} predictions for {n} test images")
        if any(int(self.predictions[int(i)]) == label for i, label in self.mistakes.items()):
            raise DataError("an image is listed as misread with the label that was predicted")
        if round((1 - self.accuracy) * n) != len(self.mistakes):
            raise DataError(f"{len(self.mistakes)} mistakes do not fit accuracy {self.accuracy}")

    @property
    def key(self) -> str:
        """sha256 over recipe, seed and digits: what was run, not what came out."""
        return key(self.recipe, self.seed, self.dataset["fingerprint"])

    @property
    def accuracy(self) -> float:
        """Test accuracy after the last epoch, as a fraction."""
        return self.history["test_accuracy"][-1]

    @property
    def answers(self) -> np.ndarray:
        """The predictions as int64 [n_test]."""
        return np.frombuffer(self.predictions.encode(), np.uint8).astype(np.int64) - ord("0")

    @property
    def labels(self) -> np.ndarray:
        """The test images' labels, int64 [n_test]: the answers, with the mistakes put right."""
        labels = self.answers
        for index, label in self.mistakes.items():
            labels[int(index)] = label
        return labels

    @property
    def correct(self) -> np.ndarray:
        """Whether each test image was read right, bool [n_test]."""
        return self.answers == self.labels


def key(recipe: Recipe, seed: int, fingerprint: str) -> str:
    """The key of a run before it is made.

    Values that equal Recipe's defaults do not enter, so that a value that a later version adds
    leaves the keys of earlier runs as they are.
    """
    canonical = json.dumps([_differences(recipe), seed, fingerprint], sort_keys=True)
    return sha256(canonical.encode()).hexdigest()


def _differences(recipe: Recipe) -> dict:
    default = asdict(Recipe())
    return {name: value for name, value in asdict(recipe).items() if value != default[name]}


def filename(run: Run) -> str:
    """The name of a run's file: its model and seed for people, its key for us."""
    return f"{run.recipe.model}-seed{run.seed}-{run.key[:12]}.json"


def save(run: Run, folder: str | Path) -> Path:
    """Write a run into `folder` (made if missing) under its own name, whole or not at all."""
    path = Path(folder) / filename(run)
    record = {"format": FORMAT, "key": run.key, **asdict(run)}
    write(path, (json.dumps(record, indent=1) + "\n").encode())
    return path


def write(path: Path, content: bytes) -> None:
    """Put a file in place in one step: a reader sees the old one or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: str | Path) -> Run:
    """Read one run.

    Raises:
        DataError: the file is no record of a run, or its content does not belong to its key.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        names = [field.name for field in fields(Run) if field.name != "recipe"]
        run = Run(Recipe(**record["recipe"]), **{name: record[name] for name in names})
        intact = record["format"] == FORMAT and record["key"] == run.key
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(
            f"{path}: no record of a run ({error}); delete it and train again"
        ) from error
    if not intact:
        raise DataError(f"{path}: its key is not that of its recipe, seed and digits; delete it")
    return run


def load_all(folder: str | Path) -> list[Run]:
    """All runs in `folder`, ordered by model, then seed, then key; none if there is no folder."""
    runs = [load(path) for path in Path(folder).glob("*.json")]
    return sorted(runs, key=lambda run: (run.recipe.model, run.seed, run.key))


def latest(runs: Iterable[Run], model: str) -> Run:
    """The run of `model` with the lowest seed.

    Raises:
        DataError: there is none; says how to make one.
    """
    for run in runs:
        if run.recipe.model == model:
            return run
    raise DataError(f"no run of {model} found; make one with: python -m mnistlib train {model}")


def history_frame(runs: Iterable[Run]) -> "pd.DataFrame":
    """One row an epoch: model, seed, epoch (from 1) and the five CURVES."""
    import pandas as pd

    frames = [
        pd.DataFrame(run.history).assign(
            model=run.recipe.model, seed=run.seed, epoch=range(1, run.recipe.epochs + 1)
        )
        for run in runs
    ]
    columns = ["model", "seed", "epoch", *CURVES]
    return (
        pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
    )


def summary_frame(runs: Iterable[Run]) -> "pd.DataFrame":
    """One row a run: model, seed, epochs, last value of each curve, median seconds an epoch."""
    import pandas as pd

    rows = [
        {
            "model": run.recipe.model,
            "widths": run.recipe.widths if run.recipe.model == "mlp" else "",
            "seed": run.seed,
            "epochs": run.recipe.epochs,
            **{curve: run.history[curve][-1] for curve in CURVES[:4]},
            "seconds": float(np.median(run.history["seconds"])),
            "key": run.key[:12],
        }
        for run in runs
    ]
    return pd.DataFrame(rows)
