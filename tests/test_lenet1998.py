"""The network of 1998 against its paper, and its derivatives against finite differences."""

import pytest
import torch
from torch import nn

from mnistlib.base import UserError
from mnistlib.config import Recipe, recipe
from mnistlib.counting import derive
from mnistlib.course import make_optimizer
from mnistlib.lenet1998 import MODERN, MU, LeNet5Of1998, Squash
from mnistlib.model import LeNet5, count


@pytest.fixture
def network():
    torch.manual_seed(0)
    return LeNet5Of1998().double()


@pytest.fixture
def digits():
    return torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)).double() * 3 - 0.4


LABELS = torch.tensor([7, 0, 3])


def loss(network, digits):
    return network.own_loss(network(digits), LABELS)


def test_it_has_the_papers_60_000_parameters_layer_by_layer(network):
    of = {layer.name: layer.parameters for layer in derive(network.float()) if layer.parameters}
    assert of == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
    assert sum(of.values()) == count(network) == 60_000


def test_its_connections_are_the_papers_340_908(network):
    """II-B counts those of a bias, and each of the four that subsampling sums up."""
    layers = {layer.name: layer for layer in derive(network.float())}
    units = {name: torch.Size(layer.output_shape).numel() for name, layer in layers.items()}
    inputs = {name: 5 * units[name] for name in ("s2", "s4")}
    sums = {name: layers[name].macs + units[name] for name in ("c1", "c3", "c5", "f6")}
    known = {"c1": 122_304, "s2": 5_880, "c3": 151_600, "s4": 2_000, "c5": 48_120, "f6": 10_164}
    assert inputs | sums == known
    assert sum(known.values()) + layers["output"].macs == 340_908


def test_the_input_is_minus_a_tenth_on_white_and_1175_on_black(network):
    white, black = ((value - 0.1307) / 0.3081 * torch.ones(1, 1, 28, 28) for value in (0, 1))
    assert torch.allclose(network.scale(network.pad(white)), torch.tensor(-0.1))
    field = network.scale(network.pad(black))
    assert torch.allclose(field[..., 2:-2, 2:-2], torch.tensor(1.175))
    assert torch.allclose(field[..., :2, :], torch.tensor(-0.1))


def test_squashing_leaves_plus_and_minus_one(network):
    one = torch.tensor([1.0, -1.0], dtype=torch.double, requires_grad=True)
    assert torch.allclose(Squash()(one), one, atol=1e-4)
    (slope,) = torch.autograd.grad(Squash()(one).sum(), one)
    assert torch.allclose(slope, Squash().slope(one))


def test_each_map_of_c3_sees_the_maps_that_table_1_names(network):
    maps = torch.zeros(6, 6, 14, 14)
    maps[range(6), range(6)] = 1  # each of S2's alone
    c3 = network.float().c3
    changed = (c3(maps) != c3.bias[:, None, None]).flatten(2).any(2)  # [6, 16]
    seen = [changed[:, c3_map].nonzero().flatten().tolist() for c3_map in range(16)]
    three = [[(first + step) % 6 for step in range(3)] for first in range(6)]
    four = [[(first + step) % 6 for step in range(4)] for first in range(6)]
    split = [[0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5]]
    assert seen == [sorted(maps) for maps in [*three, *four, *split, [*range(6)]]]


def test_the_answer_is_minus_the_squared_distance_to_each_bitmap(network, digits):
    states = nn.Sequential(*network.children())[:-1](digits)
    distances = (states[:, None] - network.output.digits).square().sum(2)
    assert torch.allclose(network(digits), -distances)
    assert set(network.output.digits.flatten().tolist()) == {1.0, -1.0}
    alike = torch.cdist(network.output.digits, network.output.digits).square() / 4
    assert round(alike[~torch.eye(10, dtype=torch.bool)].min().item()) == 10  # pixels: 6 and 8


