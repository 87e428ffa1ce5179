from dataclasses import asdict, replace

import pytest

from mnistlib.ablations import (
    ALL,
    ALONE,
    BASELINE,
    BOTH_WAYS,
    CANDIDATES,
    ROWS,
    TECHNIQUES,
    WITHIN,
    WITHOUT,
    by_row,
    label,
)
from mnistlib.base import DataError
from mnistlib.config import RECIPES, named
from mnistlib.train import initial


def differences(a, b):
    a, b = asdict(a), asdict(b)
    return {name for name in a if a[name] != b[name]}


def test_each_row_is_a_recipe_of_its_own():
    assert len(set(ROWS.values())) == len(ROWS) == 3 + len(TECHNIQUES) + len(WITHOUT) + 1
    assert {recipe.epochs for recipe in ROWS.values()} == {BASELINE.epochs}


@pytest.mark.parametrize("name", TECHNIQUES)
def test_one_technique_is_added_to_the_baseline_and_nothing_else(name):
    assert differences(BASELINE, ROWS[f"lenet5 + {name}"]) <= set(TECHNIQUES[name])


@pytest.mark.parametrize("name", WITHOUT)
def test_one_technique_is_taken_from_all_together_and_nothing_else(name):
    without = ROWS[f"lenet5_reg - {name}"]
    assert differences(ALL, without) <= set(WITHOUT[name])
    for value in WITHOUT[name]:
        expected = "affine" if name == "elastic" else getattr(replace(BASELINE), value)
        assert getattr(without, value) == (False if value == "batch_norm" else expected)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_each_technique_has_a_value_that_was_among_its_candidates(name):
    assert TECHNIQUES[name] in CANDIDATES[name]


def test_each_technique_that_has_a_value_to_tune_has_the_same_budget():
    assert {len(tried) for name, tried in CANDIDATES.items() if name != "batch norm"} == {3}


def test_dropout_without_batch_norm_starts_from_lenet5s_weights():
    plain = initial(BASELINE, 3).state_dict()
    dropping = initial(ROWS["lenet5 + dropout"], 3).state_dict()
    assert plain.keys() == dropping.keys()
    assert all(plain[key].equal(dropping[key]) for key in plain)


def test_a_recipe_is_known_by_its_name_whatever_its_epochs():
    assert named(replace(RECIPES["mlp"], epochs=2)) == "mlp"
    assert named(ROWS["lenet5 + affine"]) is None
    assert named(ROWS["lenet5 + affine"], ROWS) == "lenet5 + affine"


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
