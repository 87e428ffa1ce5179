"""Records of training runs: one small JSON file each, found again by what was run."""

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from mnistlib.base import DataError, UserError, shown, write_bytes
from mnistlib.config import Recipe, differences, row_name
from mnistlib.dataset.digits import FILES, FINGERPRINT, digest
from mnistlib.dataset.files import expecting

FORMAT = 1
CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds")
# what JSON, and what stands in it, raises where it is no record
BAD_INPUT = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
             RecursionError)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What one training run was, did and answered; DataError where its parts do not fit."""

    recipe: Recipe  # how the network was trained
    seed: int  # governs initial weights, order and distortions alike
    dataset: dict  # name, n_train, n_test and fingerprint of the digits
    # by CURVES, one value an epoch: losses in nats per image, accuracies as fractions, seconds of
    # training and testing
    history: dict
    predictions: str  # the final answers, one digit for each test image, in the test set's order
    # the label of each image that was misread, by its index in the test set as text: with it a
    # record can be checked, and compared with others, where the digits are not
    mistakes: dict
    versions: dict  # of Python and torch, and the arithmetic that the processor was asked for
    device: str  # the kind of processor, "cpu" or a GPU's name
    threads: int  # of torch on the CPU; results depend on it in the last bits

    def __post_init__(self) -> None:
        epochs, n = self.recipe.epochs, self.dataset["n_test"]
        for curve in CURVES:
            values, high = self.history[curve], 1 if curve.endswith("accuracy") else np.inf
            good = all(0 <= value <= high and value < np.inf for value in values)
            if len(values) != epochs or not good:
                raise DataError(f"{curve} is {shown(values)}, expected {epochs} from 0 to {high}")
        if not re.fullmatch("[0-9]+", self.predictions) or len(self.predictions) != n:
            raise DataError(f"predictions must be a string of {n} digits, one for each test image")
        known = {str(i) for i in range(n)}
        if not all(i in known and label in range(10) for i, label in self.mistakes.items()):
            raise DataError(f"a mistake's index or label is wrong; expected 0 to {n - 1}, 0 to 9")
        if self.correct.sum() != round(self.accuracy * n):
            raise DataError(f"predictions and mistakes do not fit accuracy {self.accuracy}")

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
    changed = {name: value for name, (_, value) in differences(Recipe(), recipe).items()}
    canonical = json.dumps([changed, seed, fingerprint], sort_keys=True)
    return sha256(canonical.encode()).hexdigest()


def place(recipe: Recipe, seed: int) -> Path:
    """Where a run's record lies in its folder, such as lenet5+dropout/seed-03.json."""
    row = re.sub(r" ([+-]) ", r"\1", row_name(recipe))
    return Path(re.sub(r"[^\w+.=-]+", "_", row).strip("_")[:120]) / f"seed-{seed:02}.json"


def unfinished(folder: str | Path, key: str) -> Path:
    """Where the run of this key is put aside while it is made; its record comes into `folder`."""
    return Path(folder) / "unfinished" / f"{key[:12]}.safetensors"


def save(run: Run, folder: str | Path) -> Path:
    """Write a run into `folder` under its row and seed, whole or not at all; returns the path.

    Where another run has that name, such as one on other digits, the key is added to it.
    """
    path = Path(folder) / place(run.recipe, run.seed)
    if path.exists() and f'"key": "{run.key}"' not in path.read_text(errors="replace"):
        path = path.with_name(f"{path.stem}-{run.key[:8]}.json")
    record = {"format": FORMAT, "key": run.key, **asdict(run)}
    return write_bytes(path, (json.dumps(record, indent=1) + "\n").encode())


