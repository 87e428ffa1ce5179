from dataclasses import asdict, replace

import pytest

from mnistlib.base import UserError
from mnistlib.config import (
    ALL,
    BASELINE,
    RECIPES,
    ROWS,
    WITHOUT,
    Recipe,
    differences,
    named,
    recipe,
    row_name,
)
from mnistlib.train import initial


@pytest.mark.parametrize("name", ["lenet5", "mlp"])
def test_lenet5_and_mlp_are_trained_exactly_as_the_assignment_says(name):
    given = recipe(name)
    assert (given.optimizer, given.learning_rate, given.momentum) == ("sgd", 0.01, 0.9)
    assert (given.batch_size, given.schedule, given.nesterov) == (64, "constant", False)
    assert (given.weight_decay, given.label_smoothing, given.dropout) == (0, 0, 0)
    assert (given.augment, given.averaging) == ("none", "none")


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(UserError, match=r"'lenet'.*lenet5.*Valid: lenet5, mlp, lenet5_reg"):
        recipe("lenet")
    with pytest.raises(UserError, match="Did you mean 'epochs'"):
        recipe("mlp", epoch=3)


BAD_VALUES = {
    "epochs": [-1, 0, True, "3"],
    "nesterov": ["false"],
    "dropout": [1.0],
    "learning_rate": [float("nan"), float("inf")],
    "widths": ["68-0-52"],
    "augment": ["mirror"],
    "schedule": [None],
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_values_of_the_wrong_type_or_range_are_refused(name):
    for value in BAD_VALUES[name]:
        with pytest.raises(UserError, match=name):
            replace(Recipe(), **{name: value})


def test_a_whole_number_stands_for_a_float_so_that_equal_recipes_are_equal():
    assert asdict(Recipe(weight_decay=0)) == asdict(Recipe(weight_decay=0.0))
    assert isinstance(Recipe(weight_decay=0).weight_decay, float)


@pytest.mark.parametrize("name", WITHOUT)
def test_one_technique_is_taken_from_all_together_and_nothing_else(name):
    without = ROWS[f"lenet5_reg - {name}"]
    assert set(differences(ALL, without)) <= set(WITHOUT[name])
    for value in WITHOUT[name]:
        plain = {"augment": "affine"} if name == "elastic" else {"batch_norm": False}
        assert getattr(without, value) == plain.get(value, getattr(BASELINE, value))


@pytest.mark.parametrize("row", ["lenet5_reg", "lenet5 + dropout"])
def test_networks_of_one_seed_start_from_the_same_weights(row):
    plain, other = (initial(ROWS[name], 3).state_dict() for name in ("lenet5", row))
    assert all(plain[name].equal(other[name]) for name in plain)


def test_a_recipe_is_known_by_its_name_whatever_its_epochs():
    assert named(replace(RECIPES["mlp"], epochs=2)) == "mlp"
    assert named(ROWS["lenet5 + affine"]) is None
    assert named(ROWS["lenet5 + affine"], ROWS) == "lenet5 + affine"


def test_a_technique_is_added_by_its_name():
    assert recipe("lenet5", technique="dropout") == ROWS["lenet5 + dropout"]
    assert recipe("mlp", technique="weight decay", epochs=2).weight_decay == 1e-4
    with pytest.raises(UserError, match=r"unknown technique 'drop'.*dropout"):
        recipe("lenet5", technique="drop")


def test_recipes_have_names_that_say_what_they_are():
    assert [row_name(row) for row in ROWS.values()] == list(ROWS)
    assert row_name(recipe("mlp", technique="affine")) == "mlp + affine"
    assert row_name(recipe("mlp", epochs=2)) == "mlp (epochs=2)"
    assert row_name(recipe("lenet5", technique="affine", epochs=2)) == "lenet5 + affine (epochs=2)"
    changed = recipe("mlp", widths="42-542", dropout=0.1)
    assert row_name(changed) == "mlp (dropout=0.1, widths=42-542)"
