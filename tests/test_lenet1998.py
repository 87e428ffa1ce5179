"""The network of 1998 against its paper, and its derivatives against finite differences."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from mnistlib.base import UserError
from mnistlib.config import Recipe, recipe
from mnistlib.counting import derive
from mnistlib.course import Course, make_optimizer
from mnistlib.lenet1998 import MODERN, MU, Bitmaps, LeNet5Of1998, Squash
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


def matrix(layer, shape):
    """A layer that sums up as one [outputs, inputs], for inputs of that shape."""
    inputs = torch.eye(torch.Size(shape).numel()).double().view(-1, *shape)
    return (layer(inputs) - layer(torch.zeros_like(inputs[:1]))).flatten(1).T


@pytest.mark.parametrize("modern", ["none", "connections", "output"])
def test_curvature_is_appendix_c_by_hand(modern, digits):
    """From the top down, with every layer as one large matrix; of C1 and C3 and of all biases."""
    torch.manual_seed(3)
    network = LeNet5Of1998(modern).double()
    curvature = network.curvature(digits)
    by_hand = {p: torch.zeros_like(p) for p in network.parameters()}
    for digit in digits:
        steps, x = [], digit[None]
        with torch.no_grad():
            for layer in network.children():
                if isinstance(layer, Bitmaps):
                    break
                steps.append((layer, x))
                x = layer(x)
            above = torch.full_like(x, 0.25 if modern == "output" else 2.0).flatten()
            for layer, x in steps[:1:-1]:
                if isinstance(layer, Squash):
                    above = above * layer.slope(x).square().flatten()
                elif isinstance(layer, nn.Flatten):
                    continue
                else:
                    by_hand[layer.bias] += above.view(len(layer.bias), -1).sum(1) / len(digits)
                    if layer is network.c1:
                        seen = F.unfold(x.square(), 5)[0]  # [25, 784]
                        own = above.view(6, -1) @ seen.T / len(digits)
                        by_hand[layer.weight] += own.view(6, 1, 5, 5)
                    above = above @ matrix(layer, x.shape[1:]).square()
    for layer in (network.c1, network.s2, network.c3, network.s4, network.c5, network.f6):
        assert torch.allclose(curvature[layer.bias], by_hand[layer.bias])
    assert torch.allclose(curvature[network.c1.weight], by_hand[network.c1.weight])


def test_curvature_of_subsampling_is_summed_over_its_four_connections(network, digits):
    states, x = {}, digits
    for name, layer in network.named_children():
        states[name] = x = layer(x)
    above = 2 * network.act6.slope(states["f6"]).square() @ network.f6.weight.square()
    above = above * network.act5.slope(states["c5"]).square() @ network.c5.weight.square()
    above = above.view(-1, 16, 5, 5) * network.act4.slope(states["s4"]).square()
    four = F.avg_pool2d(states["act3"].square(), 2, divisor_override=1)
    by_hand = (above * four).sum((0, 2, 3)) / len(digits)
    assert torch.allclose(network.curvature(digits)[network.s4.weight], by_hand)


def test_first_weights_fill_their_bounds(network):
    """2.4/√n: C1 has 25 inputs, C3's maps 75 to 150; S2 and S4 2.4/4."""
    c3 = network.c3
    per_map = [c3.weight[c3.seen[0] == k].abs().max().item() for k in (0, 6, 15)]
    bounds = [2.4 / n**0.5 for n in (75, 100, 150)]
    assert all(0.95 * bound < found <= bound for found, bound in zip(per_map, bounds, strict=True))
    for layer, bound in ((network.c1, 2.4 / 5), (network.c5, 2.4 / 20), (network.s4, 0.6)):
        assert 0.8 * bound < layer.weight.abs().max() <= bound


def test_the_rates_of_the_passes_are_the_papers(tiny):
    course = Course(recipe("lenet5_1998"), tiny, 0, LeNet5Of1998(), torch.device("cpu"))
    (share,) = course.schedule.lr_lambdas
    first = course.optimizer.param_groups[0]["lr"] / 10  # of ten images a step
    rates = [first * share(number * len(course.batches)) for number in range(20)]
    wanted = 2 * [5e-4] + 3 * [2e-4] + 3 * [1e-4] + 4 * [5e-5] + 8 * [1e-5]
    assert rates == pytest.approx(wanted)


def test_every_pass_has_the_same_order(tiny):
    course = Course(recipe("lenet5_1998"), tiny, 0, LeNet5Of1998(), torch.device("cpu"))
    first, second = (torch.cat([labels for _, labels in course.batches]) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.tensor(tiny.train.labels))


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


@pytest.mark.parametrize("value", ["label_smoothing", "weight_decay"])
def test_what_would_have_no_effect_is_refused(value, tiny):
    given = recipe("lenet5_1998", **{value: 0.1})
    with pytest.raises(UserError, match=f"{value}=0"):
        Course(given, tiny, 0, LeNet5Of1998(), torch.device("cpu"))


def test_the_optimizer_needs_a_network_with_curvature():
    with pytest.raises(UserError, match="needs a network with curvature"):
        make_optimizer(Recipe(optimizer="diagonal-lm"), LeNet5())
