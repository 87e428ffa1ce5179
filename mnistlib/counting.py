"""Where every parameter comes from: a network walked layer by layer, whoever wrote it.

Conventions, for one image and one forward pass:

- A parameter is a number that training changes. The running means and variances of batch
  normalisation are measured, not trained, and are not counted.
- A MAC (multiply-accumulate) is one weight times one activation. A bias is where the sum starts and
  costs none (torchinfo counts one MAC for each). Pooling and ReLU multiply nothing, and batch
  normalisation, a scale and a shift of each value, sums nothing: they count as none (torchinfo
  counts two MACs a channel for the latter).
"""

from dataclasses import dataclass
from math import inf, prod

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from mnistlib.lenet1998 import Bitmaps, Subsampling, TableConv2d
from mnistlib.model import Pad, build

Shape = tuple[int, ...]
IMAGE: Shape = (1, 28, 28)
SILENT = (nn.Identity, nn.Dropout)  # do nothing to a test image, and have no parameters


@dataclass(frozen=True)
class Layer:
    """One layer of a network and what it costs."""

    name: str  # in the network; of one that acts several times, with a number
    output_shape: Shape  # of one image, such as (6, 28, 28)
    shape_rule: str  # how that shape comes about, such as "(32 − 5)/1 + 1 = 28"
    formula: str  # how the parameters come about, such as "6 × (1·5·5 + 1)"; "0" for none
    parameters: int  # the value of the formula
    macs: int | None  # multiply-accumulates for one image; None where no rule is known


