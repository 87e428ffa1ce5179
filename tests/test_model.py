import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from mnistlib import model
from mnistlib.base import UserError
from mnistlib.config import MODELS
from mnistlib.counting import derive
from mnistlib.model import BACKGROUND, MaxPool, Pad, build, find, register


@pytest.fixture
def images():
    return torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", MODELS)
def test_28_and_32_pixels_give_the_same_logits(name, images):
    network = build(name).eval()
    logits = network(images)
    assert logits.shape == (3, 10)
    assert torch.equal(logits, network(Pad()(images)))


def test_pooling_gives_pytorchs_values_also_where_no_gradient_is_wanted():
    maps = torch.randn(3, 6, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(MaxPool()(maps), F.max_pool2d(maps, 2))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(3, 1, 27, 28), (3, 3, 28, 28), (3, 28, 28), (3, 784)])
def test_other_shapes_are_refused_with_what_was_found(name, shape):
    with pytest.raises(UserError, match=rf"found images \[{', '.join(map(str, shape))}\]"):
        build(name).eval()(torch.zeros(shape))


def test_padding_is_the_background_not_grey():
    frame = Pad()(torch.full((3, 1, 28, 28), BACKGROUND))
    assert torch.equal(frame, torch.full((3, 1, 32, 32), -0.1307 / 0.3081))


def test_pooling_before_relu_is_the_same_function(images):
    network = build("lenet5")
    x = F.max_pool2d(F.relu(network.conv1(network.pad(images))), 2)
    x = F.max_pool2d(F.relu(network.conv2(x)), 2).flatten(1)
    x = F.relu(network.fc2(F.relu(network.fc1(x))))
    assert torch.equal(network(images), network.fc3(x))


def test_dropout_is_active_in_training_only(images):
    network = build("lenet5_reg", dropout=0.5)
    assert not torch.equal(network.train()(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


@pytest.mark.parametrize("ask", [build, derive, find])
def test_unknown_model_lists_the_valid_ones(ask):
    with pytest.raises(UserError, match=r"Did you mean 'lenet5'.*mlp"):
        ask("lenet")


@pytest.fixture
def known(monkeypatch):
    """Networks and titles; what a test registers is forgotten after it."""
    for name in ("NETWORKS", "TITLES"):
        monkeypatch.setattr(model, name, {**getattr(model, name)})
    return model


def test_a_network_of_ones_own_gets_the_values_that_its_constructor_names(known):
    class Wide(nn.Linear):
        def __init__(self, dropout=0.0):
            super().__init__(784, 10)
            self.dropout = dropout

    register("wide", title="Twice as wide")(Wide)
    network = build("wide", dropout=0.25, widths="3-4")
    assert (type(network), network.dropout) == (Wide, 0.25)
    assert (find("wide"), known.TITLES["wide"]) == ("wide", "Twice as wide")
    register("wide", title="Wider")(Wide)  # as where a notebook's cell runs again
    assert known.TITLES["wide"] == "Wider"


def test_a_network_is_imported_by_its_path(tmp_path, monkeypatch, known):
    source = "from torch import nn\nclass TwoWords(nn.Module): pass\n"
    (tmp_path / "some_nets.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    assert find("some_nets:TwoWords") == find("some_nets:TwoWords") == "twowords"
    assert find("mnistlib.model:LeNet5") == "lenet5"
    for wrong in ("some_nets:Missing", "no_such_module:Wide", ":Wide"):
        with pytest.raises(UserError, match=r"give package\.module:Class"):
            find(wrong)


@pytest.mark.parametrize("name", ["Wide", "wide net", "", "../wide", "lenet5"])
def test_names_that_are_bad_or_taken_are_refused(name):
    with pytest.raises(UserError, match=r"model name|is LeNet5 already"):
        register(name)(type("Other", (nn.Module,), {}))
