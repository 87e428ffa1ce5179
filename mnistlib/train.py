"""The assignment's train() and test(), and fit(): from recipe, seed and digits to a record."""

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from tqdm.auto import tqdm

from mnistlib.base import TrainingError, UserError, stream
from mnistlib.config import Recipe, differences
from mnistlib.course import TEST_BATCH, Batches, Course
from mnistlib.dataset import DigitData, Digits
from mnistlib.model import LeNet5, build
from mnistlib.runs import CURVES, Run, key

PORTABLE = "4df16cdc010d06898ae8ea69e359ef8c89a4d41ecf433931247740e7fbce8fc0"  # see arithmetic()


def train(model, trn_loader, device, criterion, optimizer, after_step=None):
    """Train for one epoch.

    Args:
        model: any network from images to logits [b, classes].
        trn_loader: any iterable of (images, labels), such as a DataLoader; labels are whole numbers
            [b], or one row a label [b, classes], such as one-hot.
        device: where to compute.
        criterion: a loss of logits and labels, averaged or summed over the batch.
        optimizer: of the model's parameters.
        after_step: called after each step with the batch's size.

    Returns:
        trn_loss: average loss per image over the epoch, each batch weighed by its size.
        acc: accuracy over the same images, as a fraction from 0 to 1, not in percent, each image
            judged just before its step.

    UserError where the loader is empty, or labels are of another form.
    """
    model.train()
    tally = _Tally(criterion)
    for images, labels in trn_loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad(set_to_none=True)
        logits = model(images)  # [b, classes]
        classes = _classes(logits, labels)
        loss = criterion(logits, labels)
        loss.backward()
        optimizer.step()
        tally.add(loss.detach(), logits.detach(), classes)
        if after_step is not None:
            after_step(len(logits))
    return tally.result()


@torch.inference_mode()
def test(model, tst_loader, device, criterion):
    """Test without training: dropout is off and batch norm uses its running statistics.

    Args, returns and errors as in train(): (tst_loss, acc), average loss per image and accuracy as
    a fraction.
    """
    model.eval()
    tally = _Tally(criterion)
    for images, labels in tst_loader:
        images, labels = images.to(device), labels.to(device)
        logits = model(images)  # [b, classes]
        classes = _classes(logits, labels)
        tally.add(criterion(logits, labels), logits, classes)
    return tally.result()


test.__test__ = False  # the assignment's name for it; not a test of ours


class _Tally:
    """Sums of losses and hits over an epoch, kept on the device: no step waits for a number."""

    def __init__(self, criterion) -> None:
        self.summed = getattr(criterion, "reduction", "mean") == "sum"
        self.loss, self.hits, self.n = 0.0, 0, 0

    def add(self, loss: Tensor, logits: Tensor, classes: Tensor) -> None:
        self.hits += (logits.argmax(1) == classes).sum()
        self.loss += loss.double() * (1 if self.summed else len(logits))
        self.n += len(logits)

    def result(self) -> tuple[float, float]:
        if self.n == 0:
            raise UserError("the loader is empty; expected at least one batch of images and labels")
        return float(self.loss) / self.n, int(self.hits) / self.n


def _classes(logits: Tensor, labels: Tensor) -> Tensor:
    """The class of each label, int [b]; what would only broadcast against [b] is refused."""
    if logits.ndim == 2 and labels.shape == logits.shape:
        return labels.argmax(1)
    if logits.ndim == 2 and labels.shape == logits.shape[:1] and not labels.is_floating_point():
        return labels
    found = f"logits {list(logits.shape)} and labels {labels.dtype} {list(labels.shape)}"
    raise UserError(f"found {found}, expected [b, classes] and whole numbers [b] or [b, classes]")


@torch.inference_mode()
def predict(model: nn.Module, digits: Digits, batch: int = TEST_BATCH) -> np.ndarray:
    """Probabilities float32 [n, 10] of the classes for each digit, in order, `batch` at a time."""
    model.eval()
    device = next(model.parameters()).device
    parts = [model(x).softmax(1).cpu() for x, _ in Batches(digits, batch, device)]
    return torch.cat(parts).numpy()


def initial(recipe: Recipe, seed: int) -> nn.Module:
    """The untrained network that fit() starts from with this recipe and seed."""
    with torch.random.fork_rng():
        torch.manual_seed(stream(seed, "weights"))
        changed = differences(Recipe(), recipe)
        return build(recipe.model, **{name: value for name, (_, value) in changed.items()})