def derive(network: nn.Module | str) -> list[Layer]:
    """Walk a network, or the one registered by that name, from a 28×28 image to its logits.

    Layers are those modules that hold no others, in the order in which they act. One for which
    there is no rule here says so: its parameters are counted as they are, its MACs are None.
    UserError where no network has that name.
    """
    network = build(network) if isinstance(network, str) else network
    leaves = ((name, layer) for name, layer in network.named_modules() if not [*layer.children()])
    names = {layer: name for name, layer in leaves if not isinstance(layer, SILENT)}
    calls: list[tuple[nn.Module, Shape, Shape]] = []

    def note(layer: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        if layer in names:
            calls.append((layer, tuple(given[0].shape[1:]), tuple(result.shape[1:])))

    training, device = network.training, next(network.parameters(), torch.zeros(1)).device
    with torch.no_grad(), register_module_forward_hook(note):
        network.eval()(torch.zeros(1, *IMAGE, device=device))
    network.train(training)
    acting = [names[layer] for layer, *_ in calls]
    numbered = [
        f"{name}{acting[:place].count(name)}" if acting.count(name) > 1 else name
        for place, name in enumerate(acting, 1)
    ]
    return [
        Layer(name, shape, _shape_rule(layer, given, shape), *_costs(layer, shape))
        for name, (layer, given, shape) in zip(numbered, calls, strict=True)
    ]


def _shape_rule(layer: nn.Module, given: Shape, shape: Shape) -> str:
    match layer:
        case nn.Conv2d() | nn.MaxPool2d() | nn.AvgPool2d():
            return _slide(layer, given, shape)
        case nn.Linear() | Bitmaps():
            return f"{shape[-1]} units"
        case nn.Flatten():
            return f"{'·'.join(map(str, given))} = {shape[0]}"
        case Pad():
            return f"{given[-1]} + 2·{(shape[-1] - given[-1]) // 2} = {shape[-1]}"
    return "unchanged" if given == shape else "no rule known"


def _costs(layer: nn.Module, shape: Shape) -> tuple[str, int, int | None]:
    """Formula, parameters and MACs of a layer whose output has that shape."""
    match layer:
        case TableConv2d():
            weights, maps = layer.weight.numel(), len(layer.bias)
            formula = f"{'·'.join(map(str, layer.weight.shape))} + {maps}"
            return formula, weights + maps, weights * prod(shape[1:])
        case nn.Conv2d() | nn.Linear():
            units, *inputs = layer.weight.shape  # each unit is a sum over so many inputs
            weights, biased = layer.weight.numel(), layer.bias is not None
            formula = f"{units} × ({'·'.join(map(str, inputs))}{' + 1' if biased else ''})"
            return formula, weights + units * biased, weights * (prod(shape) // units)
        case nn.BatchNorm2d() | nn.BatchNorm1d() if layer.affine:
            n = layer.num_features  # one scale and one shift a channel, wherever in the map
            return f"2 × {n}", 2 * n, 0
        case Subsampling():
            return f"2 × {shape[0]}", 2 * shape[0], prod(shape)
        case Bitmaps():
            return "0", 0, layer.digits.numel()
    own = sum(p.numel() for p in layer.parameters() if p.requires_grad)
    return str(own), own, None if own else 0


def _slide(layer: nn.Module, given: Shape, shape: Shape) -> str:
    """Positions of a window along the last side: (n + 2p − d·(k − 1) − 1)/s + 1, in short."""
    kernel, stride, padding, dilation = (
        value if isinstance(value, int | str) else value[-1]
        for value in (layer.kernel_size, layer.stride, layer.padding, getattr(layer, "dilation", 1))
    )
    side = f"{given[-1]} + 2·{padding}" if padding else f"{given[-1]}"
    return f"({side} − {dilation * (kernel - 1) + 1})/{stride} + 1 = {shape[-1]}"


def table(network: nn.Module | str) -> pd.DataFrame:
    """The derivation as a table, one row a layer and a last row with the totals."""
    layers = derive(network)
    macs = [layer.macs for layer in layers]
    totals = sum(layer.parameters for layer in layers), None if None in macs else sum(macs)
    frame = pd.DataFrame([*layers, Layer("total", (), "", "", *totals)])
    frame["output_shape"] = ["×".join(map(str, shape)) for shape in frame["output_shape"]]
    frame["macs"] = ["no rule known" if n is None else n for n in [*macs, totals[1]]]
    columns = ["layer", "output", "output size", "formula", "parameters", "MACs"]
    return frame.set_axis(columns, axis=1).set_index("layer")


def latex(network: nn.Module | str) -> str:
    r"""The parameter count as LaTeX: one line a layer that has any, the last line their sum.

    It is one `array` without dollar signs, for `IPython.display.Math`.
    """
    layers = [layer for layer in derive(network) if layer.parameters]
    terms = " + ".join(_number(layer.parameters) for layer in layers)
    rows = [(layer.name, layer.formula, layer.parameters) for layer in layers]
    *lines, total = (
        rf"\text{{{name}}} & {formula} & = & {_number(value)}"
        for name, formula, value in (*rows, ("total", terms, sum(row[2] for row in rows)))
    )
    body = "".join(f"{line} \\\\\n" for line in lines)
    text = f"\\begin{{array}}{{lrcr}}\n{body}\\hline\n{total}\n\\end{{array}}"
    return text.replace("×", r"\times").replace("·", r" \cdot ").replace("_", r"\_")


def _number(value: int) -> str:
    # as text, or the comma is set as punctuation, with a space after it
    return rf"\text{{{value:,}}}" if value >= 1000 else str(value)


def solve_widths(
    total: int, inputs: int = prod(IMAGE), outputs: int = 10, hidden: int = 3, low=1, high=inf
) -> list[tuple[int, ...]]:
    """Every choice of `hidden` widths, from `low` to `high`, that gives an MLP exactly `total`
    parameters, in order."""
    if hidden == 1:  # total = width·(inputs + 1) + outputs·(width + 1)
        width, rest = divmod(total - outputs, inputs + 1 + outputs)
        return [(width,)] if rest == 0 and low <= width <= high else []
    each = inputs + 1  # a unit's weights and its bias
    return [
        (width, *widths)
        for width in range(low, min(high, total // each) + 1)  # wider ones cannot fit
        for widths in solve_widths(total - width * each, width, outputs, hidden - 1, low, high)
    ]
