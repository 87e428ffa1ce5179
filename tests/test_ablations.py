from dataclasses import asdict, replace

import pytest

from mnistlib.ablations import ALL, BASELINE, ROWS, TECHNIQUES, WITHOUT
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


def test_dropout_without_batch_norm_starts_from_lenet5s_weights():
    plain = initial(BASELINE, 3).state_dict()
    dropping = initial(ROWS["lenet5 + dropout"], 3).state_dict()
    assert plain.keys() == dropping.keys()
    assert all(plain[key].equal(dropping[key]) for key in plain)


def test_a_recipe_is_known_by_its_name_whatever_its_epochs():
    assert named(replace(RECIPES["mlp"], epochs=2)) == "mlp"
    assert named(ROWS["lenet5 + affine"]) is None
    assert named(ROWS["lenet5 + affine"], ROWS) == "lenet5 + affine"