def pick_device(device: str = "auto") -> torch.device:
    """The named device, or with "auto" a GPU if there is one; UserError where it is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=device).item()  # "meta" computes nothing that could be read
        return torch.device(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device {device!r} is not to be had ({reason}); try 'cpu'") from None


def arithmetic() -> str:
    """How this process computes on the CPU: "portable", or "native" and its instruction set.

    Told by the gradients of one step of LeNet-5 on made-up values: "portable" is what `mnistlib`
    asks for when it is imported, and has the same bits on every x86-64 processor with AVX2.
    """
    values = (torch.arange(64 * 32 * 32) * 7919 % 1009).float().div(1009).sub(0.5)
    with one_thread(), torch.random.fork_rng(), torch.enable_grad():
        network = LeNet5().to(memory_format=torch.channels_last)
        for parameter in network.parameters():
            parameter.data.copy_(values[: parameter.numel()].view(parameter.shape).div(4))
        labels = torch.arange(64) % 10
        F.cross_entropy(network(values.view(64, 1, 32, 32)), labels).backward()
    parts = [parameter.grad.contiguous().numpy().tobytes() for parameter in network.parameters()]
    found = sha256(b"".join(parts)).hexdigest()
    return "portable" if found == PORTABLE else f"native {torch.backends.cpu.get_cpu_capability()}"


def fit(
    recipe: Recipe,
    data: DigitData,
    seed: int = 0,
    *,
    model: nn.Module | None = None,
    device: str = "auto",
    progress: bool = True,
    on_epoch: Callable[[int, dict], None] | None = None,
    checkpoint: Path | None = None,
) -> Run:
    """Train by `recipe` from `seed`, test after each epoch, and record the last epoch as result.

    It computes with one thread on the CPU: the same seed gives the same bits wherever it is made.

    Args:
        data: trained on its training split; the test split is only looked at.
        seed: from 0, of initial weights, order, distortions and dropout, each by its own stream.
        model: trained in place and left with the weights that were scored, whatever weights it
            comes with: the run starts from those of initial(recipe, seed), which is the default.
        device: "auto", "cpu", "cuda", …
        progress: show a bar with rate and time to go.
        on_epoch: called with the epoch's number (from 1) and its values by the names in CURVES.
        checkpoint: a file that keeps the state after each epoch, and from which the run goes on to
            the same bits. It stays until the caller, with the record saved, deletes it.

    TrainingError where the loss is no longer finite; UserError where the device is not there;
    RuntimeError where the model is not of the recipe's shape.
    """
    device = pick_device(device)
    repeatable = torch.backends.cudnn.flags(enabled=True, deterministic=True)  # on a GPU; as fast
    with one_thread(), torch.random.fork_rng(), repeatable:
        about = _bits_depend_on(recipe, seed, data, device)
        first = initial(recipe, seed)
        if model is not None:  # where it was trained before, that has no part in the run
            model.load_state_dict(first.state_dict())
        course = Course(recipe, data, seed, first if model is None else model, device)
        history = _train_epochs(course, recipe, about, progress, on_epoch, checkpoint)
        answers = predict(course.finish(), data.test).argmax(1)
    labels, sizes = data.test.labels, {"n_train": len(data.train), "n_test": len(data.test)}
    versions = {name: about[name] for name in ("torch", "arithmetic")}
    return Run(
        recipe=recipe,
        seed=seed,
        dataset={"name": data.name, **sizes, "fingerprint": data.fingerprint},
        history=history,
        predictions="".join(map(str, answers)),
        mistakes={str(i): int(labels[i]) for i in np.flatnonzero(answers != labels)},
        versions={"python": platform.python_version(), **versions},
        device=about["device"],
        threads=int(about["threads"]),
    )


def _bits_depend_on(recipe: Recipe, seed: int, data: DigitData, device) -> dict:
    on_gpu = device.type == "cuda"
    return {
        "key": key(recipe, seed, data.fingerprint),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if on_gpu else device.type,
        "threads": str(torch.get_num_threads()),
        "arithmetic": "native" if on_gpu else arithmetic(),
    }


def _train_epochs(course: Course, recipe: Recipe, about, progress, on_epoch, checkpoint) -> dict:
    history = course.take_up(checkpoint, about)
    done, n = len(history["seconds"]), len(course.batches.labels)
    # In a notebook each update is several messages, and a reader that waits for the cell's end,
    # as nbval does, keeps 1,000 of them and loses the rest.
    look = {"unit": " images", "unit_scale": True, "mininterval": 2.0, "disable": not progress}
    with tqdm(total=recipe.epochs * n, initial=done * n, desc=recipe.model, **look) as bar:
        for number in range(done + 1, recipe.epochs + 1):
            values = course.epoch(train, test, bar.update)
            losses = values["train_loss"], values["test_loss"]
            if not all(map(isfinite, losses)):
                found = f"training loss {losses[0]}, test loss {losses[1]}"
                way_out = f"if the rate {recipe.learning_rate} is too large, try a tenth"
                raise TrainingError(f"stopped in epoch {number}: {found}; {way_out}")
            for curve in CURVES:
                history[curve].append(values[curve])
            if checkpoint is not None:
                course.put_aside(checkpoint, history, about)
            bar.set_postfix_str(f"test accuracy {values['test_accuracy']:.2%}")
            if on_epoch is not None:
                on_epoch(number, values)
    return history


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes with one thread in here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
