from dataclasses import asdict, replace

import pytest

from mnistlib.base import UserError
from mnistlib.config import RECIPES, Recipe, differences, recipe


@pytest.mark.parametrize("name", ["lenet5", "mlp"])
def test_lenet5_and_mlp_are_trained_exactly_as_the_assignment_says(name):
    given = recipe(name)
    assert (given.optimizer, given.learning_rate, given.momentum) == ("sgd", 0.01, 0.9)
    assert (given.batch_size, given.schedule, given.nesterov) == (64, "constant", False)


def test_the_baseline_has_no_regularizer():
    base = recipe("lenet5")
    assert (base.weight_decay, base.label_smoothing, base.dropout) == (0, 0, 0)
    assert (base.augment, base.averaging) == ("none", "none")


def test_lenet5_and_mlp_differ_in_nothing_but_the_model():
    assert replace(recipe("mlp"), model="lenet5") == recipe("lenet5")


def test_changes_are_named():
    assert recipe("mlp", epochs=3) == replace(RECIPES["mlp"], epochs=3)


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(UserError, match=r"'lenet'.*lenet5.*Valid: lenet5, mlp, lenet5_reg"):
        recipe("lenet")
    with pytest.raises(UserError, match="Did you mean 'epochs'"):
        recipe("mlp", epoch=3)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": -1},
        {"epochs": 0},
        {"epochs": True},
        {"epochs": "3"},
        {"nesterov": "false"},
        {"dropout": 1.0},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"widths": "68-0-52"},
        {"augment": "mirror"},
        {"schedule": None},
    ],
)
def test_values_of_the_wrong_type_or_range_are_refused(change):
    with pytest.raises(UserError, match=next(iter(change)).removesuffix("ment")):
        replace(Recipe(), **change)


def test_a_whole_number_stands_for_a_float_so_that_equal_recipes_are_equal():
    assert asdict(Recipe(weight_decay=0)) == asdict(Recipe(weight_decay=0.0))
    assert isinstance(Recipe(weight_decay=0).weight_decay, float)


def test_differences_name_what_differs_and_nothing_else():
    changed = recipe("lenet5", dropout=0.5, epochs=3)
    assert differences(RECIPES["lenet5"], changed) == {"epochs": (30, 3), "dropout": (0.0, 0.5)}
    assert differences(changed, changed) == {}
