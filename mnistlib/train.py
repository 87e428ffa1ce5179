"""Training: the assignment's train() and test(), and fit() which makes a whole run of them."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from math import isfinite

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from mnistlib.batches import Batches
from mnistlib.config import Recipe
from mnistlib.dataset import DigitData, Digits
from mnistlib.errors import TrainingError, UserError
from mnistlib.model import build
from mnistlib.runs import CURVES, Run

TEST_BATCH = 1000
EMA_DECAY = 0.998  # an average over about the last 500 steps, half an epoch


def train(model, trn_loader, device, criterion, optimizer, after_step=None):
    """Train for one epoch.

    Args:
        model: any network from images to logits [b, 10].
        trn_loader: any iterable of (images, labels), such as a DataLoader.
        device: where to compute.
        criterion: a loss of logits and labels, averaged or summed over the batch.
        optimizer: of the model's parameters.
        after_step: called after each step with the batch's size.

    Returns:
        trn_loss: average loss per image over the epoch, each batch weighed by its size.
        acc: accuracy over the same images, as a fraction, each image judged just before its step.

    Raises:
        UserError: the loader is empty.
    """
    model.train()
    tally = _Tally(criterion)
    for images, labels in trn_loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad(set_to_none=True)
        logits = model(images)  # [b, 10]
        loss = criterion(logits, labels)
        loss.backward()
        optimizer.step()
        tally.add(loss.detach(), logits.detach(), labels)
        if after_step is not None:
            after_step(len(labels))
    return tally.result()


@torch.inference_mode()
def test(model, tst_loader, device, criterion):
    """Test without training: dropout is off and batch norm uses its running statistics.

    Args and returns as in train(): (tst_loss, acc), average loss per image and accuracy.

    Raises:
        UserError: the loader is empty.
    """
    model.eval()
    tally = _Tally(criterion)
    for images, labels in tst_loader:
        images, labels = images.to(device), labels.to(device)
        logits = model(images)  # [b, 10]
        tally.add(criterion(logits, labels), logits, labels)
    return tally.result()


test.__test__ = False  # the assignment's name for it; not a test of ours


class _Tally:
    """Sums of losses and hits over an epoch, kept on the device: no step waits for a number."""

    def __init__(self, criterion) -> None:
        self.summed = getattr(criterion, "reduction", "mean") == "sum"
        self.loss, self.hits, self.n = 0.0, 0, 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        self.loss += loss.double() * (1 if self.summed else len(labels))
        self.hits += (logits.argmax(1) == labels).sum()
        self.n += len(labels)

    def result(self) -> tuple[float, float]:
        if self.n == 0:
            raise UserError("the loader is empty; expected at least one batch of images and labels")
        return float(self.loss) / self.n, int(self.hits) / self.n


def initial(recipe: Recipe, seed: int) -> nn.Module:
    """The untrained network that fit() starts from with this recipe and seed."""
    knobs = {
        "mlp": {"widths": tuple(map(int, recipe.widths.split("-")))},
        "lenet5_reg": {"dropout": recipe.dropout},
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
        predictions = predict(course.finish(), data.test, device).argmax(1)
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
        self.schedule = _make_schedule(recipe, self.optimizer, len(self.batches))
        ema = get_ema_multi_avg_fn(EMA_DECAY)
        averaged = recipe.averaging == "ema"
        self.average = (
            AveragedModel(model, multi_avg_fn=ema, use_buffers=True) if averaged else None
        )

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
    return Batches(digits, recipe.batch_size, device, order, recipe.augment, distortion)


def make_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer over the model's parameters."""
    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "fused": True}
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), betas=(recipe.momentum, 0.999), **common)
    return torch.optim.SGD(
        model.parameters(), momentum=recipe.momentum, nesterov=recipe.nesterov, **common
    )


def _make_schedule(recipe: Recipe, optimizer, steps: int) -> OneCycleLR | None:
    """Smith, "Super-convergence", 2018: up to the peak in 30 % of the steps, then down to 0."""
    if recipe.schedule == "constant":
        return None
    total = recipe.epochs * steps
    return OneCycleLR(optimizer, recipe.learning_rate, total, cycle_momentum=False)


@torch.inference_mode()
def predict(model: nn.Module, digits: Digits, device: torch.device | str = "cpu") -> np.ndarray:
    """Probabilities float32 [n, 10] of the classes for each digit, in order."""
    model.eval()
    parts = [model(x).softmax(1).cpu() for x, _ in Batches(digits, TEST_BATCH, device)]
    return torch.cat(parts).numpy()


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
