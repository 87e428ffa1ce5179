"""Choosing the value of each technique on the validation split, with an equal budget for each.

Rule, fixed beforehand: the candidate with the highest mean accuracy on the 5,000 validation digits
after the last epoch, over the seeds that every candidate of its technique has; the first of equals.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mnistlib import counting
from mnistlib.ablations import ALL, ALL_CANDIDATES, BASELINE, CANDIDATES, NO_BATCH_NORM, ONE_CYCLE
from mnistlib.base import RUNS, UserError, own_output
from mnistlib.config import Recipe, recipe
from mnistlib.dataset import DigitData
from mnistlib.runs import Run
from mnistlib.study import study, validation_data

if TYPE_CHECKING:
    import pandas as pd

EPOCHS = 15
SEEDS = (0, 1)
FOLDER = RUNS / "tuning"
SHAPES_FOLDER = RUNS / "validation"
SHAPE_LOW, SHAPE_HIGH = 10, 256  # units of each of the MLP's hidden layers
SHAPE_EPOCHS = 10
SHAPE_SEEDS = (0, 1, 2)
TRIED = {**CANDIDATES, "all together": ALL_CANDIDATES}


def tried(technique: str, change: dict, epochs: int = EPOCHS) -> Recipe:
    """The recipe that stands for one candidate value of a technique."""
    return replace(ALL if technique == "all together" else BASELINE, epochs=epochs, **change)


def tune(
    data: DigitData,
    folder: str | Path = FOLDER,
    seeds: Iterable[int] = SEEDS,
    epochs: int = EPOCHS,
    **options: object,
) -> list[Run]:
    """Make the runs that are missing, on the validation split; `data.test` is never read.

    `options` are study()'s.

    Raises:
        UserError: the digits are not MNIST, and `folder` is among the records in git.
    """
    recipes = [tried(name, change, epochs) for name in TRIED for change in TRIED[name]]
    recipes.append(replace(BASELINE, epochs=epochs))
    return _study(recipes, seeds, data, folder, options)


def _study(recipes: Sequence[Recipe], seeds, data: DigitData, folder, options: dict) -> list[Run]:
    own_output(folder, data, parts=())
    return study(recipes, seeds, validation_data(data), folder, **options)


def shapes(
    data: DigitData,
    folder: str | Path = SHAPES_FOLDER,
    seeds: Iterable[int] = SHAPE_SEEDS,
    epochs: int = SHAPE_EPOCHS,
    **options: object,
) -> list[Run]:
    """Make the missing trials of the MLP's shapes, on the validation split; as tune() otherwise."""
    return _study(shape_recipes(epochs), seeds, data, folder, options)


def shape_recipes(epochs: int = SHAPE_EPOCHS) -> list[Recipe]:
    """The MLPs of three hidden layers, none too narrow or wide, with as many parameters as LeNet-5.

    Forty, in the order of their widths; each is trained as the MLP of the report.
    """
    total = sum(layer.parameters for layer in counting.derive("lenet5"))
    found = counting.solve_widths(total, low=SHAPE_LOW, high=SHAPE_HIGH)
    return [recipe("mlp", epochs=epochs, widths="-".join(map(str, widths))) for widths in found]


def table(runs: Sequence[Run]) -> "pd.DataFrame":
    """One row a candidate: technique, values, seeds, accuracy (mean, validation), chosen.

    Raises:
        UserError: some candidate has no runs.
    """
    import pandas as pd

    rows = []
    for technique, changes in TRIED.items():
        means = [_mean(runs, tried(technique, change)) for change in changes]
        for change, (seeds, accuracy) in zip(changes, means, strict=True):
            chosen = accuracy == max(mean for _, mean in means)
            rows.append((technique, _words(change), seeds, accuracy, chosen))
    columns = ["technique", "values", "seeds", "accuracy", "chosen"]
    return pd.DataFrame(rows, columns=columns)


def _mean(runs: Sequence[Run], recipe: Recipe) -> tuple[int, float]:
    found = [run.accuracy for run in runs if run.recipe == recipe]
    if not found:
        raise UserError(f"no tuning run of {recipe}; make them with mnistlib.tuning.tune(load())")
    return len(found), sum(found) / len(found)


def _words(change: dict) -> str:
    """Only what differs between candidates: "weight_decay 0.0005"."""
    fixed = {**NO_BATCH_NORM, **ONE_CYCLE, "model": "", "augment": "", "averaging": ""}
    values = {name: value for name, value in change.items() if name not in fixed}
    return ", ".join(f"{name} {value:g}" for name, value in values.items()) or "none to tune"


def choose(runs: Sequence[Run]) -> dict[str, dict]:
    """The chosen change of each technique, by the rule above."""
    chosen = {}
    for technique, changes in TRIED.items():
        chosen[technique] = max(changes, key=lambda c: _mean(runs, tried(technique, c))[1])
    return chosen
