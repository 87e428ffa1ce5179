"""The moving parts of one training run: batches, optimizer, averaged weights, checkpoints."""

import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Generator, Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnistlib.augment import distort
from mnistlib.base import stream, write_bytes
from mnistlib.config import Recipe
from mnistlib.dataset import MEAN, STD, TABLE, DigitData, Digits
from mnistlib.runs import CURVES

TEST_BATCH = 1000
FORMAT = "1"  # of checkpoints


class Batches:
    """A loader without workers: all digits stay on the device as uint8, a batch is one gather.

    Iterating yields (images float32 [b, 1, 28, 28] normalised, labels int64 [b]); the last batch
    holds what is left, never a single image. With `order` each pass is a new permutation drawn
    from it; with `augment` each batch goes through that technique, by draws from `chance`.
    """

    def __init__(
        self,
        digits: Digits,
        batch_size: int,
        device: torch.device | str = "cpu",
        order: Generator | None = None,
        augment: str = "none",
        chance: Generator | None = None,
        distortion: float = 1.0,
    ) -> None:
        self.images = _tensor(digits.images).unsqueeze(1).to(device)  # [n, 1, 28, 28]
        self.labels = _tensor(digits.labels).to(device)
        self.table = torch.from_numpy(TABLE).to(device)  # the normalised value of each grey value
        self.batch_size, self.device, self.order = batch_size, device, order
        self.augment, self.chance, self.distortion = augment, chance, distortion

    def __len__(self) -> int:
        return len(self._bounds()) + 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for index in self._indices().tensor_split(self._bounds()):
            labels = self.labels[index]
            yield self._prepare(self.images.index_select(0, index), labels), labels

    def _bounds(self) -> list[int]:
        """Where one batch ends and the next begins.

        A single image left over goes into the batch before: batch norm needs two.
        """
        return list(range(self.batch_size, len(self.labels) - 1, self.batch_size))

    def _indices(self) -> Tensor:
        n = len(self.labels)
        if self.order is None:
            return torch.arange(n, device=self.device)
        # drawn on the CPU so that a seed means the same order on every device
        return torch.randperm(n, generator=self.order).to(self.device)

    def _prepare(self, images: Tensor, labels: Tensor) -> Tensor:
        if self.augment == "none":
            # index_select takes a fifth of the time of table[images] and gives the same values
            return self.table.index_select(0, images.flatten().int()).view_as(images)
        x = images.float().div_(255)  # in [0, 1]: the distortion brings in 0 for black
        return distort(x, labels, self.augment, self.chance, self.distortion).sub(MEAN).div_(STD)


def _tensor(array: np.ndarray) -> Tensor:
    """The array as a tensor; copied only where it is read-only, which torch has no word for."""
    return torch.from_numpy(np.require(array, requirements="W"))


def training_batches(recipe: Recipe, digits: Digits, seed: int, device) -> Batches:
    """The batches that fit() trains on, with their own streams for order and distortion."""
    order = Generator().manual_seed(stream(seed, "order"))
    chance = Generator(device).manual_seed(stream(seed, "distortion"))
    how = recipe.augment, chance, recipe.distortion
    return Batches(digits, recipe.batch_size, device, order, *how)


def make_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer over the model's parameters."""
    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "fused": True}
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), betas=(recipe.momentum, 0.999), **common)
    return torch.optim.SGD(
        model.parameters(), momentum=recipe.momentum, nesterov=recipe.nesterov, **common
    )


def make_schedule(recipe: Recipe, optimizer, steps: int) -> OneCycleLR | None:
    """Smith, "Super-convergence", 2018: up to the peak in 30 % of the steps, then down to 0."""
    if recipe.schedule == "constant":
        return None
    total = recipe.epochs * steps
    return OneCycleLR(optimizer, recipe.learning_rate, total, cycle_momentum=False)


def make_average(recipe: Recipe, model: nn.Module) -> AveragedModel | None:
    """An exponential moving average of weights and of batch norm's statistics, if asked for."""
    if recipe.averaging == "none":
        return None
    average = get_ema_multi_avg_fn(recipe.ema_decay)
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


