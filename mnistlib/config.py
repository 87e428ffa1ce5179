"""Recipes: everything that decides a training run but its seed and its data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from mnistlib.base import UserError, pick, within

MODELS = ("lenet5", "mlp", "lenet5_reg")
TITLES = {"lenet5": "LeNet-5", "mlp": "MLP", "lenet5_reg": "Regularized LeNet-5"}
MLP_WIDTHS = (58, 166, 36)  # exactly LeNet-5's 61,706 parameters; 05_report shows the choice

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "one-cycle")
AUGMENTATIONS = ("none", "affine", "affine+elastic")
AVERAGINGS = ("none", "ema")


@dataclass(frozen=True)
class Recipe:
    """How one model is trained; the defaults are the assignment's.

    Attributes:
        model: a name in MODELS.
        epochs: passes over the training set; the last one is scored.
        batch_size: images a step.
        optimizer: a name in OPTIMIZERS.
        learning_rate: constant, or the peak of the one-cycle schedule.
        momentum: of SGD (the first beta of AdamW).
        nesterov: Nesterov's form of the momentum (SGD only).
        weight_decay: coefficient of the L2 penalty (SGD) or of decoupled decay (AdamW).
        schedule: a name in SCHEDULES.
        label_smoothing: probability mass spread over all classes, 0 to 1.
        dropout: probability of dropping a unit of lenet5_reg's two hidden fully connected layers.
        augment: a name in AUGMENTATIONS; training batches only.
        distortion: how far `augment` distorts, relative to augment.Strength's bounds.
        averaging: a name in AVERAGINGS; the averaged weights are those that are scored.
        ema_decay: share of the old average that each step keeps (averaging "ema" only).
        batch_norm: whether lenet5_reg normalises; the other models never do.
        widths: of the MLP's hidden layers, such as "58-166-36"; no other model uses it.

    Raises:
        UserError: a value is not of the stated type or range.
    """

    model: str = "lenet5"
    epochs: int = 30
    batch_size: int = 64
    optimizer: str = "sgd"
    learning_rate: float = 0.01
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: str = "constant"
    label_smoothing: float = 0.0
    dropout: float = 0.0
    augment: str = "none"
    distortion: float = 1.0
    averaging: str = "none"
    ema_decay: float = 0.998
    batch_norm: bool = True
    widths: str = "-".join(map(str, MLP_WIDTHS))

    def __post_init__(self) -> None:
        for field in fields(self):
            self._check_type(field.name, field.type)
        pick("model", self.model, MODELS)
        pick("optimizer", self.optimizer, OPTIMIZERS)
        pick("schedule", self.schedule, SCHEDULES)
        pick("augmentation", self.augment, AUGMENTATIONS)
        pick("averaging", self.averaging, AVERAGINGS)
        if not re.fullmatch(r"[1-9]\d{0,4}(-[1-9]\d{0,4})*", self.widths):
            raise UserError(f"widths={self.widths!r}; give numbers of units such as '68-64-52'")
        self._check_range("epochs", 1, 10_000)
        self._check_range("batch_size", 1, 60_000)
        self._check_range("learning_rate", 0, 100)
        self._check_range("weight_decay", 0, 10)
        self._check_range("distortion", 0, 3)
        for name in ("momentum", "label_smoothing", "dropout"):
            self._check_range(name, 0, 0.999)
        self._check_range("ema_decay", 0, 0.999_999)

    def _check_type(self, name: str, wanted: type) -> None:
        value = getattr(self, name)
        if wanted is float and type(value) is int:
            object.__setattr__(self, name, float(value))  # 0 and 0.0 are one recipe
        elif type(value) is not wanted:
            raise UserError(f"{name}={value!r} is a {type(value).__name__}; give {wanted.__name__}")

    def _check_range(self, name: str, low: float, high: float) -> None:
        within(name, getattr(self, name), low, high)


RECIPES: dict[str, Recipe] = {
    "lenet5": Recipe(model="lenet5"),
    "mlp": Recipe(model="mlp"),
    "lenet5_reg": Recipe(
        model="lenet5_reg",
        learning_rate=0.05,
        nesterov=True,
        weight_decay=1e-4,
        schedule="one-cycle",
        label_smoothing=0.05,
        augment="affine+elastic",
        distortion=0.5,
        averaging="ema",
    ),
}


def recipe(name: str, **changes: object) -> Recipe:
    """The named recipe with some values changed.

    Raises:
        UserError: no such recipe, no such value, or a value out of range; lists the valid names.
    """
    for change in changes:
        pick("recipe value", change, [field.name for field in fields(Recipe)])
    return replace(RECIPES[pick("recipe", name, RECIPES)], **changes)


def differences(a: Recipe, b: Recipe) -> dict[str, tuple[object, object]]:
    """The values in which two recipes differ, by name: (that of `a`, that of `b`)."""
    values = (
        (field.name, getattr(a, field.name), getattr(b, field.name)) for field in fields(Recipe)
    )
    return {name: (one, other) for name, one, other in values if one != other}


def named(recipe: Recipe, recipes: Mapping[str, Recipe] = RECIPES) -> str | None:
    """The name of the recipe that equals this one in all but its epochs; None if there is none."""
    for name, candidate in recipes.items():
        if replace(candidate, epochs=recipe.epochs) == recipe:
            return name
    return None