def test_the_loss_is_equation_9_and_without_rubbish_equation_8(network, digits):
    penalties = -network(digits)
    right = penalties[range(3), LABELS]
    rivals = torch.exp(torch.tensor(-20.0)) + torch.exp(-penalties).sum(1)
    assert torch.allclose(loss(network, digits), (right + rivals.log()).mean())
    network.rubbish = 0.0
    assert torch.allclose(loss(network, digits), right.mean())


@pytest.mark.parametrize("modern", MODERN)
def test_gradients_agree_with_finite_differences(modern, digits):
    torch.manual_seed(1)
    network = LeNet5Of1998(modern).double()
    loss(network, digits).backward()
    for parameter in network.parameters():
        place = int(parameter.grad.abs().argmax())
        flat, step = parameter.data.view(-1), 1e-5
        sides = []
        for side in (step, -step):
            flat[place] += side
            sides.append(loss(network, digits).item())
            flat[place] -= side
        found = (sides[0] - sides[1]) / (2 * step)
        assert found == pytest.approx(parameter.grad.view(-1)[place].item(), rel=1e-4)


def test_curvature_is_exact_where_the_rest_is_straight(digits):
    """With ReLU and the squared distance alone, second derivatives of the last two layers have no
    part that Gauss-Newton drops: they equal differences of gradients."""
    torch.manual_seed(2)
    network = LeNet5Of1998("activation", rubbish=0.0).double()
    network.act6 = nn.ReLU()
    curvature = network.curvature(digits)
    for parameter in (network.f6.weight, network.f6.bias, network.c5.weight, network.c5.bias):
        place = int(curvature[parameter].argmax())
        flat, step, sides = parameter.data.view(-1), 1e-6, []
        for side in (step, -step):
            flat[place] += side
            (gradient,) = torch.autograd.grad(loss(network, digits), parameter)
            sides.append(gradient.view(-1)[place].item())
            flat[place] -= side
        found = (sides[0] - sides[1]) / (2 * step)
        assert found == pytest.approx(curvature[parameter].view(-1)[place].item(), rel=1e-4)


def test_curvature_of_shared_weights_is_summed_over_their_connections(network, digits):
    """Appendix C by hand, for S4's weights and C3's biases: one connection after the other."""
    curvature = network.curvature(digits)
    by_hand = {"s4": torch.zeros(16), "c3": torch.zeros(16)}
    for digit in digits:
        x = {"pad": digit[None]}
        for name, layer in network.named_children():
            x[name] = layer([*x.values()][-1])
        above = 2 * network.act6.slope(x["f6"]).square()
        above = above @ network.f6.weight.square() * network.act5.slope(x["c5"]).square()
        above = torch.einsum("bk,kmij->mij", above, network.c5.weight.view(120, 16, 5, 5).square())
        above = above * network.act4.slope(x["s4"][0]).square()  # [16, 5, 5]: of S4's sums
        four = x["act3"][0].view(16, 5, 2, 5, 2)
        by_hand["s4"] += torch.einsum("mij,miajb->m", above, four.square()).float()
        below = above * network.s4.weight.square()[:, None, None]
        below = below.repeat_interleave(2, 1).repeat_interleave(2, 2)
        by_hand["c3"] += (below * network.act3.slope(x["c3"][0]).square()).sum((1, 2)).float()
    assert torch.allclose(curvature[network.s4.weight].float(), by_hand["s4"] / 3)
    assert torch.allclose(curvature[network.c3.bias].float(), by_hand["c3"] / 3)


def test_a_step_is_the_gradient_over_curvature_and_mu(network, digits):
    given = recipe("lenet5_1998")
    optimizer = make_optimizer(given, network)
    optimizer.estimate(digits)
    before = {p: p.detach().clone() for p in network.parameters()}
    curvature = network.curvature(digits)
    loss(network, digits).backward()
    optimizer.step()
    rate = 0.0005 * given.batch_size
    for p, old in before.items():
        assert torch.allclose(p, old - rate * p.grad / (MU + curvature[p]))


def test_the_optimizer_needs_a_network_with_curvature():
    with pytest.raises(UserError, match="needs a network with curvature"):
        make_optimizer(Recipe(optimizer="diagonal-lm"), LeNet5())
