"""What the report claims, each claim beside the evidence that the records give for it.

The claims were written down as one would like to make them; the records decide which of them stand.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mnistlib import confirmation
from mnistlib.ablations import ALONE, BASELINE, BOTH_WAYS, ROWS, WITHIN, label
from mnistlib.known import ERRORS
from mnistlib.runs import Run
from mnistlib.verdicts import VERDICTS, both_ways, compare, undecided, which

if TYPE_CHECKING:
    import pandas as pd

ERROR_1998 = ERRORS["LeNet-5"]
ERROR_2003 = ERRORS["convolutional network, elastic distortions"]
SURE = 0.95  # how often one run must come out ahead of another to be called enough


class Claim(NamedTuple):
    """A sentence, what the records say about it, and whether that supports it."""

    claim: str
    evidence: str
    supported: bool


class Study(NamedTuple):
    """The study's comparisons, as from verdicts.compare.

    Attributes:
        duel: the MLP against LeNet-5.
        added: each technique, and all together, against LeNet-5.
        removed: each change to all together, against it.
    """

    duel: "pd.DataFrame"
    added: "pd.DataFrame"
    removed: "pd.DataFrame"


def judge(
    rows: Mapping[str, Sequence[Run]], rng: np.random.Generator, without: Iterable[int] = ()
) -> Study:
    """Compare the study's rows; rows with fewer than two runs are left out.

    Args:
        rows: runs by the names in ablations.ROWS; lenet5, mlp and lenet5_reg must be there.
        rng: for the bootstrap.
        without: test images to leave out, by index.
    """
    enough = {name: runs for name, runs in rows.items() if len(runs) > 1}
    families = (["lenet5", "mlp"], ["lenet5", *ALONE], ["lenet5_reg", *WITHIN])
    return Study(
        *(
            compare({n: enough[n] for n in names if n in enough}, names[0], rng, without)
            for names in families
        )
    )


def claims(study: Study, second: "pd.DataFrame | None") -> list[Claim]:
    """The report's claims in the order in which it makes them.

    Args:
        study: as from judge.
        second: as from confirmation.confirm.
    """
    alone = study.added.iloc[1:].rename(index=label)
    techniques = alone.drop("all together")
    return [
        _as_good_as_1998(study.added.loc["lenet5"]),
        _convolution(study.duel.loc["mlp"]),
        _together(alone.loc["all together"]),
        _three_help(alone),
        _three_confirmed(second),
        _all_help(techniques),
        _all_needed(study.removed.filter(like=" - ", axis=0).rename(index=label)),
        _adds_up(study),
        _one_run(techniques),
        _beats_2003(study.removed.loc["lenet5_reg"]),
    ]


def table(found: Sequence[Claim]) -> "pd.DataFrame":
    """One row a claim: claim, evidence, and "supported" or "not supported"."""
    import pandas as pd

    frame = pd.DataFrame(found)
    frame["verdict"] = np.where(frame.pop("supported"), "supported", "not supported")
    return frame.set_index("claim")


def results(study: Study) -> "pd.DataFrame":
    """One row a recipe, as people read it: error, difference, p-value, verdict.

    Columns are those of readable().
    """
    import pandas as pd

    parts = [
        study.added.iloc[:1],
        study.duel.iloc[1:],
        study.added.iloc[1:],
        study.removed.iloc[1:],
    ]
    return readable(pd.concat(parts))


def readable(frame: "pd.DataFrame") -> "pd.DataFrame":
    """verdicts.compare's rows in words; index: labels.

    "better" is how often one run beats one of the baseline, from any two seeds.
    """
    import pandas as pd

    frame = frame.rename(index=label)
    rows = list(frame.itertuples())
    return pd.DataFrame(
        {
            "test error": [_briefly(error_words(row), " over") for row in rows],
            "seeds": frame["seeds"],
            "difference": [_difference(row) for row in rows],
            "p (Holm)": ["–" if isnan(row.p) else f"{row.p_holm:.2g}" for row in rows],
            "better": [f"{100 * row.better:.0f} %" for row in rows],
            "verdict": frame["verdict"],
        },
        index=frame.index,
    )


def _difference(row: object) -> str:
    return "–" if isnan(row.p) else _briefly(gain_words(row).replace(" points", ""), ";")


def _briefly(words: str, end: str) -> str:
    """Words in parentheses only up to `end`."""
    return words.partition(end)[0] + ")"


def abstract(study: Study, second: "pd.DataFrame | None") -> str:
    """The study in a paragraph of Markdown: question, method, results; arguments as claims'."""
    alone = study.added.iloc[1:].rename(index=label)
    within = study.removed.iloc[1:].rename(index=label)
    least, most = alone["seeds"].min(), study.added["seeds"].max()
    seeds = f"{least}" if least == most else f"{least} to {most}"
    lenet5, mlp, reg = study.added.loc["lenet5"], study.duel.loc["mlp"], alone.loc["all together"]
    return (
        "**Question.** With equally many parameters, does convolution read handwritten digits "
        "better than full connections, and which regularization techniques improve it? "
        f"**Method.** {len(ROWS)} recipes on MNIST, each trained from {seeds} paired seeds for "
        f"{BASELINE.epochs} epochs on all training digits and scored at the last epoch; values "
        "were chosen on a validation split. Differences are paired by seed, p-values are those of "
        f"sign flips, corrected by Holm. **Results.** Test errors: LeNet-5 {error_words(lenet5)}, "
        f"MLP {error_words(mlp)}, LeNet-5 with all techniques {error_words(reg)}. "
        f"{family_words('Added alone', alone)} {confirmation.words(second)} "
        f"{family_words('Changes to all together', within)}"
    )


