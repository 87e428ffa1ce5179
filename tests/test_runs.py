import json
from dataclasses import replace

import pytest
import torch

from mnistlib import runs
from mnistlib.base import RUNS, WEIGHTS, DataError
from mnistlib.config import MODELS, ROWS, Recipe, recipe
from mnistlib.runs import CURVES, Run
from mnistlib.train import initial, predict


@pytest.fixture
def run():
    history = {curve: [0.5, 0.75] for curve in CURVES}
    facts = {"name": "toy", "n_train": 8, "n_test": 4, "fingerprint": "f" * 64}
    recipe = Recipe(model="mlp", epochs=2)
    return Run(recipe, 3, facts, history, "7210", {"3": 4}, {"torch": "2"}, "cpu", 1)


def test_a_record_comes_back_equal_with_all_that_follows_from_it(run, tmp_path):
    path = runs.save(run, tmp_path / "runs")
    assert path == tmp_path / "runs" / "mlp_epochs=2" / "seed-03.json"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert (found := runs.load(path)) == run
    assert found.answers.tolist() == [7, 2, 1, 0]
    assert found.labels.tolist() == [7, 2, 1, 4]
    assert found.correct.tolist() == [True, True, True, False]
    assert found.accuracy == 0.75


def test_the_key_depends_on_recipe_seed_and_digits_and_on_nothing_else(run):
    keys = {
        run.key,
        replace(run, seed=4).key,
        replace(run, recipe=replace(run.recipe, learning_rate=0.02)).key,
        replace(run, dataset={**run.dataset, "fingerprint": "0" * 64}).key,
    }
    assert len(keys) == 4
    assert replace(run, threads=2, device="GPU", versions={}).key == run.key


def test_all_runs_are_ordered_by_model_and_seed_and_a_missing_folder_has_none(run, tmp_path):
    for seed in (10, 2):
        runs.save(replace(run, seed=seed), tmp_path)
    runs.save(replace(run, recipe=Recipe(model="lenet5", epochs=2)), tmp_path)
    found = runs.load_all(tmp_path)
    assert [(r.recipe.model, r.seed) for r in found] == [("lenet5", 3), ("mlp", 2), ("mlp", 10)]
    assert runs.latest(found, "mlp").seed == 2
    assert runs.load_all(tmp_path / "nowhere") == []
    with pytest.raises(DataError, match="python -m mnistlib train lenet5_reg"):
        runs.latest(found, "lenet5_reg")


def test_the_summary_holds_a_row_a_run(run):
    summary = runs.summary_frame([run, replace(run, seed=4)])
    assert summary["test_accuracy"].tolist() == [0.75, 0.75]
    assert summary["widths"].tolist() == ["58-166-36"] * 2


def test_rows_of_the_study_have_folders_of_their_own(run):
    places = [str(runs.place(row, 3)) for row in ROWS.values()]
    assert len(set(places)) == len(ROWS)
    assert runs.place(ROWS["lenet5 + dropout"], 3).as_posix() == "lenet5+dropout/seed-03.json"
    assert runs.place(recipe("mlp", widths="42-542"), 7).parent.name == "mlp_widths=42-542"


def test_a_record_never_takes_the_place_of_another_run(run, tmp_path):
    first = runs.save(run, tmp_path)
    other = replace(run, dataset={**run.dataset, "fingerprint": "0" * 64})
    second = runs.save(other, tmp_path)
    assert second.name == f"seed-03-{other.key[:8]}.json"
    assert (runs.load(first), runs.load(second)) == (run, other)
    assert runs.save(run, tmp_path) == first
    assert len(runs.load_all(tmp_path, strict=True)) == 2


def test_a_record_of_a_model_that_is_not_registered_says_what_to_do(run, tmp_path):
    path = runs.save(run, tmp_path)
    path.write_text(path.read_text().replace('"model": "mlp"', '"model": "wider"'))
    with pytest.raises(DataError, match=r"unknown model 'wider'.*register what it names first"):
        runs.load(path)


BAD_VALUES = {
    "format": [2, "1", None],
    "recipe": [[], {"epochs": 10**400}, {"technique": "new"}, {"epochs": 0}],
    "history.test_accuracy": [[0.5, 7.5], [0.5, -1], [0.5, float("nan")], [0.5, "0.75"], 3, None],
    "history.train_loss": [[0.5, float("inf")], [0.5], "ab", {}],
    "history": [[], None, {}],
    "mistakes": [[], None, {"-1": 4}, {"3": 12}, {"3": "4"}, {"9": 4}, {"03": 4}, {"x": 4}],
    "predictions": ["721", 7210, None, "٧٢١٠"],
    "dataset": [[], None, {}],
    "dataset.n_test": ["4", None, -4, 10**30],
    "seed": [4, [], None, "3"],
    "key": ["", None],
}


