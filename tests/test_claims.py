from types import SimpleNamespace

import pandas as pd
import pytest

from mnistlib import claims
from mnistlib.comparison import ALONE, WITHIN, label
from mnistlib.config import ORDER
from mnistlib.plan import ADDED, FAIRLY, FAMILIES, LONGER, PARTS


def line(difference, verdict="not shown", error=0.005, against="lenet5"):
    """A row of plan.judge's with intervals of ± 0.0005."""
    low, high = difference - 0.0005, difference + 0.0005
    return {
        **{"seeds": 10, "error": error, "error_low": error - 0.0005, "error_high": error + 0.0005},
        **{"difference": difference, "low": low, "high": high, "both_low": low, "both_high": high},
        **{"p": 0.002, "p_holm": 0.02, "better": 0.99, "detectable": 0.0007, "verdict": verdict},
        **{"undisputed": verdict, "spoilt": "not shown", "late": 0.001, "late_p": 0.03},
        **{"against": against, "decided": True},
    }


@pytest.fixture
def study():
    """All that one would like to claim."""
    helps = {
        ADDED: {name: line(0.001, "helps", 0.003) for name in ALONE}
        | {"mlp": line(-0.01, "hurts")},
        FAIRLY: {name: line(-0.005, "hurts") for name in FAMILIES[FAIRLY]},
        LONGER: {n: line(0.001, "helps", against=x) for n, x in FAMILIES[LONGER].items()},
        PARTS: {name: line(-0.001, "hurts") for name in WITHIN},
    }
    base = {"lenet5": line(0.0, "baseline", 0.009) | {"p": float("nan")}}
    whole = {"lenet5_reg": line(0.0, "baseline", 0.003) | {"p": float("nan")}}
    first = {ADDED: base, PARTS: whole}
    return {
        name: pd.DataFrame.from_dict({**first.get(name, {}), **rows}, orient="index")
        for name, rows in helps.items()
    }


@pytest.fixture
def supported(study, monkeypatch):
    """Which of the claims stand, by the study as it is when called."""
    more = {"difference": 0.0, "low": -0.003, "high": -0.001, "seeds": 10}
    monkeypatch.setattr(claims, "surplus", lambda *_: more)
    return lambda **change: (
        more.update(change)
        or claims.claims(study, [])["verdict"].str.startswith("supported").tolist()
    )


@pytest.mark.parametrize(
    ("part", "row", "change", "falls"),
    [
        (ADDED, "lenet5", {"error_low": 0.0096}, []),
        (ADDED, "lenet5", {"error_high": 0.0096}, [0]),
        (ADDED, "mlp", {"verdict": "not shown"}, [1]),
        (FAIRLY, "mlp + all it can take", {"verdict": "equivalent"}, [2]),
        (ADDED, "lenet5_reg", {"verdict": "not shown"}, [3]),
        (LONGER, "lenet5 (epochs=90)", {"verdict": "hurts"}, [4]),
        (LONGER, "lenet5_reg (epochs=90)", {"verdict": "not shown"}, [5]),
        (ADDED, "lenet5_reg", {"error_high": 0.0041}, [6]),
        (ADDED, "lenet5 + affine", {"better": 0.94}, [7]),
        (PARTS, "lenet5_reg - averaging", {"verdict": "equivalent"}, [8]),
        (PARTS, "lenet5_reg + dropout", {"verdict": "helps"}, []),
    ],
)
def test_each_claim_stands_and_falls_with_its_own_evidence(
    study, supported, part, row, change, falls
):
    assert supported() == [True] * 10
    for column, value in change.items():
        study[part].loc[row, column] = value
    assert [i for i, stands in enumerate(supported()) if not stands] == falls


def test_only_what_is_not_judged_as_planned_is_called_exploratory(study, supported):
    assert supported() == [True] * 10
    study[PARTS]["decided"] = False
    verdicts = claims.claims(study, [])["verdict"].tolist()
    assert verdicts == ["supported"] * 8 + ["supported, exploratory"] * 2


def test_gains_overlap_only_where_their_sum_is_surely_more(supported):
    assert supported(high=0.0001) == [True] * 9 + [False]


