"""fit(): one training run from a recipe, a seed and digits to its record."""

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from mnistlib import checkpoints
from mnistlib.base import TrainingError, UserError, stream
from mnistlib.config import Recipe
from mnistlib.course import Course, training_batches
from mnistlib.dataset import DigitData
from mnistlib.loops import predict, test, train
from mnistlib.model import build
from mnistlib.runs import CURVES, Run, key

__all__ = ["fit", "initial", "pick_device", "predict", "test", "train", "training_batches"]


def initial(recipe: Recipe, seed: int) -> nn.Module:
    """The untrained network that fit() starts from with this recipe and seed."""
    knobs = {
        "mlp": {"widths": tuple(map(int, recipe.widths.split("-")))},
        "lenet5_reg": {"dropout": recipe.dropout, "batch_norm": recipe.batch_norm},
    }
    with torch.random.fork_rng():
        torch.manual_seed(stream(seed, "weights"))
        return build(recipe.model, **knobs.get(recipe.model, {}))


def pick_device(device: str = "auto") -> torch.device:
    """The named device, or with "auto" a GPU if there is one.

    Raises:
        UserError: the device is not known or not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=device).item()  # "meta" computes nothing that could be read
        return torch.device(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device {device!r} is not to be had ({reason}); try 'cpu'") from None


def fit(
    recipe: Recipe,
    data: DigitData,
    seed: int = 0,
    *,
    model: nn.Module | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: bool = True,
    on_epoch: Callable[[int, dict], None] | None = None,
    checkpoint: Path | None = None,
) -> Run:
    """Train by `recipe` from `seed`, test after each epoch, and record the last epoch as result.

    The seed governs initial weights, order, distortions and dropout, each by a stream of its own;
    the same seed on the same machine with the same threads gives the same bits.

    Args:
        recipe: what to do.
        data: the training split is trained on; the test split is only looked at.
        seed: any integer from 0.
        model: trained in place and left with the weights that were scored, whatever weights it
            comes with: the run starts from those of initial(recipe, seed), which is the default.
        device: "auto", "cpu", "cuda", …
        threads: of torch on the CPU while training; by default as many as torch has now.
        progress: show a bar with rate and time to go.
        on_epoch: called with the epoch's number (from 1) and its values by the names in CURVES.
        checkpoint: a file that keeps the state after each epoch; if it is there, the run goes on
            from it to the same bits as without a break. It stays, so that a record that cannot be
            saved costs nothing; delete it then.

    Raises:
        TrainingError: the loss is no longer finite.
        UserError: the device is not there, or the model is not of the recipe's shape.
    """
    device = pick_device(device)
    threads = threads or torch.get_num_threads()
    model = _started(model, recipe, seed)
    about = _bits_depend_on(recipe, seed, data, device, threads)
    with _threads(threads), torch.random.fork_rng(), _bar(recipe, data, progress) as bar:
        course = Course(recipe, data, seed, model, device, bar.update)
        history = _train_epochs(course, recipe, bar, on_epoch, checkpoint, about)
        predictions = predict(course.finish(), data.test).argmax(1)
    return Run(
        recipe=recipe,
        seed=seed,
        dataset=_facts(data),
        history=history,
        predictions="".join(map(str, predictions)),
        mistakes=_mistakes(predictions, data.test.labels),
        versions={"python": platform.python_version(), "torch": torch.__version__},
        device=about["device"],
        threads=threads,
    )


def _started(model: nn.Module | None, recipe: Recipe, seed: int) -> nn.Module:
    """A network with a run's first weights: where it was trained before, that has no part in it."""
    first = initial(recipe, seed)
    if model is None:
        return first
    try:
        model.load_state_dict(first.state_dict())
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        way_out = "give initial(recipe, seed)"
        raise UserError(f"the model is not that of the recipe ({reason}); {way_out}") from None
    return model


def _bits_depend_on(recipe: Recipe, seed: int, data: DigitData, device, threads: int) -> dict:
    return {
        "key": key(recipe, seed, data.fingerprint),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": str(threads),
    }


def _train_epochs(course: Course, recipe: Recipe, bar, on_epoch, checkpoint, about) -> dict:
    history = {curve: [] for curve in CURVES}
    if checkpoint is not None:
        history = checkpoints.load(checkpoint, course, about)
    done = len(history["seconds"])
    bar.update(done * len(course.batches.labels))
    for number in range(done + 1, recipe.epochs + 1):
        values = course.epoch()
        _expect_finite(number, values, recipe)
        for curve in CURVES:
            history[curve].append(values[curve])
        if checkpoint is not None:
            checkpoints.save(checkpoint, course, history, about)
        bar.set_postfix_str(f"test accuracy {values['test_accuracy']:.2%}")
        if on_epoch is not None:
            on_epoch(number, values)
    return history


def _expect_finite(number: int, values: dict, recipe: Recipe) -> None:
    losses = values["train_loss"], values["test_loss"]
    if not all(map(isfinite, losses)):
        raise TrainingError(
            f"stopped in epoch {number}: training loss {losses[0]}, test loss {losses[1]}. "
            f"The learning rate {recipe.learning_rate} is too large for this recipe; try a tenth."
        )


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _bar(recipe: Recipe, data: DigitData, progress: bool) -> tqdm:
    total = recipe.epochs * len(data.train)
    # In a notebook each update is several messages, and a reader that waits for the cell's end,
    # as nbval does, keeps 1,000 of them and loses the rest.
    look = {"unit": " images", "unit_scale": True, "mininterval": 2.0}
    return tqdm(total=total, desc=recipe.model, disable=not progress, **look)


def _mistakes(predictions: np.ndarray, labels: np.ndarray) -> dict[str, int]:
    wrong = np.flatnonzero(predictions != labels)
    return {str(index): int(labels[index]) for index in wrong}


def _facts(data: DigitData) -> dict:
    return {
        "name": data.name,
        "n_train": len(data.train),
        "n_test": len(data.test),
        "fingerprint": data.fingerprint,
    }
