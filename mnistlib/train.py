"""fit(): one training run from a recipe, a seed and digits to its record."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from math import isfinite

import numpy as np
import torch
from torch import Generator, nn
from tqdm.auto import tqdm

from mnistlib.augment import DEFAULT
from mnistlib.batches import Batches
from mnistlib.config import Recipe
from mnistlib.dataset import DigitData, Digits
from mnistlib.errors import TrainingError, UserError
from mnistlib.loops import TEST_BATCH, predict, test, train
from mnistlib.model import build
from mnistlib.optimizers import make_average, make_optimizer, make_schedule
from mnistlib.runs import CURVES, Run

__all__ = ["fit", "initial", "pick_device", "predict", "test", "train"]


def initial(recipe: Recipe, seed: int) -> nn.Module:
    """The untrained network that fit() starts from with this recipe and seed."""
    knobs = {
        "mlp": {"widths": tuple(map(int, recipe.widths.split("-")))},
        "lenet5_reg": {"dropout": recipe.dropout, "batch_norm": recipe.batch_norm},
    }
    with torch.random.fork_rng():
        torch.manual_seed(stream(seed, "weights"))
        return build(recipe.model, **knobs.get(recipe.model, {}))


def stream(seed: int, purpose: str) -> int:
    """A seed of its own for each source of randomness, so that one does not shift another."""
    return int.from_bytes(sha256(f"{seed} {purpose}".encode()).digest()[:8], "big") >> 1


def pick_device(device: str = "auto") -> torch.device:
    """The named device, or with "auto" a GPU if there is one.

    Raises:
        UserError: the device is not known or not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
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
) -> Run:
    """Train by `recipe` from `seed`, test after each epoch, and record the last epoch as result.

    The seed governs initial weights, order, distortions and dropout, each by a stream of its own;
    the same seed on the same machine with the same threads gives the same bits.

    Args:
        recipe: what to do.
        data: the training split is trained on; the test split is only looked at.
        seed: any integer from 0.
        model: trained in place and left with the weights that were scored; by default
            initial(recipe, seed).
        device: "auto", "cpu", "cuda", …
        threads: of torch on the CPU while training; by default as many as torch has now.
        progress: show a bar with rate and time to go.
        on_epoch: called with the epoch's number (from 1) and its values by the names in CURVES.

    Raises:
        TrainingError: the loss is no longer finite.
        UserError: the device is not there.
    """
    device = pick_device(device)
    threads = threads or torch.get_num_threads()
    model = initial(recipe, seed) if model is None else model
    with _threads(threads), torch.random.fork_rng(), _bar(recipe, data, progress) as bar:
        torch.manual_seed(stream(seed, "dropout"))
        course = _Course(recipe, data, seed, model.to(device), device, bar)
        history = _train_epochs(course, recipe, on_epoch)
        predictions = predict(course.finish(), data.test).argmax(1)
    return Run(
        recipe=recipe,
        seed=seed,
        dataset=_facts(data),
        history=history,
        predictions="".join(map(str, predictions)),
        mistakes=_mistakes(predictions, data.test.labels),
        versions={"python": platform.python_version(), "torch": torch.__version__},
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        threads=threads,
    )


class _Course:
    """All that a run needs from its first epoch to its last."""

    def __init__(self, recipe, data, seed, model, device, bar) -> None:
        # the batch is the outer and the channel the inner dimension: what the kernels like best
        self.model, self.device, self.bar = model.to(memory_format=torch.channels_last), device, bar
        self.batches = training_batches(recipe, data.train, seed, device)
        self.tests = Batches(data.test, TEST_BATCH, device)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        self.optimizer = make_optimizer(recipe, model)
        self.schedule = make_schedule(recipe, self.optimizer, len(self.batches))
        self.average = make_average(recipe, model)

    @property
    def scored(self) -> nn.Module:
        return self.model if self.average is None else self.average.module

    def after_step(self, size: int) -> None:
        if self.schedule is not None:
            self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.bar.update(size)

    def epoch(self) -> dict:
        start = time.perf_counter()
        trained = train(
            self.model, self.batches, self.device, self.criterion, self.optimizer, self.after_step
        )
        tested = test(self.scored, self.tests, self.device, nn.CrossEntropyLoss())
        return dict(zip(CURVES, (*trained, *tested, time.perf_counter() - start), strict=True))

    def finish(self) -> nn.Module:
        self.model.load_state_dict(self.scored.state_dict())
        return self.model


def _train_epochs(course: _Course, recipe: Recipe, on_epoch) -> dict:
    history = {curve: [] for curve in CURVES}
    for number in range(1, recipe.epochs + 1):
        values = course.epoch()
        _expect_finite(number, values, recipe)
        for curve in CURVES:
            history[curve].append(values[curve])
        course.bar.set_postfix_str(f"test accuracy {values['test_accuracy']:.2%}")
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


def training_batches(recipe: Recipe, digits: Digits, seed: int, device) -> Batches:
    """The batches that fit() trains on, with their own streams for order and distortion."""
    order = Generator().manual_seed(stream(seed, "order"))
    distortion = Generator(device).manual_seed(stream(seed, "distortion"))
    strength = DEFAULT.times(recipe.distortion)
    return Batches(digits, recipe.batch_size, device, order, recipe.augment, distortion, strength)


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
    return tqdm(
        total=total, unit=" images", desc=recipe.model, disable=not progress, unit_scale=True
    )


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
