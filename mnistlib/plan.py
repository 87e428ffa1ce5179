"""What was planned: values to try and how they are chosen, what decides, and its judgement.

Tuning, by a rule that was fixed beforehand: the candidate with the highest mean accuracy on the
5,000 validation digits after the last epoch, over TUNING_SEEDS; the first of equals. No test digit
takes part. The trials are kept and come from

    study([recipe for *_, recipe in tried()], TUNING_SEEDS, validation_data(load()), TUNING_FOLDER)

What decides are seeds that took no part in any choice, as many as were fixed beforehand, judged
once. That was written down in data/plan.md before the first of them was run.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from mnistlib.augment import DEFAULT, SMOOTHNESS
from mnistlib.base import RUNS, UserError
from mnistlib.comparison import ALONE, DISPUTED, WITHIN, by_row, judged
from mnistlib.config import ALL, BASELINE, NO_BATCH_NORM, OLD, ONE_CYCLE, REPLACED, ROWS, Recipe
from mnistlib.dataset.digits import FINGERPRINT
from mnistlib.runs import Run

TUNING_FOLDER, TUNING_EPOCHS, TUNING_SEEDS = RUNS / "tuning", 15, (0, 1)
# the MLP's shapes: all of LeNet-5's size with three hidden layers of this many units, on the split
SHAPES_FOLDER, SHAPE_EPOCHS, SHAPE_SEEDS = RUNS / "validation", 10, (0, 1, 2)
SHAPE_LOW, SHAPE_HIGH = 10, 256
TUNED: dict[str, tuple[Recipe, str, tuple]] = {  # what it changes, the value, what was tried
    "weight decay": (BASELINE, "weight_decay", (1e-4, 5e-4, 2e-3)),
    "dropout": (replace(BASELINE, **NO_BATCH_NORM), "dropout", (0.1, 0.25, 0.5)),
    "batch norm": (BASELINE, "model", ("lenet5_reg",)),  # nothing to choose
    "label smoothing": (BASELINE, "label_smoothing", (0.05, 0.1, 0.2)),
    "affine": (replace(BASELINE, augment="affine"), "distortion", (0.5, 1.0, 1.5)),
    "affine+elastic": (replace(BASELINE, augment="affine+elastic"), "distortion", (0.5, 1.0, 1.5)),
    "averaging": (replace(BASELINE, averaging="ema"), "ema_decay", (0.99, 0.998, 0.9995)),
    "one-cycle": (replace(BASELINE, **ONE_CYCLE), "learning_rate", (0.02, 0.05, 0.1)),
}
# As many tries for the baseline's rate, which came out as the assignment's; for the MLP, which has
# all of all together but batch norm, for which it has no layers; and for SGD in LeNet-5 of 1998.
FAIR: dict[str, tuple[Recipe, str, tuple]] = {  # the same by row
    "lenet5": (BASELINE, "learning_rate", (0.003, 0.01, 0.03)),
    "mlp + one-cycle": (replace(ROWS["mlp"], **ONE_CYCLE), "learning_rate", (0.02, 0.05, 0.1)),
    "mlp + all it can take": (replace(ALL, model="mlp"), "distortion", (0.25, 0.5, 1.0)),
    "lenet5_1998 + SGD": (ROWS["lenet5_1998 + SGD"], "learning_rate", (3e-4, 1e-3, 3e-3)),
}
LOOKED_AT = {  # trials made in the same way that choose nothing; data/plan-1998.md says what did
    name: [replace(OLD, epochs=TUNING_EPOCHS, **{name: value}) for value in values]
    for name, values in {"rubbish": (0.0, 5.0, 20.0), "batch_size": (1, 10, 25, 50)}.items()
}
ROWS_1998, SEEDS_1998 = [f"lenet5_1998 + {name}" for name in (*REPLACED, "affine")], range(10)
PAIRS = ((1e-4, 0.5), (5e-4, 1.0), (1e-3, 1.5))  # gentler, as first guessed, stronger

EXPLORED, DECIDING, LONGER_SEEDS = range(30), range(30, 50), range(30, 40)
ADDED, FAIRLY = "Added to LeNet-5, and the MLP", "The MLP on fair terms"
LONGER, PARTS = "Longer training", "Parts of all together"
FAMILIES: dict[str, dict[str, str]] = {  # each row that is judged, and what it is compared with
    ADDED: dict.fromkeys((*ALONE, "mlp"), "lenet5"),
    FAIRLY: {"mlp + one-cycle": "lenet5 + one-cycle", "mlp + all it can take": "lenet5_reg"},
    LONGER: {f"{row} (epochs=90)": row for row in ("lenet5", "lenet5_reg")},
    PARTS: dict.fromkeys(WITHIN, "lenet5_reg"),
}


def tried() -> list[tuple[str, str, Recipe]]:
    """Each candidate: its technique, its values in words, and the recipe that stands for it."""
    found = []
    for technique, (given, name, values) in {**TUNED, **FAIR}.items():
        for value in values:
            words = f"{value:g}" if len(values) > 1 else "none to tune"
            found.append((technique, words, replace(given, epochs=TUNING_EPOCHS, **{name: value})))
    for decay, far in PAIRS:
        given = replace(ALL, epochs=TUNING_EPOCHS, weight_decay=decay, distortion=far)
        found.append(("all together", f"{decay:g}, {far:g}", given))
    return found


def trials(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a candidate: technique, values, recipe, seeds, accuracy (mean, validation), chosen.
    UserError where a candidate has no runs."""
    rows = []
    for technique, values, given in tried():
        found = [run.accuracy for run in runs if run.recipe == given and run.seed in TUNING_SEEDS]
        if not found:
            raise UserError(f"no tuning run of {given}; plan.py says how they are made")
        rows.append((technique, values, given, len(found), sum(found) / len(found)))
    frame = pd.DataFrame(rows, columns=["technique", "values", "recipe", "seeds", "accuracy"])
    best = frame.groupby("technique")["accuracy"].idxmax()  # the first of equals
    return frame.assign(chosen=frame.index.isin(best))