class Course:
    """A network with all that trains it, and the way to put it aside and to take it up again.

    Between making one and finishing it the caller keeps torch's global generator, which dropout
    draws from, to itself.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: DigitData,
        seed: int,
        model: nn.Module,
        device: torch.device,
        advance: Callable[[int], object],
    ) -> None:
        # the batch is the outer and the channel the inner dimension: what the kernels like best
        self.model = model.to(device=device, memory_format=torch.channels_last)
        self.device, self.advance = device, advance
        self.batches = training_batches(recipe, data.train, seed, device)
        self.tests = Batches(data.test, TEST_BATCH, device)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        self.optimizer = make_optimizer(recipe, model)
        self.schedule = make_schedule(recipe, self.optimizer, len(self.batches))
        self.average = make_average(recipe, model)
        torch.manual_seed(stream(seed, "dropout"))

    @property
    def scored(self) -> nn.Module:
        """The network that is tested: the averaged one, if the recipe averages."""
        return self.model if self.average is None else self.average.module

    def epoch(self, train: Callable, test: Callable) -> dict:
        """Train and test once by the assignment's two loops: a value for each of CURVES."""
        start = time.perf_counter()
        how = self.device, self.criterion, self.optimizer, self._after_step
        trained = train(self.model, self.batches, *how)
        tested = test(self.scored, self.tests, self.device, nn.CrossEntropyLoss())
        return dict(zip(CURVES, (*trained, *tested, time.perf_counter() - start), strict=True))

    def _after_step(self, size: int) -> None:
        if self.schedule is not None:
            self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.advance(size)

    def finish(self) -> nn.Module:
        """The trained network, with the weights that were scored."""
        self.model.load_state_dict(self.scored.state_dict())
        return self.model

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """All that training changes: tensors by name, and plain values that JSON can hold."""
        optimizer = self.optimizer.state_dict()
        tensors = {
            f"{part}.{name}": tensor
            for part, module in self._modules()
            for name, tensor in module.state_dict().items()
        }
        tensors |= {f"random.{name}": g.get_state() for name, g in self._generators().items()}
        for index, values in optimizer["state"].items():
            tensors |= {f"optimizer.{index}.{name}": t for name, t in values.items()}
        schedule = None if self.schedule is None else self.schedule.state_dict()
        return tensors, {"groups": optimizer["param_groups"], "schedule": schedule}

    def _modules(self) -> list[tuple[str, nn.Module]]:
        averaged = [] if self.average is None else [("average", self.average)]
        return [("model", self.model), *averaged]

    def _generators(self) -> dict[str, Generator]:
        dropout = torch.default_generator
        if self.device.type == "cuda":
            dropout = torch.cuda.default_generators[self.device.index or 0]
        return {"order": self.batches.order, "distortion": self.batches.chance, "dropout": dropout}

    def restore(self, tensors: dict[str, Tensor], values: dict) -> None:
        """Go back to a state(): what follows is bit for bit what would have followed then.

        Raises:
            KeyError, RuntimeError, ValueError: the state is not one of this run.
        """
        for part, module in self._modules():
            module.load_state_dict(_below(part, tensors))
        for name, generator in self._generators().items():
            generator.set_state(tensors[f"random.{name}"])
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        state = {i: _like(p, _below(f"optimizer.{i}", tensors)) for i, p in enumerate(parameters)}
        self.optimizer.load_state_dict({"state": state, "param_groups": values["groups"]})
        if self.schedule is not None:
            self.schedule.load_state_dict(values["schedule"])


def _below(part: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(f"{part}.")}


def _like(parameter: Tensor, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Laid out in memory as the parameter is: the fused step walks both side by side."""
    return {
        name: torch.empty_like(parameter).copy_(t) if t.shape == parameter.shape else t
        for name, t in values.items()
    }


def put_aside(
    path: Path, course: Course, history: Mapping[str, list], about: Mapping[str, str]
) -> None:
    """Write the state of a run at an epoch's end as one safetensors file, whole or not at all.

    `about` says what must be equal for the run to go on: its key, and what its bits depend on.
    """
    tensors, values = course.state()
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"history": history, **values})
    write_bytes(path, to_bytes(stored, metadata={"format": FORMAT, **about, "state": text}))


def take_up(path: Path | None, course: Course, about: Mapping[str, str]) -> dict[str, list]:
    """Put a run back to where its checkpoint left it; returns the history up to there.

    Where there is no checkpoint the history is empty. One that is damaged, or was made by another
    run, on another device, with other threads or another torch, is named in a warning and not
    used: the run starts from its first epoch.
    """
    history = {curve: [] for curve in CURVES}
    if path is None or not path.exists():
        return history
    try:
        with safe_open(path, framework="pt") as file:
            found = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name, value in {"format": FORMAT, **about}.items():
            if found.get(name) != value:
                raise ValueError(f"found {name} {found.get(name)!r}, expected {value!r}")
        state = json.loads(found["state"])
        course.restore(tensors, state)
        return state["history"]
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        warnings.warn(f"{path}: not used ({reason}); the run starts again", stacklevel=2)
        return history
