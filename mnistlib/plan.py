"""What was planned: values to try, how they are chosen, and what fresh seeds must confirm.

Tuning, by a rule that was fixed beforehand: the candidate with the highest mean accuracy on the
5,000 validation digits after the last epoch, over the seeds that every candidate of its technique
has; the first of equals. No test digit takes part. The trials are kept (the baseline's beside them)
and come from

    study([recipe for *_, recipe in tried()], TUNING_SEEDS, validation_data(load()), TUNING_FOLDER)

Confirmation was written down when the study's ten seeds were known and before any of its runs was
made. Adding seeds to a study until something shows would find something in the end; seeds that took
no part in choosing the question, as many as were fixed beforehand and judged once, do not.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from statsmodels.stats.power import TTestPower

from mnistlib import stats
from mnistlib.augment import DEFAULT, SMOOTHNESS
from mnistlib.base import RUNS, UserError
from mnistlib.comparison import ALONE, ALPHA, WITHIN, by_row, compare, which
from mnistlib.config import ALL, BASELINE, NO_BATCH_NORM, ONE_CYCLE, RECIPES, TECHNIQUES, Recipe
from mnistlib.runs import Run

TUNING_FOLDER, TUNING_EPOCHS, TUNING_SEEDS = RUNS / "tuning", 15, (0, 1)
# the MLP's shapes: all of LeNet-5's size with three hidden layers of this many units, on the split
SHAPES_FOLDER, SHAPE_EPOCHS, SHAPE_SEEDS = RUNS / "validation", 10, (0, 1, 2)
SHAPE_LOW, SHAPE_HIGH = 10, 256
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
# As many tries for the baseline's rate, which came out as the assignment's, and for the MLP, which
# takes all of all together but batch norm: it has no layers for that.
FAIR: dict[str, tuple[Recipe, str, tuple]] = {  # row: what it changes, the value, what was tried
    "lenet5": (BASELINE, "learning_rate", (0.003, 0.01, 0.03)),
    "mlp + one-cycle": (replace(RECIPES["mlp"], **ONE_CYCLE), "learning_rate", (0.02, 0.05, 0.1)),
    "mlp + all it can take": (replace(ALL, model="mlp"), "distortion", (0.25, 0.5, 1.0)),
}
PAIRS = ((5e-4, 1.0), (1e-4, 0.5), (1e-3, 1.5))  # as first guessed, gentler, stronger

CONFIRMATION_FOLDER, CONFIRMATION_SEEDS = RUNS / "confirmation", range(10, 30)
RETRIED = ("lenet5", *(f"lenet5 + {t}" for t in ("label smoothing", "affine", "affine+elastic")))
CONFIRMATION_RULE = (
    "Each technique that was better alone with an *uncorrected* p-value below 0.05 in the study is "
    "trained again, as it was there, from 20 seeds that the study did not use, 10 to 29, and so is "
    "the baseline. These seeds alone are judged, once, when all of them are there: a technique is "
    "*confirmed* if it helps by the study's rule, with Holm's correction over the techniques that "
    "are tried again. What the study's own verdict was does not count."
)

# What decides: from seeds that took no part in any choice, judged once, when all runs are there.
# Written down before the first of them was made; data/plan.md is that plan in words.
EXPLORED, DECIDING, LONGER_SEEDS = range(30), range(30, 50), range(30, 40)
MARGIN = 0.0005  # of accuracy: a difference that is surely smaller is called equivalent
FAMILIES: dict[str, dict[str, str]] = {  # each row that is judged, and what it is compared with
    "Added to LeNet-5, and the MLP": dict.fromkeys((*ALONE, "mlp"), "lenet5"),
    "The MLP on fair terms": {
        "mlp + one-cycle": "lenet5 + one-cycle",
        "mlp + all it can take": "lenet5_reg",
    },
    "Longer training": {f"{row} (epochs=90)": row for row in ("lenet5", "lenet5_reg")},
    "Parts of all together": dict.fromkeys(WITHIN, "lenet5_reg"),
}


def _numbers(*values: float) -> str:
    return ", ".join(f"{value:g}" for value in values)


def tried() -> list[tuple[str, str, Recipe]]:
    """Each candidate: its technique, its values in words, and the recipe that stands for it."""
    found, epochs = [], {"epochs": TUNING_EPOCHS}
    for technique, (name, values, fixed) in TUNED.items():
        for value in values:
            words = _numbers(value) if len(values) > 1 else "none to tune"
            found.append((technique, words, replace(BASELINE, **epochs, **{**fixed, name: value})))
    for decay, far in PAIRS:
        given = replace(ALL, **epochs, weight_decay=decay, distortion=far)
        found.append(("all together", _numbers(decay, far), given))
    for row, (given, name, values) in FAIR.items():
        for value in values:
            found.append((row, _numbers(value), replace(given, **epochs, **{name: value})))
    return found


def trials(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a candidate: technique, values, recipe, seeds, accuracy (mean, validation), chosen.

    Raises:
        UserError: some candidate has no runs.
    """
    rows = []
    for technique, values, given in tried():
        found = [run.accuracy for run in runs if run.recipe == given]
        if not found:
            raise UserError(f"no tuning run of {given}; plan.py says how they are made")
        rows.append((technique, values, given, len(found), sum(found) / len(found)))
    frame = pd.DataFrame(rows, columns=["technique", "values", "recipe", "seeds", "accuracy"])
    best = frame.groupby("technique")["accuracy"].idxmax()  # the first of equals
    return frame.assign(chosen=frame.index.isin(best))


