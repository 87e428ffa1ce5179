"""The second look: what the study hinted at, tried again from fresh seeds.

Written down when the study's ten seeds were known and before any of these runs was made. Adding
seeds to a study until something shows would find something in the end; seeds that took no part in
choosing the question, as many as were fixed beforehand and judged once, do not.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnistlib.ablations import by_row
from mnistlib.base import RUNS
from mnistlib.runs import Run
from mnistlib.verdicts import ALPHA, compare, which

if TYPE_CHECKING:
    import pandas as pd

FOLDER = RUNS / "confirmation"
SEEDS = range(10, 30)
BASELINE = "lenet5"
TECHNIQUES = ("label smoothing", "affine", "affine+elastic")
NAMES = (BASELINE, *(f"{BASELINE} + {technique}" for technique in TECHNIQUES))
RULE = (
    "Each technique that was better alone with an *uncorrected* p-value below 0.05 in the study is "
    "trained again, as it was there, from 20 seeds that the study did not use, 10 to 29, and so is "
    "the baseline. These seeds alone are judged, once, when all of them are there: a technique is "
    "*confirmed* if it helps by the study's rule, with Holm's correction over the techniques that "
    "are tried again. What the study's own verdict was does not count."
)


def candidates(added: "pd.DataFrame") -> list[str]:
    """The rows that the study asks to try again, by RULE, in its order.

    Args:
        added: as from verdicts.compare: each technique alone, with the baseline.
    """
    alone = added.filter(like=f"{BASELINE} + ", axis=0)
    return list(alone.index[(alone["p"] < ALPHA) & (alone["difference"] > 0)])


def missing(runs: Sequence[Run]) -> int:
    """How many of the planned runs are not among these."""
    made = {(name, run.seed) for name, those in by_row(runs).items() for run in those}
    return sum((name, seed) not in made for name in NAMES for seed in SEEDS)


def confirm(runs: Sequence[Run], rng: np.random.Generator) -> "pd.DataFrame | None":
    """The baseline and each technique as from verdicts.compare; None before all runs are there.

    Args:
        runs: records from FOLDER; those of other rows or seeds are left out.
        rng: for the bootstrap.
    """
    if missing(runs):
        return None
    rows = by_row([run for run in runs if run.seed in SEEDS])
    return compare({name: rows[name] for name in NAMES}, BASELINE, rng)


def tried(second: "pd.DataFrame") -> "pd.DataFrame":
    """What confirm() found without the baseline; index: names of techniques."""
    return second.iloc[1:].rename(index=lambda name: name.removeprefix(f"{BASELINE} + "))


def words(second: "pd.DataFrame | None") -> str:
    """What confirm() found, in a sentence without the baseline's name."""
    seeds = f"Retried from {len(SEEDS)} fresh seeds"
    if second is None:
        return f"{seeds}: not complete yet."
    rows = tried(second)
    rows["verdict"] = np.where(rows["verdict"] == "helps", "yes", "no")
    yes, no = (which(rows, answer) for answer in ("yes", "no"))
    return f"{seeds}, confirmed to help: {yes}; not confirmed: {no}."
