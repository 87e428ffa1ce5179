"""The moving parts of one training run: batches, optimizer, averaged weights, checkpoints."""

import json
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Generator, Tensor, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnistlib.augment import distort
from mnistlib.base import UserError, stream
from mnistlib.config import Recipe
from mnistlib.dataset import MEAN, STD, TABLE, DigitData, Digits
from mnistlib.lenet1998 import PACES, SAMPLES, DiagonalLM
from mnistlib.runs import CURVES, read_tensors, write_tensors

TEST_BATCH = 1000
FORMAT = "1"  # of checkpoints


class Batches:
    """A loader without workers: all digits stay on the device as uint8, a batch is one gather.

    Iterating yields (images float32 [b, 1, 28, 28] normalised, labels int64 [b]); the last batch
    holds what is left, never a single image. With `order` each pass is a new permutation drawn
    from it; `augment` gets each batch, images in [0, 1] and labels, before it is normalised.
    """

    def __init__(
        self,
        digits: Digits,
        batch_size: int,
        device: torch.device | str = "cpu",
        order: Generator | None = None,
        augment: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self.images = torch.tensor(digits.images, device=device).unsqueeze(1)  # [n, 1, 28, 28]
        self.labels = torch.tensor(digits.labels, device=device)
        self.table = torch.tensor(TABLE, device=device)  # the normalised value of each grey value
        # where one batch ends and the next begins; an image left over alone goes into the batch
        # before, since batch norm needs two
        self.bounds = list(range(batch_size, len(self.labels) - 1, batch_size))
        self.order, self.augment = order, augment

    def __len__(self) -> int:
        return len(self.bounds) + 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        n = len(self.labels)
        # drawn on the CPU so that a seed means the same order on every device
        index = torch.arange(n) if self.order is None else torch.randperm(n, generator=self.order)
        for part in index.to(self.labels.device).tensor_split(self.bounds):
            images, labels = self.images.index_select(0, part), self.labels[part]
            if self.augment is not None:
                x = self.augment(images.float().div_(255), labels).sub(MEAN).div_(STD)
            else:  # a fifth of the time of table[images], for the same values
                x = self.table.index_select(0, images.flatten().int()).view_as(images)
            yield x, labels


def generators(seed: int, device: torch.device) -> dict[str, Generator]:
    """A run's sources of chance, each with a stream of its own; dropout's is torch's global one."""
    dropout = torch.default_generator
    if device.type == "cuda":
        dropout = torch.cuda.default_generators[device.index or 0]
    torch.manual_seed(stream(seed, "dropout"))
    order = Generator().manual_seed(stream(seed, "order"))
    distortion = Generator(device).manual_seed(stream(seed, "distortion"))
    return {"order": order, "distortion": distortion, "dropout": dropout}


def make_optimizer(recipe: Recipe, model: nn.Module) -> Optimizer:
    """The recipe's optimizer over the model's parameters."""
    if recipe.optimizer == "diagonal-lm":
        if not hasattr(model, "curvature") or recipe.weight_decay:
            raise UserError("'diagonal-lm' needs a network with curvature(), and weight_decay=0")
        return DiagonalLM(model, recipe.learning_rate * recipe.batch_size)  # a step for each image
    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "fused": True}
    if recipe.optimizer == "adamw":
        return AdamW(model.parameters(), betas=(recipe.momentum, 0.999), **common)
    return SGD(model.parameters(), momentum=recipe.momentum, nesterov=recipe.nesterov, **common)


