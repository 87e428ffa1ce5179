import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from mnistlib.base import UserError
from mnistlib.config import MODELS
from mnistlib.model import (
    BACKGROUND,
    NETWORKS,
    TITLES,
    LeNet5,
    RegularizedLeNet5,
    build,
    count,
    find,
    pad,
    register,
)

SIZES = {"lenet5": 61_706, "mlp": 61_706, "lenet5_reg": 62_158}


@pytest.fixture
def images():
    return torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_counted_exactly(name):
    assert count(build(name)) == SIZES[name]


@pytest.mark.parametrize("name", MODELS)
def test_28_and_32_pixels_give_the_same_logits(name, images):
    model = build(name).eval()
    logits = model(images)
    assert logits.shape == (3, 10)
    assert torch.equal(logits, model(pad(images)))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(3, 1, 27, 28), (3, 3, 28, 28), (3, 28, 28), (3, 784)])
def test_other_shapes_are_refused_with_what_was_found(name, shape):
    with pytest.raises(UserError, match=rf"found images \[{', '.join(map(str, shape))}\]"):
        build(name).eval()(torch.zeros(shape))


def test_padding_is_the_background_not_grey(images):
    frame = pad(images).clone()
    frame[:, :, 2:-2, 2:-2] = BACKGROUND
    assert torch.equal(frame, torch.full_like(frame, -0.1307 / 0.3081))


def test_pooling_before_relu_is_the_same_function(images):
    model = LeNet5()
    x = F.max_pool2d(F.relu(model.conv1(pad(images))), 2)
    x = F.max_pool2d(F.relu(model.conv2(x)), 2).flatten(1)
    x = F.relu(model.fc2(F.relu(model.fc1(x))))
    assert torch.equal(model(images), model.fc3(x))


def test_dropout_is_active_in_training_only(images):
    model = RegularizedLeNet5(dropout=0.5)
    assert not torch.equal(model.train()(images), model(images))
    assert torch.equal(model.eval()(images), model(images))


def test_unknown_model_lists_the_valid_ones():
    with pytest.raises(UserError, match=r"Did you mean 'lenet5'.*mlp"):
        build("lenet")


@pytest.fixture
def wide():
    """A network as users write them; forgotten again."""

    @register("wide", title="Twice as wide")
    class Wide(nn.Module):
        def __init__(self, dropout=0.0):
            super().__init__()
            self.drop, self.fc = nn.Dropout(dropout), nn.Linear(784, 10)

        def forward(self, images):
            return self.fc(self.drop(images.flatten(1)))

    yield Wide
    del NETWORKS["wide"], TITLES["wide"]


def test_a_network_of_ones_own_gets_the_values_that_its_constructor_names(wide):
    network = build("wide", dropout=0.25, widths="3-4")
    assert (type(network), network.drop.p, TITLES["wide"]) == (wide, 0.25, "Twice as wide")
    assert find("wide") == "wide"
    register("wide", title="Wider")(wide)  # as where a notebook's cell runs again
    assert TITLES["wide"] == "Wider"


def test_a_network_is_imported_by_its_path(tmp_path, monkeypatch):
    source = "from torch import nn\nclass TwoWords(nn.Module): pass\n"
    (tmp_path / "some_nets.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert find("some_nets:TwoWords") == find("some_nets:TwoWords") == "twowords"
    finally:
        NETWORKS.pop("twowords", None), TITLES.pop("twowords", None)
    assert find("mnistlib.model:LeNet5") == "lenet5"
    for wrong in ("some_nets:Missing", "no_such_module:Wide", ":Wide"):
        with pytest.raises(UserError, match=r"give package\.module:Class"):
            find(wrong)


@pytest.mark.parametrize("name", ["Wide", "wide net", "", "../wide", "lenet5"])
def test_names_that_are_bad_or_taken_are_refused(name):
    with pytest.raises(UserError, match=r"model name|is LeNet5 already"):
        register(name)(type("Other", (nn.Module,), {}))