def test_verdicts_are_told_in_a_sentence_and_none_help_where_none_does(study, supported):
    study[ADDED].loc[[f"lenet5 + {name}" for name in ORDER[2:]], "verdict"] = "not shown"
    told = claims.family_words("Alone", claims.techniques(study[ADDED]).iloc[:3])
    assert told == "Alone: weight decay and dropout help; batch norm is not shown to differ."
    parts = study[PARTS].iloc[1:].rename(index=label)[-2:]
    parts = parts.assign(verdict=["equivalent", "hurts"], decided=False)
    hurts, same = "with dropout hurts", "without one-cycle is equivalent within ±0.05 points"
    assert claims.family_words("All", parts) == f"All (exploratory): {hurts}; {same}."
    study[ADDED]["verdict"] = "not shown"
    one_run = claims.claims(study, []).filter(like="One run", axis=0)
    assert one_run["evidence"].item() == "none helps"


def test_longer_training_is_told_of_both_that_were_trained_longer_or_of_none(study):
    study[LONGER].loc["lenet5 (epochs=90)", "verdict"] = "equivalent"
    assert claims.longer_words(study) == (
        "Training for 90 epochs instead of 30 (10 seeds): that of all together helps; that of the "
        "baseline is equivalent within ±0.05 points."
    )
    del study[LONGER]
    assert claims.longer_words(study) == ""


def test_printed_errors_and_accuracies_sum_up_to_all():
    row = SimpleNamespace(error=0.00785, error_low=0.00734, error_high=0.00836, seeds=10)
    accuracy = claims.share_words(1 - row.error, 1 - row.error_high, 1 - row.error_low)
    told = accuracy, claims.error_words(row)
    assert told == ("99.22 % (99.16 to 99.27)", "0.78 % (0.73 to 0.84 over 10 seeds)")


def test_the_results_hold_every_row_once_and_the_details_every_comparison(study):
    frame = claims.results(study)
    assert len(frame) == len(set(frame.index)) == 1 + sum(map(len, FAMILIES.values()))
    base, mlp = frame.loc["baseline"], frame.loc["MLP"]
    assert (base["test accuracy"], base["difference"]) == ("99.10 % (99.05 to 99.15)", "–")
    assert (mlp["difference"], mlp["p (Holm)"]) == ("−1.00 (−1.05 to −0.95)", "0.02")
    assert mlp["over seeds and digits"] == "−1.05 to −0.95"
    study[PARTS]["decided"] = False
    told = claims.results(study).loc[["MLP", "all + dropout"], ["against", "verdict"]]
    assert told.to_numpy().tolist() == [["baseline", "hurts"], ["baseline", "hurts, exploratory"]]
    assert [claims.signed(value) for value in (-0.00004, 0.00006)] == ["0.00", "+0.01"]
    assert claims.share_words(-0.0004, -0.001, 0.002, decimals=1) == "0.0 % (−0.1 to 0.2)"
    behind = claims.details(study)
    assert list(behind.index) == [name for name in frame.index if name != "baseline"]
    assert behind.loc["all + dropout"].tolist() == [
        *("0.07", "hurts", "not shown", "+0.10, p = 0.03")
    ]


def test_it_is_told_how_many_verdicts_are_firm_and_which_are_not(study):
    for family in study.values():
        family["spoilt"] = family["undisputed"] = family["verdict"]
    n, checks = sum(map(len, FAMILIES.values())), "without disputed images and without one seed"
    assert claims.firmness(study) == f"{n} of {n} judged verdicts stay the same {checks}."
    study[FAIRLY].loc["mlp + all it can take", "undisputed"] = "not shown"
    study[LONGER].loc["lenet5 (epochs=90)", ["undisputed", "spoilt"]] = "hurts"
    study[ADDED].loc["lenet5 + dropout", ["verdict", "undisputed", "spoilt"]] = "not shown"
    study[PARTS]["decided"], of = False, n - len(WITHIN)
    assert claims.firmness(study) == (
        f"{of - 2} of {of} judged verdicts stay the same {checks}; not so: MLP, all but batch norm "
        "(not shown without disputed images); baseline, 90 epochs (hurts without disputed images, "
        f"hurts without one seed). {n - of} of {n - of} exploratory verdicts stay the same "
        f"{checks}. Only the last five epochs, which decide nothing, show a difference: + dropout."
    )
