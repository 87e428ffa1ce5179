import pytest
import torch

from mnistlib import weights
from mnistlib.base import RUNS, WEIGHTS, DataError
from mnistlib.config import RECIPES, recipe
from mnistlib.runs import load_all
from mnistlib.train import fit, initial, predict


@pytest.fixture
def trained(tiny):
    given = recipe("lenet5_reg", epochs=1)
    model = initial(given, 0)
    return model, fit(given, tiny, 0, model=model, progress=False)


def test_weights_come_back_bit_by_bit_with_the_key_of_their_run(trained, tmp_path):
    model, run = trained
    path = weights.save(model, run, tmp_path / "folder" / "w.safetensors")
    other = initial(run.recipe, 1)
    assert weights.load(other, path) == run.key
    ours, theirs = model.state_dict(), other.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_weights_of_another_network_are_refused(trained, tmp_path):
    model, run = trained
    path = weights.save(model, run, tmp_path / "w.safetensors")
    with pytest.raises(DataError, match=r"w\.safetensors: no weights of CustomMLP"):
        weights.load(initial(recipe("mlp"), 0), path)


@pytest.mark.parametrize("content", [None, b"", b"not safetensors at all"])
def test_a_file_that_is_missing_or_damaged_is_named(content, tmp_path):
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"w\.safetensors: no weights of LeNet5"):
        weights.load(initial(recipe("lenet5"), 0), path)


@pytest.mark.parametrize("name", RECIPES)
def test_the_weights_in_git_are_those_of_a_run_in_git(name, digit_data):
    network = initial(RECIPES[name], 0)
    key = weights.load(network, WEIGHTS / f"{name}.safetensors")
    run = {run.key: run for run in load_all(RUNS)}[key]
    assert run.recipe == RECIPES[name]
    if digit_data.fingerprint == run.dataset["fingerprint"]:
        answers = predict(network, digit_data.test).argmax(1)
        assert (answers != run.answers).sum() <= 5  # another processor may tip a close call
