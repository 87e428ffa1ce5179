"""The derivation against the model itself, torchinfo and torch's own counter of operations."""

import re
from itertools import product
from math import prod

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchinfo import summary

from mnistlib.config import MODELS
from mnistlib.counting import derive, latex, solve_widths, table
from mnistlib.model import MLP_WIDTHS, build, count

each_model = pytest.mark.parametrize("name", MODELS)


def value(formula: str) -> int:
    """Evaluate a derivation such as '6 × (1·5·5 + 1)' or '156 + 850', independently of the code."""
    first, _, second = formula.partition("×")
    if second:
        return int(first) * value(second.strip().strip("()"))
    return sum(prod(int(factor) for factor in term.split("·")) for term in formula.split("+"))


def total(network) -> int:
    return sum(layer.parameters for layer in derive(network))


def operations(network) -> int:
    """Of one image, as torch counts them: two for each multiply-accumulate."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros(1, 1, 28, 28))
    return counter.get_total_flops()


def test_totals_are_the_known_counts():
    known = {"lenet5": 61_706, "mlp": 61_706, "lenet5_reg": 62_158}
    assert {name: total(name) for name in MODELS} == known
    assert {name: count(build(name)) for name in MODELS} == known


@each_model
def test_layers_equal_torchinfos(name):
    info = summary(build(name), (1, 1, 28, 28), verbose=0)
    rows = [row for row in info.summary_list if row.is_leaf_layer and row.num_params]
    counted = [(tuple(row.output_size[1:]), row.num_params) for row in rows]
    layers = [layer for layer in derive(name) if layer.parameters]
    assert [(layer.output_shape, layer.parameters) for layer in layers] == counted


@each_model
def test_macs_equal_torchs_count_of_operations(name):
    assert 2 * sum(layer.macs for layer in derive(name)) == operations(build(name))


@each_model
def test_every_line_of_the_latex_adds_up(name):
    plain = re.sub(r"\\text{([\d,]+)}", lambda number: number[1].replace(",", ""), latex(name))
    plain = plain.replace(r"\cdot", "·").replace(r"\times", "×")
    lines = re.findall(r"& (.*) & = & (\d+)", plain)
    assert [value(formula) for formula, _ in lines] == [int(result) for _, result in lines]
    sizes = [layer.parameters for layer in derive(name) if layer.parameters]
    assert [int(result) for _, result in lines] == [*sizes, total(name)]


def test_shape_rules_give_the_side_of_the_output():
    rules = {layer.name: layer.shape_rule for layer in derive("lenet5")}
    assert rules["pad"] == "28 + 2·2 = 32"
    assert rules["conv1"] == "(32 − 5)/1 + 1 = 28"
    assert rules["pool2"] == "(10 − 2)/2 + 1 = 5"
    assert rules["flatten"] == "16·5·5 = 400"


class Odd(nn.Module):
    """Layers as others write them: strides, groups, no bias, and one that has no rule."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(8, 8, 3, groups=4, dilation=2)
        self.own = nn.PReLU()
        self.mean = nn.AvgPool2d(2)
        self.head = nn.Linear(8 * 5 * 5, 10, bias=False)
        self.drop = nn.Dropout()

    def forward(self, images):
        x = self.own(self.second(self.own(self.first(images))))
        return self.head(self.drop(self.mean(x)).flatten(1))


def test_any_network_is_walked_and_what_has_no_rule_says_so():
    layers = {layer.name: layer for layer in derive(Odd())}
    assert list(layers) == ["first", "own1", "second", "own2", "mean", "head"]
    assert layers["first"].formula == "8 × (1·3·3)"
    assert (layers["second"].parameters, layers["second"].formula) == (152, "8 × (2·3·3 + 1)")
    assert layers["first"].shape_rule == "(28 + 2·1 − 3)/2 + 1 = 14"
    assert layers["second"].shape_rule == "(14 − 5)/1 + 1 = 10"
    assert layers["own1"].macs is None
    assert table(Odd()).loc["total", "MACs"] == "no rule known"
    known = sum(layer.macs for layer in layers.values() if layer.macs is not None)
    assert 2 * known == operations(Odd())


def test_walking_leaves_the_network_as_it_was():
    network = build("lenet5_reg").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    derive(network)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_solver_agrees_with_brute_force_in_a_small_case():
    def parameters(a: int, b: int) -> int:
        return a * (3 + 1) + b * (a + 1) + 2 * (b + 1)

    for wanted in range(9, 80):
        expected = [
            (a, b) for a, b in product(range(1, 40), repeat=2) if parameters(a, b) == wanted
        ]
        assert solve_widths(wanted, inputs=3, outputs=2, hidden=2) == expected


def test_solutions_that_the_report_speaks_of_have_exactly_that_size():
    solutions = solve_widths(61_706)
    assert len(solutions) == len(set(solutions)) == 226
    assert {total(build("mlp", widths=widths)) for widths in solutions} == {61_706}
    assert [w for w in solutions if w[0] >= w[1] >= w[2]] == [(68, 64, 52), (76, 20, 16)]
    assert len(solve_widths(61_706, low=16, high=383)) == 61
    assert MLP_WIDTHS in solve_widths(61_706, low=10, high=256)
    assert solve_widths(61_706, hidden=2) == [(42, 542)]
    assert solve_widths(61_706, hidden=1) == []
