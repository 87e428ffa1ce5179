"""Recipes: everything that decides a training run but its seed and its data."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from mnistlib.augment import AUGMENTATIONS, TAKEN, TECHNIQUES, technique
from mnistlib.base import UserError, pick, within
from mnistlib.lenet1998 import MODERN
from mnistlib.model import MLP_WIDTHS, NETWORKS, TITLES, find

REGISTERED = (NETWORKS, TITLES, AUGMENTATIONS)  # what other processes may have to be told
CHOICES = {
    "model": NETWORKS,
    "optimizer": ("sgd", "adamw", "diagonal-lm"),
    "schedule": ("constant", "one-cycle", "1998"),
    "augment": AUGMENTATIONS,
    "averaging": ("none", "ema"),
    "modern": MODERN,
}
RANGES = {
    "epochs": (1, 10_000),
    "batch_size": (1, 60_000),
    "learning_rate": (0, 100),
    "weight_decay": (0, 10),
    "distortion": (0, 3),
    "momentum": (0, 0.999),
    "label_smoothing": (0, 0.999),
    "dropout": (0, 0.999),
    "ema_decay": (0, 0.999_999),
    "rubbish": (0, 1000),
}


@dataclass(frozen=True)
class Recipe:
    """How one model is trained; the defaults are the assignment's.

    UserError where a value is not of its type, not in CHOICES, or out of RANGES.
    """

    model: str = "lenet5"
    epochs: int = 30  # passes over the training set; the last one is scored
    batch_size: int = 64  # images a step
    optimizer: str = "sgd"
    learning_rate: float = 0.01  # constant, the peak of one-cycle, or the first of 1998's
    momentum: float = 0.9  # of SGD; the first beta of AdamW
    nesterov: bool = False  # Nesterov's form of the momentum (SGD only)
    weight_decay: float = 0.0  # coefficient of the L2 penalty (SGD) or of decoupled decay (AdamW)
    schedule: str = "constant"
    label_smoothing: float = 0.0  # probability mass spread over all classes
    dropout: float = 0.0  # probability of dropping a unit of lenet5_reg's two hidden dense layers
    augment: str = "none"  # acts on training batches only
    distortion: float = 1.0  # how far `augment` distorts, relative to augment.Strength's bounds
    averaging: str = "none"  # averaged weights are those that are scored
    ema_decay: float = 0.998  # share of the old average that each step keeps (averaging "ema" only)
    batch_norm: bool = True  # whether lenet5_reg normalises; the other models never do
    widths: str = "-".join(map(str, MLP_WIDTHS))  # "58-166-36": of the MLP's hidden layers only
    modern: str = "none"  # the part of lenet5_1998 that is lenet5's instead
    rubbish: float = 20.0  # j of lenet5_1998's loss, the rubbish class's penalty; 0: without it

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is float and type(value) is int:
                object.__setattr__(self, field.name, float(value))  # 0 and 0.0 are one recipe
            elif type(value) is not field.type:
                found = f"{field.name}={value!r} is a {type(value).__name__}"
                raise UserError(f"{found}; give {field.type.__name__}")
        for name, valid in CHOICES.items():
            pick(name, getattr(self, name), valid)
        if not re.fullmatch(r"[1-9]\d{0,4}(-[1-9]\d{0,4})*", self.widths):
            raise UserError(f"widths={self.widths!r}; give numbers of units such as '68-64-52'")
        for name, bounds in RANGES.items():
            within(name, getattr(self, name), *bounds)


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
    "lenet5_1998": Recipe(
        model="lenet5_1998",
        epochs=20,
        batch_size=10,
        optimizer="diagonal-lm",
        learning_rate=0.0005,
        schedule="1998",
    ),
}

MODELS = ("lenet5", "mlp", "lenet5_reg")  # of the report

# The values of each technique that came out best on the validation split, of those in plan.py;
# affine and affine+elastic stand in augment.py, where they are functions on batches.
NO_BATCH_NORM = {"model": "lenet5_reg", "batch_norm": False}  # LeNet-5 that can drop units
ONE_CYCLE = {"schedule": "one-cycle", "nesterov": True}
technique("weight decay", weight_decay=1e-4)
technique("dropout", **NO_BATCH_NORM, dropout=0.25)
technique("batch norm", model="lenet5_reg")
technique("label smoothing", label_smoothing=0.05)
technique("averaging", averaging="ema", ema_decay=0.9995)
technique("one-cycle", **ONE_CYCLE, learning_rate=0.05)

ORDER = (  # in which the report tells them
    *("weight decay", "dropout", "batch norm", "label smoothing"),
    *("affine", "affine+elastic", "averaging", "one-cycle"),
)
TAKEN.update(ORDER)
WITHOUT: dict[str, dict] = {  # how each technique is taken out of all together
    "weight decay": {"weight_decay": 0.0},
    "batch norm": {"batch_norm": False},
    "label smoothing": {"label_smoothing": 0.0},
    "elastic": {"augment": "affine"},
    "augmentation": {"augment": "none", "distortion": 1.0},
    "averaging": {"averaging": "none"},
    "one-cycle": {"schedule": "constant", "nesterov": False, "learning_rate": 0.01},
}
REPLACED: dict[str, dict] = {  # parts of LeNet-5 of 1998 by today's
    "all connections": {"modern": "connections"},
    "max pooling": {"modern": "pooling"},
    "ReLU": {"modern": "activation"},
    "logits": {"modern": "output"},
    "SGD": {"optimizer": "sgd", "schedule": "constant", "batch_size": 64, "learning_rate": 0.001},
}
BASELINE, ALL, OLD = RECIPES["lenet5"], RECIPES["lenet5_reg"], RECIPES["lenet5_1998"]
ROWS: dict[str, Recipe] = {  # of the study
    **RECIPES,
    **{f"lenet5 + {name}": replace(BASELINE, **TECHNIQUES[name]) for name in ORDER},
    **{f"lenet5_reg - {name}": replace(ALL, **off) for name, off in WITHOUT.items()},
    "lenet5_reg + dropout": replace(ALL, dropout=TECHNIQUES["dropout"]["dropout"]),
    # the MLP on fair terms: values tuned for it, by as many tries as a technique has
    "mlp + one-cycle": replace(RECIPES["mlp"], **ONE_CYCLE, learning_rate=0.05),
    "mlp + all it can take": replace(ALL, model="mlp", distortion=0.5),
    "lenet5 (epochs=90)": replace(BASELINE, epochs=90),
    "lenet5_reg (epochs=90)": replace(ALL, epochs=90),
    **{f"lenet5_1998 + {name}": replace(OLD, **part) for name, part in REPLACED.items()},
    "lenet5_1998 + affine": replace(OLD, **TECHNIQUES["affine"]),
}


def recipe(name: str, technique: str = "", **changes: object) -> Recipe:
    """The named recipe, with a technique of TECHNIQUES added and with some values changed.

    `name` is one in RECIPES; or a registered network, or "package.module:Class", which are trained
    as the assignment asks. UserError for a name, a technique or a value that is not there, which
    lists the valid ones, and for a value out of range.
    """
    for change in changes:
        pick("recipe value", change, [field.name for field in fields(Recipe)])
    name = find(name)
    added = TECHNIQUES[pick("technique", technique, TECHNIQUES)] if technique else {}
    return replace(RECIPES.get(name) or Recipe(model=name), **{**added, **changes})


def differences(a: Recipe, b: Recipe) -> dict[str, tuple[object, object]]:
    """The values in which two recipes differ, by name: (that of `a`, that of `b`)."""
    one, other = asdict(a), asdict(b)
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


def named(recipe: Recipe, recipes: Mapping[str, Recipe] = RECIPES) -> str | None:
    """The name of the recipe that equals this one in all but its epochs; None if there is none."""
    alike = (n for n, known in recipes.items() if replace(known, epochs=recipe.epochs) == recipe)
    return next(alike, None)


def row_name(recipe: Recipe) -> str:
    """A recipe's name in tables and folders, such as "lenet5 + dropout", whoever made it.

    A row of the study has its name there; others are called after the nearest recipe that has a
    name and a technique, if that is all, or the values that differ: "mlp (widths=42-542)".
    """
    bases = {**RECIPES, recipe.model: RECIPES.get(recipe.model) or Recipe(recipe.model)}
    known = {**bases, **ROWS}
    for base, values in bases.items():
        for name, change in TECHNIQUES.items():
            known.setdefault(f"{base} + {name}", replace(values, **change))
    nearest = min(bases, key=lambda base: len(differences(bases[base], recipe)))
    near = named(recipe, known) or nearest
    changed = [f"{k}={new}" for k, (_, new) in differences(known[near], recipe).items()]
    return f"{near} ({', '.join(changed)})" if changed else near