def untuned() -> pd.DataFrame:
    """What no trial chose, a row a value, in the order of use: where it acts, what, where from."""
    by_hand, together = "set by hand, not tuned", "all together"
    bounds = f"{DEFAULT.degrees:g}°, {DEFAULT.pixels:g} px, {100 * DEFAULT.scale:g} %, "
    bounds += f"shear {DEFAULT.shear:g}; elastic {DEFAULT.elastic:g} px"
    rows = [
        ("all rows", "batch size", BASELINE.batch_size, "the assignment"),
        ("all rows", "epochs", f"{BASELINE.epochs}; 90 in two", "set beforehand"),
        ("baseline", "momentum", BASELINE.momentum, "the assignment"),
        ("batch norm", "momentum and ε", "0.1, 1e-5", "PyTorch's defaults"),
        ("one-cycle", "share of steps before the peak", 0.3, "PyTorch's default"),
        ("affine, elastic", "bounds at distortion 1", bounds, by_hand),
        ("elastic", "smoothness σ, pixels", SMOOTHNESS, "Simard et al. 2003"),
        (together, "peak learning rate", ALL.learning_rate, by_hand),
        (together, "label smoothing", ALL.label_smoothing, by_hand),
        (together, "EMA decay", ALL.ema_decay, by_hand),
    ]
    return pd.DataFrame(rows, columns=["where", "hyperparameter", "value", "from"])


def stages() -> list[tuple[list[str], range]]:
    """Rows and seeds in the order in which they are made: a complete smaller study comes first."""
    decided = ["lenet5", *FAMILIES[ADDED], *FAMILIES[FAIRLY]]
    first = [(decided, DECIDING[:10]), (decided, DECIDING[10:])]
    last = [(["lenet5_1998"], SEEDS_1998), (ROWS_1998, SEEDS_1998[:5])]  # of data/plan-1998.md
    return [*first, ([*FAMILIES[LONGER]], LONGER_SEEDS), ([*FAMILIES[PARTS]], DECIDING), *last]


def planned(family: str) -> set[tuple[Recipe, int]]:
    """Recipe and seed of each run that decides a family, those it is compared with among them."""
    names = {*FAMILIES[family], *FAMILIES[family].values()}
    seeds = LONGER_SEEDS if family == LONGER else DECIDING
    return {(ROWS[name], seed) for name in names for seed in seeds}


def missing(runs: Sequence[Run], family: str = ADDED) -> int:
    """How many runs that decide a family are not among these, on MNIST, in portable arithmetic."""
    decide = [run for run in runs if run.versions.get("arithmetic") == "portable"]
    there = {(r.recipe, r.seed) for r in decide if r.dataset["fingerprint"] == FINGERPRINT}
    return len(planned(family) - there)


def counted(runs: Sequence[Run], family: str = ADDED) -> list[Run]:
    """The runs that a family is judged by: those that decide, if all are there, or explored.
    UserError where they are of different digits."""
    if len({run.dataset["fingerprint"] for run in runs}) > 1:
        raise UserError("found runs on different digits; give a folder of those on one data set")
    decide = planned(family)
    if not missing(runs, family):
        return [run for run in runs if (run.recipe, run.seed) in decide]
    found = [run for run in runs if run.recipe in {recipe for recipe, _ in decide}]
    return [run for run in found if run.seed in EXPLORED] or found


def judge(runs: Sequence[Run]) -> dict[str, pd.DataFrame]:
    """Each family that has runs, by name, as from judged(); what others are compared with in it
    comes first.

    Further columns: undisputed, spoilt (the verdict without disputed images, and without the seed
    that favours it most) and decided (judged as planned; otherwise exploratory).
    """
    study, disputed = {}, DISPUTED if runs and runs[0].dataset["name"] == "MNIST" else ()
    for name, family in FAMILIES.items():
        rows = by_row(counted(runs, name))
        seeds = {row: {run.seed for run in rows.get(row, [])} for row in ROWS}
        there = {row: other for row, other in family.items() if len(seeds[row] & seeds[other]) > 2}
        if there:
            there = {**{other: other for other in there.values()}, **there}
            frame = judged(rows, there)
            frame["undisputed"] = judged(rows, there, without=disputed)["verdict"]
            firm = frame["verdict"].isin(["helps", "hurts"])
            frame["spoilt"] = judged(rows, there, spoilt=firm.to_dict())["verdict"]
            study[name] = frame.assign(decided=not missing(runs, name))
    return study


def standing(runs: Sequence[Run]) -> str:
    """What the verdicts rest on, in sentences."""
    if left := missing(runs):
        explored = f"seeds {EXPLORED[0]} to {EXPLORED[-1]} chose what to try"
        there = f"{len(planned(ADDED)) - left} of the {len(planned(ADDED))} runs"
        return f"Exploratory ({explored}); {there} that will decide this are there."
    waiting = [
        name[0].lower() + name[1:] for name in (FAIRLY, LONGER, PARTS) if missing(runs, name)
    ]
    seeds = f"{len(DECIDING)} seeds ({DECIDING[0]} to {DECIDING[-1]})"
    words = f"Judged once, as planned, from {seeds} that took no part in any choice"
    return f"{words}; not judged yet: {', '.join(waiting)}." if waiting else f"{words}."
