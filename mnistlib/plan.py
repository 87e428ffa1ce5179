"""What was planned: values to try, how they are chosen, and what fresh seeds must confirm.

Tuning, by a rule that was fixed beforehand: the candidate with the highest mean accuracy on the
5,000 validation digits after the last epoch, over the seeds that every candidate of its technique
has; the first of equals. No test digit takes part.

Confirmation was written down when the study's ten seeds were known and before any of its runs was
made. Adding seeds to a study until something shows would find something in the end; seeds that took
no part in choosing the question, as many as were fixed beforehand and judged once, do not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mnistlib import counting
from mnistlib.augment import DEFAULT, SMOOTHNESS
from mnistlib.base import RUNS, UserError, own_output
from mnistlib.comparison import ALPHA, by_row, compare, which
from mnistlib.config import ALL, BASELINE, NO_BATCH_NORM, ONE_CYCLE, TECHNIQUES, Recipe, recipe
from mnistlib.dataset import DigitData
from mnistlib.runs import Run
from mnistlib.study import study, validation_data

TUNING_FOLDER, TUNING_EPOCHS, TUNING_SEEDS = RUNS / "tuning", 15, (0, 1)
SHAPES_FOLDER, SHAPE_EPOCHS, SHAPE_SEEDS = RUNS / "validation", 10, (0, 1, 2)
SHAPE_LOW, SHAPE_HIGH = 10, 256  # units of each of the MLP's hidden layers
TUNED: dict[str, tuple[str, tuple, dict]] = {  # the value, what was tried, what goes with it
    "weight decay": ("weight_decay", (1e-4, 5e-4, 2e-3), {}),
    "dropout": ("dropout", (0.1, 0.25, 0.5), NO_BATCH_NORM),
    "batch norm": ("model", ("lenet5_reg",), {}),  # nothing to choose
    "label smoothing": ("label_smoothing", (0.05, 0.1, 0.2), {}),
    "affine": ("distortion", (0.5, 1.0, 1.5), {"augment": "affine"}),
    "affine+elastic": ("distortion", (0.5, 1.0, 1.5), {"augment": "affine+elastic"}),
    "averaging": ("ema_decay", (0.99, 0.998, 0.9995), {"averaging": "ema"}),
    "one-cycle": ("learning_rate", (0.02, 0.05, 0.1), ONE_CYCLE),
}
PAIRS = ((5e-4, 1.0), (1e-4, 0.5), (1e-3, 1.5))  # as first guessed, gentler, stronger
CANDIDATES: dict[str, list[dict]] = {  # differences from the baseline, or from all together
    **{
        technique: [{**fixed, name: value} for value in values]
        for technique, (name, values, fixed) in TUNED.items()
    },
    "all together": [{"weight_decay": decay, "distortion": far} for decay, far in PAIRS],
}

CONFIRMATION_FOLDER, CONFIRMATION_SEEDS = RUNS / "confirmation", range(10, 30)
RETRIED = ("lenet5", *(f"lenet5 + {t}" for t in ("label smoothing", "affine", "affine+elastic")))
CONFIRMATION_RULE = (
    "Each technique that was better alone with an *uncorrected* p-value below 0.05 in the study is "
    "trained again, as it was there, from 20 seeds that the study did not use, 10 to 29, and so is "
    "the baseline. These seeds alone are judged, once, when all of them are there: a technique is "
    "*confirmed* if it helps by the study's rule, with Holm's correction over the techniques that "
    "are tried again. What the study's own verdict was does not count."
)


def tried(technique: str, change: dict) -> Recipe:
    """The recipe that stands for one candidate value of a technique."""
    base = ALL if technique == "all together" else BASELINE
    return replace(base, epochs=TUNING_EPOCHS, **change)


def tune(
    data: DigitData,
    recipes: Sequence[Recipe] | None = None,
    seeds: Iterable[int] = TUNING_SEEDS,
    folder: str | Path = TUNING_FOLDER,
    **options: object,
) -> list[Run]:
    """Make the missing trials on the validation split; `data.test` is never read.

    Args:
        data: the digits.
        recipes: all candidates and the baseline by default; or shape_recipes(), which go with
            SHAPE_SEEDS and SHAPES_FOLDER.
        seeds, folder, options: as study()'s.

    Raises:
        UserError: the digits are not MNIST, and `folder` is among the records in git.
    """
    own_output(folder, data, parts=())
    if recipes is None:
        values = [tried(name, change) for name in CANDIDATES for change in CANDIDATES[name]]
        recipes = [*values, replace(BASELINE, epochs=TUNING_EPOCHS)]
    return study(recipes, seeds, validation_data(data), folder, **options)


def shape_recipes() -> list[Recipe]:
    """The MLPs of three hidden layers, none too narrow or wide, with as many parameters as LeNet-5.

    Forty, in the order of their widths; each is trained as the MLP of the report.
    """
    total = sum(layer.parameters for layer in counting.derive("lenet5"))
    found = counting.solve_widths(total, low=SHAPE_LOW, high=SHAPE_HIGH)
    names = ["-".join(map(str, widths)) for widths in found]
    return [recipe("mlp", epochs=SHAPE_EPOCHS, widths=widths) for widths in names]


def trials(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a candidate: technique, values, seeds, accuracy (mean, validation), chosen.

    Raises:
        UserError: some candidate has no runs.
    """
    rows = []
    for technique, changes in CANDIDATES.items():
        for change in changes:
            given = tried(technique, change)
            found = [run.accuracy for run in runs if run.recipe == given]
            if not found:
                raise UserError(f"no tuning run of {given}; make them with plan.tune(load())")
            rows.append((technique, _words(change), len(found), sum(found) / len(found), change))
    columns = ["technique", "values", "seeds", "accuracy", "change"]
    frame = pd.DataFrame(rows, columns=columns)
    best = frame.groupby("technique")["accuracy"].idxmax()  # the first of equals
    return frame.assign(chosen=frame.index.isin(best))