def load(path: str | Path) -> Run:
    """Read one run.

    DataError where it is no record of a run, one of another format or of a model that is not
    registered, or its content does not fit its key or its accuracy.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise DataError(f"its format is {record['format']!r}, expected {FORMAT}")
        names = [field.name for field in fields(Run) if field.name != "recipe"]
        run = Run(Recipe(**record["recipe"]), **{name: record[name] for name in names})
        if record["key"] != run.key:
            raise DataError("its key is not that of its recipe, seed and digits")
        on_mnist = run.dataset["fingerprint"] == FINGERPRINT  # its labels are known
        if on_mnist and digest(run.labels) != FILES["t10k-labels-idx1-ubyte"]:
            raise DataError("its predictions and mistakes do not fit MNIST's labels")
    except BAD_INPUT as error:
        found = f"no record of a run ({error or type(error).__name__})"
        unknown = str(error).startswith("unknown ")
        way_out = "register what it names first" if unknown else "delete it and train again"
        raise DataError(f"{path}: {found}; {way_out}") from error
    return run


def load_all(folder: str | Path, strict: bool = False) -> list[Run]:
    """All runs in the rows of `folder`, ordered by model, seed, key; none if there is no folder.

    A damaged or foreign file, one of another format, or a second record of the same run is named
    in a warning and left out. DataError where the folder cannot be read, and with `strict`, which
    is for numbers that are published, for such a file as well. What begins with a dot is no record.
    """
    folder, found = Path(folder), {}
    with expecting("a folder of records", folder, "give another"):
        entries = sorted(folder.iterdir()) if folder.exists() else []
    beside = [path for path in entries if path.match("[!.]*.json")]
    for path in [*sorted(folder.glob("*/[!.]*.json")), *beside]:
        try:
            run = load(path)
            if run.key in found:
                raise DataError(f"{path}: repeats {found[run.key][1]}; delete one of them")
            found[run.key] = run, path
        except DataError as error:
            if strict:
                raise
            warnings.warn(f"record left out: {error}", stacklevel=2)
    return sorted((r for r, _ in found.values()), key=lambda r: (r.recipe.model, r.seed, r.key))


def latest(runs: Iterable[Run], model: str) -> Run:
    """The first run of `model`; or a DataError that says how to make one."""
    for run in runs:
        if run.recipe.model == model:
            return run
    raise DataError(f"no run of {model} found; make one with: python -m mnistlib train {model}")


def summary_frame(runs: Iterable[Run]) -> pd.DataFrame:
    """One row a run: the values of its recipe, its seed, and the last of each of CURVES."""
    return pd.DataFrame(
        {**vars(run.recipe), "seed": run.seed, **{name: run.history[name][-1] for name in CURVES}}
        for run in runs
    )


def expect_comparable(rows: Mapping[str, Sequence[Run]]) -> None:
    """Raise UserError unless all runs, given by name, have equal epochs and equal digits."""
    seen: dict[tuple[int, str], str] = {}
    for name, runs in rows.items():
        for run in runs:
            seen.setdefault((run.recipe.epochs, run.dataset["fingerprint"]), name)
    if len(seen) > 1:
        first, second, *_ = (f"{name} ({epochs} epochs)" for (epochs, _), name in seen.items())
        raise UserError(f"{first} and {second} differ in epochs or digits; compare equal ones")


def save_weights(model: nn.Module, run: Run, path: str | Path) -> Path:
    """Write a network's weights, numbers only, with the key of the run that made them."""
    about = {"model": run.recipe.model, "seed": str(run.seed), "run": run.key}
    return write_tensors(path, model.state_dict(), about)


def load_weights(model: nn.Module, path: str | Path) -> str:
    """Fill a network with the weights in a file; returns the key of the run that made them.

    DataError where the file is not safetensors, or its weights are not those of this network.
    """
    try:
        tensors, about = read_tensors(path)
        model.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        kind = type(model).__name__
        raise DataError(f"{path}: no weights of {kind} ({reason}); train it again") from error
    return about.get("run", "")


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], about: dict[str, str]) -> Path:
    """Write tensors by name as one safetensors file, and beside them what `about` says."""
    stored = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    about = {**about, "sha256": _checksum(stored)}
    return write_bytes(Path(path), to_bytes(stored, metadata=about))


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What write_tensors() has written; OSError or SafetensorError where that cannot be read."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = file.metadata() or {}
    if about.get("sha256", "") not in ("", _checksum(tensors)):  # others' files have none
        raise SafetensorError("damaged: its checksum is another")
    return tensors, about


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    parts = (name.encode() + tensors[name].numpy().tobytes() for name in sorted(tensors))
    return sha256(b"".join(parts)).hexdigest()
