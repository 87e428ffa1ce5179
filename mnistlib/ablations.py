"""The study's rows, each a named difference from the baseline or from all techniques together.

Where the values come from: those of the baseline are the assignment's; TECHNIQUES and ALL hold the
values that came out best, of those in plan.CANDIDATES, on the validation split.
"""

from dataclasses import replace

from mnistlib.config import RECIPES, Recipe

BASELINE = RECIPES["lenet5"]
ALL = RECIPES["lenet5_reg"]
NO_BATCH_NORM = {"model": "lenet5_reg", "batch_norm": False}  # LeNet-5 that can drop units
ONE_CYCLE = {"schedule": "one-cycle", "nesterov": True}

TECHNIQUES: dict[str, dict] = {  # the candidates that came out best on the validation split
    "weight decay": {"weight_decay": 1e-4},
    "dropout": {**NO_BATCH_NORM, "dropout": 0.25},
    "batch norm": {"model": "lenet5_reg"},
    "label smoothing": {"label_smoothing": 0.05},
    "affine": {"augment": "affine", "distortion": 0.5},
    "affine+elastic": {"augment": "affine+elastic", "distortion": 1.0},
    "averaging": {"averaging": "ema", "ema_decay": 0.9995},
    "one-cycle": {**ONE_CYCLE, "learning_rate": 0.05},
}
WITHOUT: dict[str, dict] = {  # how each technique is taken out of ALL: back to the baseline's value
    "weight decay": {"weight_decay": 0.0},
    "batch norm": {"batch_norm": False},
    "label smoothing": {"label_smoothing": 0.0},
    "elastic": {"augment": "affine"},
    "augmentation": {"augment": "none", "distortion": 1.0},
    "averaging": {"averaging": "none"},
    "one-cycle": {"schedule": "constant", "nesterov": False, "learning_rate": 0.01},
}

ROWS: dict[str, Recipe] = {
    **RECIPES,
    **{f"lenet5 + {name}": replace(BASELINE, **on) for name, on in TECHNIQUES.items()},
    **{f"lenet5_reg - {name}": replace(ALL, **off) for name, off in WITHOUT.items()},
    "lenet5_reg + dropout": replace(ALL, dropout=TECHNIQUES["dropout"]["dropout"]),
}
