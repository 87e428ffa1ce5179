import pytest

from mnistlib.ablations import (
    ALONE,
    BOTH_WAYS,
    CANDIDATES,
    ROWS,
    TECHNIQUES,
    WITHIN,
    by_row,
    label,
)
from mnistlib.base import DataError
from mnistlib.config import RECIPES


@pytest.mark.parametrize("name", TECHNIQUES)
def test_each_technique_has_a_value_that_was_among_its_candidates(name):
    assert TECHNIQUES[name] in CANDIDATES[name]


def test_each_technique_that_has_a_value_to_tune_has_the_same_budget():
    assert {len(tried) for name, tried in CANDIDATES.items() if name != "batch norm"} == {3}


def test_rows_have_names_for_people():
    assert label("lenet5 + dropout") == "+ dropout"
    assert label("lenet5_reg - weight decay") == "all − weight decay"
    assert [label(name) for name in RECIPES] == ["baseline", "MLP", "all together"]
    assert len({label(name) for name in ROWS}) == len(ROWS)


def test_the_two_families_hold_every_row_but_the_baseline_and_the_mlp():
    assert sorted([*ALONE, *WITHIN]) == sorted(ROWS.keys() - {"lenet5", "mlp"})
    assert {row for pair in BOTH_WAYS.values() for row in pair} <= ROWS.keys()


def test_a_needed_row_without_two_runs_is_named():
    with pytest.raises(DataError, match=r"found 0 runs, but not two of lenet5, mlp; make them"):
        by_row([], needed=["lenet5", "mlp"])