class Course:
    """A network with all that trains it, and the way to put it aside and to take it up again.

    Between making one and finishing it the caller keeps torch's global generator, which dropout
    draws from, to itself.
    """

    def __init__(
        self, recipe: Recipe, data: DigitData, seed: int, model: nn.Module, device: torch.device
    ) -> None:
        # the batch is the outer and the channel the inner dimension: what the kernels like best
        self.model = model.to(device=device, memory_format=torch.channels_last)
        self.device = device
        self.chance = generators(seed, device)
        augment = None
        if recipe.augment != "none":
            how = {"generator": self.chance["distortion"], "distortion": recipe.distortion}
            augment = partial(distort, kind=recipe.augment, **how)
        order = self.chance["order"]
        digits, each_pass = data.train, order
        if recipe.schedule == "1998":  # one random order for all passes (appendix C)
            drawn = torch.randperm(len(digits), generator=order).numpy()
            digits, each_pass = digits.take(drawn, digits.name), None
        self.batches = Batches(digits, recipe.batch_size, device, each_pass, augment)
        self.tests = Batches(data.test, TEST_BATCH, device)
        own = getattr(model, "own_loss", None)
        if own and recipe.label_smoothing:
            raise UserError(f"{recipe.model} has a loss of its own; give label_smoothing=0")
        self.criterion = own or nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        self.judgement = own or nn.CrossEntropyLoss()
        self.optimizer = make_optimizer(recipe, model)
        self.samples = None  # for an optimizer that looks at some digits before each epoch
        if recipe.optimizer == "diagonal-lm":
            self.samples = Batches(data.train, SAMPLES, device, order, augment)
        self.schedule = None
        if recipe.schedule == "one-cycle":
            # Smith, "Super-convergence", 2018: up to the peak in 30 % of the steps, then down to 0
            how = self.optimizer.param_groups[0]["lr"], recipe.epochs * len(self.batches)
            self.schedule = OneCycleLR(self.optimizer, *how, cycle_momentum=False)
        elif recipe.schedule == "1998":
            steps, last = len(self.batches), len(PACES) - 1
            self.schedule = LambdaLR(self.optimizer, lambda step: PACES[min(step // steps, last)])
        self.scored = self.model  # what is tested: the averaged network, if the recipe averages
        self.parts = {"model": self.model}
        if recipe.averaging == "ema":  # of weights and of batch norm's statistics
            rule = get_ema_multi_avg_fn(recipe.ema_decay)
            average = AveragedModel(model, multi_avg_fn=rule, use_buffers=True)
            self.scored, self.parts["average"] = average.module, average

    def epoch(self, train: Callable, test: Callable, advance: Callable[[int], object]) -> dict:
        """Train and test once by the assignment's two loops: a value for each of CURVES.

        `advance` is called after each step with the batch's size.
        """
        start = time.perf_counter()
        if self.samples is not None:
            self.optimizer.estimate(next(iter(self.samples))[0])
        how = self.device, self.criterion, self.optimizer, partial(self._after_step, advance)
        trained = train(self.model, self.batches, *how)
        tested = test(self.scored, self.tests, self.device, self.judgement)
        return dict(zip(CURVES, (*trained, *tested, time.perf_counter() - start), strict=True))

    def _after_step(self, advance: Callable[[int], object], size: int) -> None:
        if self.schedule is not None:
            self.schedule.step()
        if "average" in self.parts:
            self.parts["average"].update_parameters(self.model)
        advance(size)

    def finish(self) -> nn.Module:
        """The trained network, with the weights that were scored."""
        self.model.load_state_dict(self.scored.state_dict())
        return self.model

    def put_aside(self, path: Path, history: dict[str, list], about: dict[str, str]) -> None:
        """Write all that training changes as one safetensors file, whole or not at all.

        `about` says what must be equal for the run to go on: its key, and what its bits depend on.
        """
        optimizer = self.optimizer.state_dict()
        tensors = {f"random.{name}": g.get_state() for name, g in self.chance.items()}
        for part, module in self.parts.items():
            tensors |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
        for index, values in optimizer["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in values.items()}
        schedule = None if self.schedule is None else self.schedule.state_dict()
        state = {"history": history, "groups": optimizer["param_groups"], "schedule": schedule}
        write_tensors(path, tensors, {"format": FORMAT, **about, "state": json.dumps(state)})

    def take_up(self, path: Path | None, about: dict[str, str]) -> dict[str, list]:
        """Go back to where put_aside() left the run; returns the history up to there.

        What follows is bit for bit what would have followed then. Without such a file the history
        is empty. One that is damaged, or was made by another run, on another device, with other
        threads or another torch, is named in a warning and not used: the run starts again.
        """
        if path is not None and path.exists():
            try:
                tensors, found = read_tensors(path)
                for name, value in {"format": FORMAT, **about}.items():
                    if found.get(name) != value:
                        raise ValueError(f"found {name} {found.get(name)!r}, expected {value!r}")
                for part, module in self.parts.items():  # all of them, before any is changed
                    wanted = {name: t.shape for name, t in module.state_dict().items()}
                    if wanted != {name: t.shape for name, t in _below(part, tensors).items()}:
                        raise ValueError("found another network of this name")
                state = json.loads(found["state"])
                history = state["history"]
                self._restore(tensors, state)
                return history
            except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
                reason = str(error).splitlines()[0]
                warnings.warn(f"{path}: not used ({reason}); the run starts again", stacklevel=2)
        return {curve: [] for curve in CURVES}

    def _restore(self, tensors: dict[str, Tensor], state: dict) -> None:
        for part, module in self.parts.items():
            module.load_state_dict(_below(part, tensors))
        for name, generator in self.chance.items():
            generator.set_state(tensors[f"random.{name}"])
        indices = [index for group in state["groups"] for index in group["params"]]
        moments = {index: _below(f"optimizer.{index}", tensors) for index in indices}
        self.optimizer.load_state_dict({"state": moments, "param_groups": state["groups"]})
        for parameter, values in self.optimizer.state.items():
            for name, tensor in values.items():
                if tensor.shape == parameter.shape:  # the fused step walks both side by side
                    values[name] = torch.empty_like(parameter).copy_(tensor)
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])


def _below(part: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(f"{part}.")}