def _words(change: dict) -> str:
    """Only what differs between candidates: "weight_decay 0.0005"."""
    values = {name: value for name, value in change.items() if isinstance(value, float)}
    return ", ".join(f"{name} {value:g}" for name, value in values.items()) or "none to tune"


def choose(runs: Sequence[Run]) -> dict[str, dict]:
    """The chosen change of each technique, by the rule above."""
    frame = trials(runs)
    return frame[frame["chosen"]].set_index("technique")["change"].to_dict()


def at_the_edge() -> list[str]:
    """Techniques whose best value is the least or the greatest that was tried."""
    return [
        technique
        for technique, (name, values, _) in TUNED.items()
        if len(values) > 1 and TECHNIQUES[technique][name] in (min(values), max(values))
    ]


def provenance() -> pd.DataFrame:
    """One row a hyperparameter, in the order of use: where it acts, its value, where from."""
    assignment, by_hand = "the assignment", "set by hand, not tuned"
    bounds = f"{DEFAULT.degrees:g}°, {DEFAULT.pixels:g} px, {100 * DEFAULT.scale:g} %, "
    bounds += f"shear {DEFAULT.shear:g}; elastic {DEFAULT.elastic:g} px"
    pairs = "; ".join(f"{decay:g}, {far:g}" for decay, far in PAIRS)
    chosen = f"{ALL.weight_decay:g}, {ALL.distortion:g}"
    rows = [
        ("all rows", "batch size", f"{BASELINE.batch_size}", assignment),
        ("all rows", "epochs", f"{BASELINE.epochs}", "set beforehand, equal for all"),
        ("baseline", "learning rate, constant", f"{BASELINE.learning_rate:g}", assignment),
        ("baseline", "momentum", f"{BASELINE.momentum:g}", assignment),
        *(_tuned(technique) for technique in TUNED if technique != "batch norm"),
        ("batch norm", "momentum and ε", "0.1, 1e-5", "PyTorch's defaults"),
        ("one-cycle", "share of steps before the peak", "0.3", "PyTorch's default"),
        ("affine, elastic", "bounds at distortion 1", bounds, by_hand),
        ("elastic", "smoothness σ, pixels", f"{SMOOTHNESS:g}", "Simard et al. 2003"),
        ("all together", "weight decay, distortion", chosen, f"tuned over the pairs {pairs}"),
        ("all together", "peak learning rate", f"{ALL.learning_rate:g}", by_hand),
        ("all together", "label smoothing", f"{ALL.label_smoothing:g}", by_hand),
        ("all together", "EMA decay", f"{ALL.ema_decay:g}", by_hand),
    ]
    return pd.DataFrame(rows, columns=["where", "hyperparameter", "value", "from"])


def _tuned(technique: str) -> tuple[str, str, str, str]:
    name, values, _ = TUNED[technique]
    chosen, over = f"{TECHNIQUES[technique][name]:g}", ", ".join(f"{value:g}" for value in values)
    return technique, name.replace("_", " "), chosen, f"tuned over {over}"


def candidates(added: pd.DataFrame) -> list[str]:
    """The rows that the study asks to try again, by CONFIRMATION_RULE, in its order.

    Args:
        added: as from compare: each technique alone, with the baseline.
    """
    alone = added.filter(like="lenet5 + ", axis=0)
    return list(alone.index[(alone["p"] < ALPHA) & (alone["difference"] > 0)])


def missing(runs: Sequence[Run]) -> int:
    """How many of the runs that are to confirm are not among these."""
    made = {(name, run.seed) for name, those in by_row(runs).items() for run in those}
    return sum((name, seed) not in made for name in RETRIED for seed in CONFIRMATION_SEEDS)


def confirm(runs: Sequence[Run], rng: np.random.Generator | int = 0) -> pd.DataFrame | None:
    """The baseline and each retried technique as from compare; None before all runs are there.

    `runs` are those of CONFIRMATION_FOLDER; those of other rows or seeds are left out.
    """
    if missing(runs):
        return None
    rows = by_row([run for run in runs if run.seed in CONFIRMATION_SEEDS])
    return compare({name: rows[name] for name in RETRIED}, "lenet5", rng)


def retried(second: pd.DataFrame) -> pd.DataFrame:
    """What confirm() found without the baseline; index: names of techniques."""
    return second.iloc[1:].rename(index=lambda name: name.removeprefix("lenet5 + "))


def words(second: pd.DataFrame | None) -> str:
    """What confirm() found, in a sentence without the baseline's name."""
    seeds = f"Retried from {len(CONFIRMATION_SEEDS)} fresh seeds"
    if second is None:
        return f"{seeds}: not complete yet."
    rows = retried(second)
    rows["verdict"] = np.where(rows["verdict"] == "helps", "yes", "no")
    yes, no = (which(rows, answer) for answer in ("yes", "no"))
    return f"{seeds}, confirmed to help: {yes}; not confirmed: {no}."