@pytest.mark.parametrize(
    ("where", "value"), [(where, value) for where, values in BAD_VALUES.items() for value in values]
)
def test_a_record_with_any_wrong_value_is_a_data_error(run, tmp_path, where, value):
    file = runs.save(run, tmp_path)
    record = json.loads(file.read_text())
    *parent, name = where.split(".")
    (record[parent[0]] if parent else record)[name] = value
    file.write_text(json.dumps(record))
    with pytest.raises(DataError, match=file.name):
        runs.load(file)


DAMAGES = {
    "cut": lambda text: text[:100],
    "empty": lambda text: "",
    "too deep": lambda text: "[" * 100_000,
    "no text": lambda text: "\udcff",
    "older": lambda text: text.replace('"format": 1', '"format": 0'),
    "foreign": lambda text: '{"accuracy": 0.99}',
    "a wrong accuracy": lambda text: text.replace("0.75", "0.99"),
    "another prediction": lambda text: text.replace('"7210"', '"7214"'),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_bad_record_is_named_and_left_out_or_in_strict_mode_an_error(run, tmp_path, damage):
    good, bad = (runs.save(replace(run, seed=seed), tmp_path) for seed in (0, 1))
    bad.write_bytes(damage(bad.read_text()).encode(errors="surrogateescape"))
    with pytest.warns(UserWarning, match=f"record left out: .*{bad.name}: ") as warned:
        assert runs.load_all(tmp_path) == [runs.load(good)]
    assert [warning.filename for warning in warned] == [__file__]
    with pytest.raises(DataError, match=bad.name):
        runs.load_all(tmp_path, strict=True)


def test_a_copy_of_a_record_counts_once(run, tmp_path):
    file = runs.save(run, tmp_path)
    (tmp_path / "zz copy.json").write_bytes(file.read_bytes())
    with pytest.warns(UserWarning, match=r"zz copy\.json: repeats .*seed-03\.json"):
        assert len(runs.load_all(tmp_path)) == 1
    (tmp_path / "zz copy.json").rename(tmp_path / ".hidden.json")
    assert len(runs.load_all(tmp_path, strict=True)) == 1


def test_a_record_that_does_not_fit_mnists_labels_is_refused(tmp_path):
    run = runs.load(RUNS / "lenet5" / "seed-00.json")
    assert run.correct[0]
    other = str((run.labels[0] + 1) % 10)
    file = runs.save(replace(run, predictions=other + run.predictions[1:]), tmp_path)
    with pytest.raises(DataError, match="do not fit MNIST's labels"):
        runs.load(file)


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(DataError, match="runs: Not a directory, expected a folder"):
        runs.load_all(tmp_path / "runs")


@pytest.mark.parametrize("folder", [".", "validation", "tuning"])
def test_the_committed_records_are_all_good(folder):
    assert runs.load_all(RUNS / folder, strict=True)


@pytest.fixture
def stored(run, tmp_path):
    """Weights of a network with buffers, as a file, and the network."""
    network = initial(recipe("lenet5_reg"), 0)
    return runs.save_weights(network, run, tmp_path / "folder" / "w.safetensors"), network


def test_weights_come_back_bit_by_bit_with_the_key_of_their_run(run, stored):
    path, network = stored
    other = initial(recipe("lenet5_reg"), 1)
    assert runs.load_weights(other, path) == run.key
    ours, theirs = network.state_dict(), other.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_weights_that_two_layers_share_are_kept(tmp_path):
    tensor = torch.ones(3)
    path = runs.write_tensors(tmp_path / "w.safetensors", {"a": tensor, "b": tensor}, {})
    assert runs.read_tensors(path)[0]["b"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("content", ["another network's", None, b"", b"not safetensors at all"])
def test_a_file_that_is_missing_or_holds_no_such_weights_is_named(content, stored):
    path, _ = stored
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"w\.safetensors: no weights of CustomMLP"):
        runs.load_weights(initial(recipe("mlp"), 0), path)


def test_the_weights_in_git_are_those_of_the_runs_that_decide(digit_data):
    found = {run.key: run for run in runs.load_all(RUNS)}
    paths = sorted(WEIGHTS.glob("*/*.safetensors"))
    assert {path.parent.name for path in paths} >= set(MODELS)
    recipes = {str(runs.place(recipe, 0).parent): recipe for recipe in ROWS.values()}
    for path in paths:
        recipe = recipes[path.parent.name]
        network = initial(recipe, 0)
        run = found[runs.load_weights(network, path)]
        assert (run.recipe, run.seed) == (recipe, int(path.stem[5:]))
        if digit_data.fingerprint == run.dataset["fingerprint"]:
            answers = predict(network, digit_data.test).argmax(1)
            assert (answers != run.answers).sum() <= 5  # another processor may tip a close call