def family_words(what: str, family: "pd.DataFrame") -> str:
    """The verdicts on the rows that share a baseline, in a sentence, without "all together".

    Where no verdict can have come out yet, it says how many seeds are missing instead.
    """
    rows = family.drop("all together", errors="ignore")
    rows = rows.set_axis(rows.index.str.removeprefix("+ "))
    told = undecided(family) or "; ".join(f"{v}: {which(rows, v)}" for v in VERDICTS)
    return f"{what}, {told}."


def error_words(row: object) -> str:
    """A recipe's error in words: "0.77 % (0.75 to 0.79 over 10 seeds)"."""
    low, high = 100 * row.error_low, 100 * row.error_high
    return f"{100 * row.error:.2f} % ({low:.2f} to {high:.2f} over {row.seeds} seeds)"


def gain_words(row: object) -> str:
    """A difference in words: "+0.33 points (+0.30 to +0.36; p = 0.02 by Holm)"."""
    value, low, high = 100 * row.difference, 100 * row.low, 100 * row.high
    words = f"{value:+.2f} points ({low:+.2f} to {high:+.2f}; p = {row.p_holm:.2g} by Holm)"
    return words.replace("-", "−")


def _as_good_as_1998(lenet5: object) -> Claim:
    text = (
        f"LeNet-5, by the assignment's recipe, reaches the {100 * (1 - ERROR_1998):.2f} % of 1998."
    )
    evidence = f"test error {error_words(lenet5)}, against {100 * ERROR_1998:.2f} %"
    return Claim(text, evidence, bool(lenet5.error_low <= ERROR_1998))


def _convolution(mlp: object) -> Claim:
    text = "With the same number of parameters LeNet-5 reads better than the MLP."
    return Claim(text, f"MLP − LeNet-5: {gain_words(mlp)}", mlp.verdict == "hurts")


def _together(reg: object) -> Claim:
    text = "All techniques together improve LeNet-5."
    return Claim(text, gain_words(reg), reg.verdict == "helps")


def _three_help(alone: "pd.DataFrame") -> Claim:
    n = int((alone.drop("all together")["verdict"] == "helps").sum())
    text = "At least three techniques help when each is added alone."
    return Claim(
        text, f"{n} of {len(alone) - 1} help. {family_words('Added alone', alone)}", n >= 3
    )


def _three_confirmed(second: "pd.DataFrame | None") -> Claim:
    text = "At least three techniques help alone, judged by fresh seeds only."
    if second is None:
        return Claim(text, confirmation.words(None), False)
    rows = confirmation.tried(second)
    gains = "; ".join(f"{name} {gain_words(row)}" for name, row in rows.iterrows())
    n = int((rows["verdict"] == "helps").sum())
    return Claim(text, f"{confirmation.words(second)} Gains: {gains}.", n >= 3)


def _all_help(alone: "pd.DataFrame") -> Claim:
    hurt, none = which(alone, "hurts"), which(alone, "no evidence")
    evidence = f"hurt: {hurt}; no evidence: {none}"
    text = "Every technique helps when it is added alone."
    return Claim(text, evidence, bool((alone["verdict"] == "helps").all()))


def _all_needed(without: "pd.DataFrame") -> Claim:
    needed = which(without, "hurts")
    evidence = f"worse for it: {needed}; no evidence: {which(without, 'no evidence')}"
    text = "Every part of the combination is needed: without it, it is worse."
    return Claim(text, evidence, bool((without["verdict"] == "hurts").all()))


def _adds_up(study: Study) -> Claim:
    pairs = {k: p for k, p in BOTH_WAYS.items() if p[0] in study.added.index and " - " in p[1]}
    pairs = {k: p for k, p in pairs.items() if p[1] in study.removed.index}
    total = float(both_ways(study.added, study.removed, pairs)["alone"].sum())
    reg = study.added.loc["lenet5_reg"]
    evidence = f"alone {100 * total:+.2f} points in sum; together {gain_words(reg)}"
    fits = bool(reg.low <= total <= reg.high)
    return Claim("The gains of the single techniques add up.", evidence, fits)


def _one_run(alone: "pd.DataFrame") -> Claim:
    helping = alone[alone["verdict"] == "helps"]
    text = "One run of each is enough to see that a technique helps."
    if helping.empty:
        return Claim(text, "none helps", False)
    weakest = helping["better"].idxmin()
    share = helping["better"].min()
    evidence = (
        f"one run {weakest} beats one of the baseline in {100 * share:.0f} % of all pairs of runs"
    )
    return Claim(text, evidence, bool(share >= SURE))


def _beats_2003(reg: object) -> Claim:
    text = f"The regularized LeNet-5 makes fewer errors than the {100 * ERROR_2003:.2f} % of 2003."
    return Claim(text, f"test error {error_words(reg)}", bool(reg.error_high < ERROR_2003))
