"""What the report claims, each claim beside the evidence that the records give for it.

The claims were written down as one would like to make them; the records decide which of them stand.
Ours are held against what others published: LeCun, Bottou, Bengio, Haffner, "Gradient-based
learning applied to document recognition", Proc. IEEE 86(11), 1998, figure 9; Simard, Steinkraus,
Platt, "Best practices for convolutional neural networks applied to visual document analysis", ICDAR
2003, table 1. Each of those is one network (or one committee), trained once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from mnistlib import plan
from mnistlib.comparison import ALONE, BOTH_WAYS, VERDICTS, WITHIN, compare, label, which
from mnistlib.runs import Run

KNOWN = (  # method, test error as a fraction, source
    ("two-layer MLP 300-100", 0.0305, "LeCun et al. 1998"),
    ("LeNet-5", 0.0095, "LeCun et al. 1998"),
    ("LeNet-5, distorted digits", 0.0080, "LeCun et al. 1998"),
    ("boosted LeNet-4, distorted digits", 0.0070, "LeCun et al. 1998"),
    ("convolutional network, elastic distortions", 0.0040, "Simard et al. 2003"),
)
ERROR_1998, ERROR_2003 = KNOWN[1][1], KNOWN[-1][1]
LENET5_1998 = 1 - ERROR_1998
SURE = 0.95  # how often one run must come out ahead of another to be called enough


class Study(NamedTuple):
    """The study's comparisons, as from compare.

    Attributes:
        duel: the MLP against LeNet-5.
        added: each technique, and all together, against LeNet-5.
        removed: each change to all together, against it.
    """

    duel: pd.DataFrame
    added: pd.DataFrame
    removed: pd.DataFrame


def judge(rows: Mapping[str, Sequence[Run]], without: Iterable[int] = ()) -> Study:
    """Compare the study's rows; rows with fewer than two runs are left out.

    Args:
        rows: runs by the names of the study's rows; lenet5, mlp and lenet5_reg must be there.
        without: test images to leave out, by index.
    """
    enough = {name: runs for name, runs in rows.items() if len(runs) > 1}
    families = (["lenet5", "mlp"], ["lenet5", *ALONE], ["lenet5_reg", *WITHIN])
    there = [{name: enough[name] for name in names if name in enough} for names in families]
    return Study(*(compare(family, next(iter(family)), without) for family in there))


def claims(study: Study, second: pd.DataFrame | None) -> pd.DataFrame:
    """What the report claims; index: claim, columns: evidence, "supported" or "not supported".

    Args:
        study: as from judge.
        second: as from plan.confirm.
    """
    found = [*_of_networks(study), *_of_techniques(study, second), *_of_parts(study)]
    frame = pd.DataFrame(found, columns=["claim", "evidence", "verdict"]).set_index("claim")
    frame["verdict"] = frame["verdict"].map({True: "supported", False: "not supported"})
    return frame


def _of_networks(study: Study) -> Iterator[tuple[str, str, bool]]:
    lenet5, mlp = study.duel.loc["lenet5"], study.duel.loc["mlp"]
    together, reg = study.added.loc["lenet5_reg"], study.removed.loc["lenet5_reg"]
    text = f"LeNet-5, by the assignment's recipe, reaches the {100 * LENET5_1998:.2f} % of 1998."
    evidence = f"test error {error_words(lenet5)}, against {100 * ERROR_1998:.2f} %"
    yield text, evidence, lenet5.error_low <= ERROR_1998
    text = "With the same number of parameters LeNet-5 reads better than the MLP."
    yield text, f"MLP − LeNet-5: {gain_words(mlp)}", mlp.verdict == "hurts"
    text = "All techniques together improve LeNet-5."
    yield text, gain_words(together), together.verdict == "helps"
    text = f"The regularized LeNet-5 makes fewer errors than the {100 * ERROR_2003:.2f} % of 2003."
    yield text, f"test error {error_words(reg)}", reg.error_high < ERROR_2003


def _of_techniques(study: Study, second: pd.DataFrame | None) -> Iterator[tuple[str, str, bool]]:
    alone = study.added.drop(["lenet5", "lenet5_reg"]).rename(index=label)
    helping = alone[alone["verdict"] == "helps"]
    text = "At least three techniques help when each is added alone."
    evidence = f"{len(helping)} of {len(alone)} help. {family_words('Added alone', study.added)}"
    yield text, evidence, len(helping) >= 3
    text, confirmed = "At least three techniques help alone, judged by fresh seeds only.", False
    evidence = plan.words(second)
    if second is not None:
        rows = plan.retried(second)
        gains = "; ".join(f"{name} {gain_words(row)}" for name, row in rows.iterrows())
        evidence, confirmed = f"{evidence} Gains: {gains}.", sum(rows["verdict"] == "helps") >= 3
    yield text, evidence, confirmed
    text = "Every technique helps when it is added alone."
    evidence = f"hurt: {which(alone, 'hurts')}; no evidence: {which(alone, 'no evidence')}"
    yield text, evidence, len(helping) == len(alone)
    text = "One run of each is enough to see that a technique helps."
    evidence, sure = "none helps", False
    if len(helping):
        weakest, share = helping["better"].idxmin(), helping["better"].min()
        evidence = f"one run {weakest} beats one of the baseline in {100 * share:.0f} % of pairs"
        sure = share >= SURE
    yield text, evidence, sure


def _of_parts(study: Study) -> Iterator[tuple[str, str, bool]]:
    without = study.removed.filter(like=" - ", axis=0).rename(index=label)
    needed, unclear = which(without, "hurts"), which(without, "no evidence")
    text = "Every part of the combination is needed: without it, it is worse."
    evidence = f"worse for it: {needed}; no evidence: {unclear}"
    yield text, evidence, (without["verdict"] == "hurts").all()
    parts = [a for a, b in BOTH_WAYS.values() if " - " in b and b in study.removed.index]
    total, together = study.added.loc[parts, "difference"].sum(), study.added.loc["lenet5_reg"]
    evidence = f"alone {100 * total:+.2f} points in sum; together {gain_words(together)}"
    fits = together.low <= total <= together.high
    yield "The gains of the single techniques add up.", evidence, fits


def results(study: Study) -> pd.DataFrame:
    """The whole study as people read it, a row a recipe; columns as readable()'s."""
    frames = study.added[:1], study.duel[1:], study.added[1:], study.removed[1:]
    return readable(pd.concat(frames))


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """compare's rows in words; index: labels."""
    frame = frame.rename(index=label)
    rows = list(frame.itertuples())
    gains = [gain_words(row).replace(" points", "").partition(";")[0] + ")" for row in rows]
    table = {
        "test error": [error_words(row).partition(" over")[0] + ")" for row in rows],
        "seeds": frame["seeds"],
        "difference": gains,
        "p (Holm)": frame["p_holm"].map("{:.2g}".format),
        "better": (100 * frame["better"]).map("{:.0f} %".format),
        "verdict": frame["verdict"],
    }
    table = pd.DataFrame(table, frame.index)
    table.loc[frame["p"].isna(), ["difference", "p (Holm)"]] = "–"
    return table


def family_words(what: str, family: pd.DataFrame) -> str:
    """The verdicts on the rows that share a baseline, in a sentence; `family` as from compare.

    All together is left out: it is no technique.
    """
    rows = family[1:].drop("lenet5_reg", errors="ignore").rename(index=label)
    rows = rows.set_axis(rows.index.str.removeprefix("+ "))
    return f"{what}, {'; '.join(f'{verdict}: {which(rows, verdict)}' for verdict in VERDICTS)}."


def error_words(row: object) -> str:
    """A recipe's error in words: "0.77 % (0.75 to 0.79 over 10 seeds)"."""
    low, high = 100 * row.error_low, 100 * row.error_high
    return f"{100 * row.error:.2f} % ({low:.2f} to {high:.2f} over {row.seeds} seeds)"


def gain_words(row: object) -> str:
    """A difference in words: "+0.33 points (+0.30 to +0.36; p = 0.02 by Holm)"."""
    value, low, high = 100 * row.difference, 100 * row.low, 100 * row.high
    words = f"{value:+.2f} points ({low:+.2f} to {high:+.2f}; p = {row.p_holm:.2g} by Holm)"
    return words.replace("-", "−")
