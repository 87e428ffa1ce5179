"""The moving parts of one training run, from its first epoch to its last."""

import time
from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor, nn

from mnistlib.augment import DEFAULT
from mnistlib.base import stream
from mnistlib.batches import Batches
from mnistlib.config import Recipe
from mnistlib.dataset import DigitData, Digits
from mnistlib.loops import TEST_BATCH, test, train
from mnistlib.optimizers import make_average, make_optimizer, make_schedule
from mnistlib.runs import CURVES


def training_batches(recipe: Recipe, digits: Digits, seed: int, device) -> Batches:
    """The batches that fit() trains on, with their own streams for order and distortion."""
    order = Generator().manual_seed(stream(seed, "order"))
    distortion = Generator(device).manual_seed(stream(seed, "distortion"))
    strength = DEFAULT.times(recipe.distortion)
    return Batches(digits, recipe.batch_size, device, order, recipe.augment, distortion, strength)


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

    def epoch(self) -> dict:
        """Train and test once: a value for each of CURVES."""
        start = time.perf_counter()
        trained = train(
            self.model, self.batches, self.device, self.criterion, self.optimizer, self._after_step
        )
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
        tensors = {f"{part}.{name}": t for part, name, t in self._tensors()}
        for index, values in optimizer["state"].items():
            tensors |= {f"optimizer.{index}.{name}": t for name, t in values.items()}
        schedule = None if self.schedule is None else self.schedule.state_dict()
        return tensors, {"groups": optimizer["param_groups"], "schedule": schedule}

    def _tensors(self) -> Iterator[tuple[str, str, Tensor]]:
        for part, module in self._modules():
            for name, tensor in module.state_dict().items():
                yield part, name, tensor
        for name, generator in self._generators().items():
            yield "random", name, generator.get_state()

    def _modules(self) -> list[tuple[str, nn.Module]]:
        averaged = [] if self.average is None else [("average", self.average)]
        return [("model", self.model), *averaged]

    def _generators(self) -> dict[str, Generator]:
        own = {"order": self.batches.order, "distortion": self.batches.distortion}
        return {**own, "dropout": _global_generator(self.device)}

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


def _global_generator(device: torch.device) -> Generator:
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


def _below(part: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(f"{part}.")}


def _like(parameter: Tensor, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Laid out in memory as the parameter is: the fused step walks both side by side."""
    return {
        name: torch.empty_like(parameter).copy_(t) if t.shape == parameter.shape else t
        for name, t in values.items()
    }
