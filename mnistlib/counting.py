"""Where every parameter comes from: each architecture walked layer by layer, without torch.

Conventions, for one image and one forward pass:

- A parameter is a number that training changes. The running means and variances of batch
  normalisation are measured, not trained, and are not counted.
- A MAC (multiply-accumulate) is one weight times one activation. A bias is where the sum starts and
  costs none (torchinfo counts one MAC for each). Pooling and ReLU multiply nothing, and batch
  normalisation, a scale and a shift of each value, sums nothing: they count as none (torchinfo
  counts two MACs a channel for the latter).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING

from mnistlib.base import UserError, pick
from mnistlib.config import MLP_WIDTHS, MODELS

if TYPE_CHECKING:
    from pandas import DataFrame

Shape = tuple[int, ...]

IMAGE: Shape = (1, 28, 28)
CLASSES = 10
UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Layer:
    """One layer of an architecture and what it costs.

    Attributes:
        output_shape: of one image, such as (6, 28, 28).
        shape_rule: how that shape comes about, such as "(32 − 5)/1 + 1 = 28".
        formula: how the parameters come about, such as "6 × (1·5·5 + 1)"; "0" for none.
        parameters: the value of the formula.
        macs: multiply-accumulates for one image.
    """

    name: str
    kind: str
    output_shape: Shape
    shape_rule: str
    formula: str = "0"
    parameters: int = 0
    macs: int = 0


Step = Callable[[Shape], Layer]  # what is known of a layer before its input's shape is


def _slide(size: int, kernel: int, stride: int) -> tuple[int, str]:
    """Positions of a window along `size` pixels, and the sum: (n − k)/s + 1 without padding."""
    positions = (size - kernel) // stride + 1
    return positions, f"({size} − {kernel})/{stride} + 1 = {positions}"


def _pad(name: str, by: int, shape: Shape) -> Layer:
    channels, size, _ = shape
    padded = size + 2 * by
    return Layer(name, "padding", (channels, padded, padded), f"{size} + 2·{by} = {padded}")


def _conv(name: str, maps: int, kernel: int, shape: Shape) -> Layer:
    channels, size, _ = shape
    out, rule = _slide(size, kernel, stride=1)
    weights = maps * channels * kernel**2
    formula = f"{maps} × ({channels}·{kernel}·{kernel} + 1)"
    return Layer(
        name, "convolution", (maps, out, out), rule, formula, weights + maps, out**2 * weights
    )


def _pool(name: str, kernel: int, shape: Shape) -> Layer:
    channels, size, _ = shape
    out, rule = _slide(size, kernel, stride=kernel)
    return Layer(name, "max pooling", (channels, out, out), rule)


def _relu(name: str, shape: Shape) -> Layer:
    return Layer(name, "ReLU", shape, UNCHANGED)


def _norm(name: str, shape: Shape) -> Layer:
    channels = shape[0]  # one scale and one shift a channel, wherever in the map
    return Layer(name, "batch norm", shape, UNCHANGED, f"2 × {channels}", 2 * channels)


def _flatten(name: str, shape: Shape) -> Layer:
    size = prod(shape)
    return Layer(name, "flatten", (size,), f"{'·'.join(map(str, shape))} = {size}")


def _linear(name: str, outputs: int, shape: Shape) -> Layer:
    (inputs,) = shape
    formula = f"{outputs} × ({inputs} + 1)"
    parameters = outputs * (inputs + 1)
    return Layer(
        name, "linear", (outputs,), f"{outputs} units", formula, parameters, outputs * inputs
    )


def _hidden(layer: Step, number: int, normalised: bool = False) -> list[Step]:
    """A linear layer with what follows it."""
    norm = [partial(_norm, f"bn{number}")] if normalised else []
    return [layer, *norm, partial(_relu, f"relu{number}")]


def _stage(number: int, maps: int, normalised: bool) -> list[Step]:
    """A 5×5 convolution with what follows it, down to maps of half the side."""
    norm = [partial(_norm, f"bn{number}")] if normalised else []
    conv, pool = partial(_conv, f"conv{number}", maps, 5), partial(_pool, f"pool{number}", 2)
    return [conv, pool, *norm, partial(_relu, f"relu{number}")]


def _lenet5(normalised: bool = False) -> list[Step]:
    """LeNet-5 (LeCun et al. 1998, fig. 2) with ReLU, max pooling and a fully connected conv2."""
    return [
        partial(_pad, "pad", 2),
        *_stage(1, 6, normalised),
        *_stage(2, 16, normalised),
        partial(_flatten, "flatten"),
        *_hidden(partial(_linear, "fc1", 120), 3, normalised),
        *_hidden(partial(_linear, "fc2", 84), 4, normalised),
        partial(_linear, "fc3", CLASSES),
    ]


def _mlp(widths: Sequence[int]) -> list[Step]:
    """A multilayer perceptron with ReLU between the layers."""
    steps: list[Step] = [partial(_flatten, "flatten")]
    for number, width in enumerate(widths, start=1):
        steps += _hidden(partial(_linear, f"hidden{number}", width), number)
    return [*steps, partial(_linear, "out", CLASSES)]


def derive(name: str, widths: Sequence[int] | None = None) -> list[Layer]:
    """Walk an architecture from the 28×28 image to the ten logits.

    Args:
        name: one of config.MODELS.
        widths: hidden widths of the MLP; config.MLP_WIDTHS if None.

    Raises:
        UserError: unknown name, or widths that are not positive or not for the MLP.
    """
    pick("model", name, MODELS)
    if widths is not None and (name != "mlp" or any(width < 1 for width in widths)):
        raise UserError(
            f"found widths {tuple(widths)} for {name!r}, expected positive widths, "
            "and only for 'mlp': the other architectures are fixed"
        )
    hidden = MLP_WIDTHS if widths is None else widths
    steps = _mlp(hidden) if name == "mlp" else _lenet5(normalised=name == "lenet5_reg")
    layers, shape = [], IMAGE
    for step in steps:
        layers.append(step(shape))
        shape = layers[-1].output_shape
    return layers


def table(name: str, widths: Sequence[int] | None = None) -> DataFrame:
    """The derivation as a table, one row a layer and a last row with the totals.

    Raises:
        UserError: as derive.
    """
    from pandas import DataFrame

    layers = derive(name, widths)
    rows = [
        (
            layer.name,
            "×".join(map(str, layer.output_shape)),
            layer.shape_rule,
            layer.formula,
            layer.parameters,
            layer.macs,
        )
        for layer in layers
    ]
    parameters, macs = (sum(row[column] for row in rows) for column in (4, 5))
    rows.append(("total", "", "", "", parameters, macs))
    columns = ["layer", "output", "output size", "formula", "parameters", "MACs"]
    return DataFrame(rows, columns=columns).set_index("layer")


def latex(name: str, widths: Sequence[int] | None = None) -> str:
    r"""The parameter count as LaTeX: one line a layer that has any, the last line their sum.

    It is one `array` without dollar signs, for `IPython.display.Math`; unlike `aligned`, that is
    also what latex2mathml converts.

    Raises:
        UserError: as derive.
    """
    layers = [layer for layer in derive(name, widths) if layer.parameters]
    lines = [_latex_line(layer.name, layer.formula, layer.parameters) for layer in layers]
    terms = " + ".join(_latex_number(layer.parameters) for layer in layers)
    total = _latex_line("total", terms, sum(layer.parameters for layer in layers))
    body = "".join(f"{line} \\\\\n" for line in lines)
    return f"\\begin{{array}}{{lrcr}}\n{body}\\hline\n{total}\n\\end{{array}}"


def _latex_line(name: str, formula: str, value: int) -> str:
    symbols = formula.replace("×", r"\times").replace("·", r" \cdot ")
    return rf"\text{{{name}}} & {symbols} & = & {_latex_number(value)}"


def _latex_number(value: int) -> str:
    # as text, or the comma is set as punctuation, with a space after it
    return rf"\text{{{value:,}}}" if value >= 1000 else str(value)


def solve_widths(
    total: int,
    inputs: int = IMAGE[1] * IMAGE[2],
    outputs: int = CLASSES,
    hidden: int = 3,
    low: int = 1,
    high: int | None = None,
) -> list[tuple[int, ...]]:
    """Every choice of hidden widths that gives an MLP exactly `total` parameters, in order.

    For 61,706 parameters and 784 inputs two hidden layers allow only 42-542, whatever the widths.
    Three allow 226 choices, 61 of them with all widths from 16 to 383, and just two that never
    widen from layer to layer: 68-64-52 and 76-20-16.

    Args:
        hidden: number of hidden layers, at least 1.
        low: the least width of any hidden layer.
        high: the greatest; None for as wide as the total allows.

    Raises:
        UserError: a count below 1, or high below low.
    """
    if min(total, inputs, outputs, hidden, low) < 1 or (high is not None and high < low):
        raise UserError(
            f"found total={total}, inputs={inputs}, outputs={outputs}, hidden={hidden}, "
            f"low={low}, high={high}; expected all at least 1 and low <= high"
        )
    top = total if high is None else high
    return list(_solve(total, inputs, outputs, hidden, low, top))


def _solve(
    total: int, inputs: int, outputs: int, hidden: int, low: int, high: int
) -> Iterator[tuple[int, ...]]:
    """Solutions with `total` parameters left from `inputs` units on."""
    if hidden == 1:  # total = width·(inputs + 1) + outputs·(width + 1)
        width, rest = divmod(total - outputs, inputs + 1 + outputs)
        if rest == 0 and low <= width <= high:
            yield (width,)
        return
    # every later layer costs at least one unit with its bias, so a wider layer cannot fit
    for width in range(low, min(high, total // (inputs + 1)) + 1):
        left = total - width * (inputs + 1)
        for widths in _solve(left, width, outputs, hidden - 1, low, high):
            yield (width, *widths)