def provenance() -> pd.DataFrame:
    """One row a hyperparameter, in the order of use: where it acts, its value, where from."""
    assignment, by_hand, together = "the assignment", "set by hand, not tuned", "all together"
    bounds = f"{DEFAULT.degrees:g}°, {DEFAULT.pixels:g} px, {100 * DEFAULT.scale:g} %, "
    bounds += f"shear {DEFAULT.shear:g}; elastic {DEFAULT.elastic:g} px"
    pairs = f"tuned over the pairs {'; '.join(_numbers(*pair) for pair in PAIRS)}"
    tuned = [
        (where, name.replace("_", " "), TECHNIQUES[where][name], f"tuned over {_numbers(*values)}")
        for where, (name, values, _) in TUNED.items()
        if where != "batch norm"
    ]
    rows = [
        ("all rows", "batch size", BASELINE.batch_size, assignment),
        ("all rows", "epochs", BASELINE.epochs, "set beforehand, equal for all"),
        ("baseline", "learning rate, constant", BASELINE.learning_rate, assignment),
        ("baseline", "momentum", BASELINE.momentum, assignment),
        *tuned,
        ("batch norm", "momentum and ε", "0.1, 1e-5", "PyTorch's defaults"),
        ("one-cycle", "share of steps before the peak", 0.3, "PyTorch's default"),
        ("affine, elastic", "bounds at distortion 1", bounds, by_hand),
        ("elastic", "smoothness σ, pixels", SMOOTHNESS, "Simard et al. 2003"),
        (together, "weight decay, distortion", _numbers(ALL.weight_decay, ALL.distortion), pairs),
        (together, "peak learning rate", ALL.learning_rate, by_hand),
        (together, "label smoothing", ALL.label_smoothing, by_hand),
        (together, "EMA decay", ALL.ema_decay, by_hand),
    ]
    rows = [(*at, v if isinstance(v, str) else _numbers(v), source) for *at, v, source in rows]
    return pd.DataFrame(rows, columns=["where", "hyperparameter", "value", "from"])


def stages() -> list[tuple[list[str], range]]:
    """Rows and seeds in the order in which they are made: a complete smaller study comes first."""
    first, fair, longer, parts = FAMILIES.values()
    decided = ["lenet5", *first, *fair]
    early, late = DECIDING[:10], DECIDING[10:]
    return [(decided, early), (decided, late), ([*longer], LONGER_SEEDS), ([*parts], DECIDING)]


def power(runs: Sequence[Run]) -> pd.DataFrame:
    """What DECIDING can show of the first family, if its seeds spread as those of EXPLORED do.

    Index: rows; columns: seeds (explored), difference (their mean, accuracy as a fraction), spread
    (standard deviation of paired differences), detectable (the smallest difference that is shown
    with 80 % power at 5 % over the number of comparisons, where Holm begins), power (to show a
    difference as large as the explored one).
    """
    (family, *_), found = FAMILIES.values(), by_row([r for r in runs if r.seed in EXPLORED])
    alpha, n, lines = ALPHA / len(family), len(DECIDING), {}
    for row, against in family.items():
        pairs = pd.DataFrame({x: {r.seed: r.accuracy for r in found[x]} for x in (row, against)})
        gains = pairs[row].sub(pairs[against]).dropna()
        mean, spread = gains.mean(), gains.std()
        chance = TTestPower().power(abs(mean) / spread, n, alpha)
        lines[row] = [len(gains), mean, spread, stats.detectable(gains, n, alpha), chance]
    columns = ["seeds", "difference", "spread", "detectable", "power"]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns)


def candidates(added: pd.DataFrame) -> list[str]:
    """The rows that the study asks to try again, by CONFIRMATION_RULE; `added` as from judge."""
    alone = added.filter(like="lenet5 + ", axis=0)
    return list(alone.index[(alone["p"] < ALPHA) & (alone["difference"] > 0)])


def missing(runs: Sequence[Run]) -> int:
    """How many of the runs that are to confirm are not among these."""
    made = {(name, run.seed) for name, those in by_row(runs).items() for run in those}
    return sum((name, seed) not in made for name in RETRIED for seed in CONFIRMATION_SEEDS)


def confirm(runs: Sequence[Run]) -> pd.DataFrame | None:
    """The baseline and each retried technique as from compare; None before all runs are there.

    `runs` are those of CONFIRMATION_FOLDER; those of other rows or seeds are left out.
    """
    if missing(runs):
        return None
    rows = by_row([run for run in runs if run.seed in CONFIRMATION_SEEDS])
    return compare({name: rows[name] for name in RETRIED}, "lenet5")


def retried(second: pd.DataFrame) -> pd.DataFrame:
    """What confirm() found without the baseline; index: names of techniques."""
    return second[1:].rename(index=lambda name: name.removeprefix("lenet5 + "))


def words(second: pd.DataFrame | None) -> str:
    """What confirm() found, in a sentence without the baseline's name."""
    seeds = f"Retried from {len(CONFIRMATION_SEEDS)} fresh seeds"
    if second is None:
        return f"{seeds}: not complete yet."
    rows = retried(second)
    rows["verdict"] = np.where(rows["verdict"] == "helps", "yes", "no")
    yes, no = (which(rows, answer) for answer in ("yes", "no"))
    return f"{seeds}, confirmed to help: {yes}; not confirmed: {no}."
