"""LeNet-5 as it was in 1998: its network, its loss, and the optimizer that trained it.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
Proc. IEEE 86(11), 1998; sections, tables, figures and equations below are that paper's. Departures
are the first weights and the second derivatives of the loss, both because training diverged, and
batches of several images; data/plan-1998.md says what was tried.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F  # noqa: N812
from torch.optim import Optimizer

from mnistlib.base import pick
from mnistlib.dataset import MEAN, STD
from mnistlib.model import MaxPool, Pad, register

# Table I: the maps of S2 (down) that each map of C3 (across) sees
CONNECTIONS = """\
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX"""
# Drawn after figure 3, which prints them as a picture: the answers that F6 is taught, +1 and -1
BITMAPS = """\
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
..###.. ...##.. .#####. ####### ##...## ####### ..####. ####### .#####. .#####.
.##.##. ..###.. ##...## .....## ##...## ##..... .##.... .....## ##...## ##...##
##...## .####.. ##...## ....##. ##...## ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## ...##.. ##...## ######. ##..... ....##. ##...## ##...##
##...## ...##.. ....##. ..####. .###### ##...## ######. ....##. .#####. ##...##
##...## ...##.. ...##.. .....## .....## .....## ##...## ...##.. ##...## .######
##...## ...##.. ..##... .....## .....## .....## ##...## ...##.. ##...## .....##
##...## ...##.. .##.... .....## .....## .....## ##...## ..##... ##...## .....##
.##.##. ...##.. ##..... ##...## .....## ##...## ##...## ..##... ##...## ....##.
..###.. .###### ####### .#####. .....## .#####. .#####. .##.... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... ......."""
# III-B: the rate of each pass, as a share of the first; later passes have the last
PACES = 2 * [1.0] + 3 * [0.4] + 3 * [0.2] + 4 * [0.1] + [0.02]
MU = 0.02  # III-B: bounds the rates
SAMPLES = 500  # III-B: images that curvature is estimated on
MODERN = ("none", "connections", "pooling", "activation", "output")


def signs(drawing: str, mark: str) -> Tensor:
    """A drawing as numbers [rows, columns]: 1 where `mark` stands, -1 elsewhere."""
    return torch.tensor([[1.0 if c == mark else -1.0 for c in row] for row in drawing.split("\n")])


class Scale(nn.Module):
    """Normalised images as the paper feeds them: white -0.1 and black 1.175 (II-B)."""

    def forward(self, images: Tensor) -> Tensor:
        return images * (1.275 * STD) + (1.275 * MEAN - 0.1)


class Squash(nn.Module):
    """1.7159·tanh(2x/3), which leaves +1 and -1 where they are (eq. 6, appendix A)."""

    def forward(self, sums: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(2 / 3 * sums)

    def slope(self, sums: Tensor) -> Tensor:
        """The derivative there."""
        return 2 / 3 * 1.7159 * (1 - torch.tanh(2 / 3 * sums).square())


class Subsampling(nn.AvgPool2d):
    """The sum of each 2×2 pixels, times a weight of its map, plus a bias (II-B)."""

    def __init__(self, maps: int) -> None:
        super().__init__(2, divisor_override=1)
        self.weight, self.bias = nn.Parameter(torch.empty(maps)), nn.Parameter(torch.empty(maps))

    def forward(self, maps: Tensor) -> Tensor:
        weight, bias = self.weight[:, None, None], self.bias[:, None, None]
        return torch.addcmul(bias, super().forward(maps), weight)


class TableConv2d(nn.Conv2d):
    """A 5×5 kernel between each two maps that Table I connects, and a bias for each map of C3."""

    def __init__(self) -> None:
        super().__init__(6, 16, 5)
        self.seen = signs(CONNECTIONS, "X").T.gt(0).nonzero(as_tuple=True)  # maps of C3, of S2
        self.weight = nn.Parameter(torch.empty(len(self.seen[0]), 5, 5))

    def forward(self, maps: Tensor) -> Tensor:
        kernels = self.weight.new_zeros(16, 6, 5, 5).index_put(self.seen, self.weight)
        return F.conv2d(maps, kernels, self.bias)


class Bitmaps(nn.Module):
    """Ten radial basis units without weights: minus the squared distance to each bitmap (eq. 7)."""

    def __init__(self) -> None:
        super().__init__()
        drawn = signs(BITMAPS, "#")  # [12, 79]: each digit's seven columns, and a gap
        digits = torch.stack([drawn[:, 8 * d : 8 * d + 7].flatten() for d in range(10)])
        self.register_buffer("digits", digits, persistent=False)  # [10, 84]

    def forward(self, states: Tensor) -> Tensor:
        size = states.square().sum(1, keepdim=True) + self.digits.shape[1]
        return F.linear(states, 2 * self.digits) - size


@register("lenet5_1998", title="LeNet-5 of 1998")
class LeNet5Of1998(nn.Sequential):
    """LeNet-5 of section II-B; 60,000 parameters, none of them in the output.

    Images float32 [b, 1, 28, 28] or [b, 1, 32, 32], normalised; returns minus the penalties
    [b, 10], of which the greatest is the answer. `modern` names the part that is LeNet5's instead,
    one of MODERN: with pooling goes the function after it, with the output the loss; F6 squashes
    always, since its answers are +1 and -1. `rubbish` is j of eq. 9, the penalty of the rubbish
    class; 0 takes the simpler loss, eq. 8.
    """

    def __init__(self, modern: str = "none", rubbish: float = 20.0) -> None:
        pick("part", modern, MODERN)
        act = nn.ReLU if modern == "activation" else Squash
        c3 = nn.Conv2d(6, 16, 5) if modern == "connections" else TableConv2d()
        layers = {"pad": Pad(), "scale": Scale(), "c1": nn.Conv2d(1, 6, 5), "act1": act()}
        layers |= {"s2": Subsampling(6), "act2": act(), "c3": c3, "act3": act()}
        # C5's kernels cover the whole of S4's maps: a linear layer does the same, and is faster
        layers |= {"s4": Subsampling(16), "act4": act(), "flatten": nn.Flatten()}
        layers |= {"c5": nn.Linear(400, 120), "act5": act(), "f6": nn.Linear(120, 84)}
        layers |= {"act6": Squash()}
        layers |= {"output": nn.Linear(84, 10) if modern == "output" else Bitmaps()}
        if modern == "pooling":  # and no function after it
            layers |= {"s2": MaxPool(), "s4": MaxPool()}
            layers |= {"act2": nn.Identity(), "act4": nn.Identity()}
        super().__init__(OrderedDict(layers))
        self.rubbish = rubbish
        self._initialise()

    def own_loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        """Eq. 9, the cross-entropy of eleven classes of which the last has the penalty j always; or
        eq. 8 without rubbish. Mean over the batch; `answers` as forward() returns them."""
        if not isinstance(self.output, Bitmaps):
            return F.cross_entropy(answers, labels)
        if self.rubbish == 0:
            return F.nll_loss(answers, labels)
        return F.cross_entropy(F.pad(answers, (0, 1), value=-self.rubbish), labels)

    @torch.no_grad()
    def _initialise(self) -> None:
        """Uniform within ±2.4/√n for n inputs, and ±2.4/4 where four pixels are summed up.

        So sums have about the same range in every unit where inputs are independent, but for the
        four, which are nearly alike. Appendix A takes 2.4/n for all, as if all inputs were alike:
        with that nearly all rates start at the greatest there is, lr/MU, and F6 saturates.
        """
        for layer in self.children():
            match layer:
                case Subsampling():
                    bound = each = torch.tensor(2.4 / 4)
                case TableConv2d():  # each map of C3 has inputs of its own
                    bound = 2.4 / (25 * layer.seen[0].bincount()).sqrt()  # [16]
                    each = bound[layer.seen[0], None, None]
                case nn.Conv2d() | nn.Linear():
                    bound = each = torch.tensor(2.4 / layer.weight[0].numel() ** 0.5)
                case _:
                    continue
            layer.weight.uniform_(-1, 1).mul_(each)
            layer.bias.uniform_(-1, 1).mul_(bound)

    @torch.enable_grad()
    def curvature(self, images: Tensor) -> dict[nn.Parameter, Tensor]:
        """For each parameter the mean second derivative of the loss, summed over its connections.

        Gauss-Newton's part, and of that the diagonal (appendix C, eq. 22 to 27). Through a layer
        that sums up, second derivatives pass by the squares of inputs and weights as gradients do
        by inputs and weights: so autograd takes them through a network of those squares. At its end
        stands 2, that of the right class's penalty (exact for eq. 8), or the most a logit can have,
        1/4: eq. 9's own go to 0 as the network gets sure; rates grow with that, and it diverges.
        """
        squares = {p: p.detach().square().requires_grad_() for p in self.parameters()}
        x, passed = images, torch.zeros_like(images)  # of `passed` only the gradient matters
        for layer in self.children():
            if isinstance(layer, Bitmaps):
                break
            link = passed - passed.detach()  # of no value, but what it is added to has a gradient
            own = {name: squares[p] for name, p in layer.named_parameters()}
            if own:
                passed = functional_call(layer, own, x.square() + link)
            elif isinstance(layer, Squash):
                passed = passed * layer.slope(x).square()
            else:  # hands on some of its inputs, such as the largest; or nothing came before it
                passed = layer(x + link)
            x = layer(x).detach()
        last = 2 if isinstance(self.output, Bitmaps) else 1 / 4
        second = torch.autograd.grad(passed.sum() * last / len(images), [*squares.values()])
        return dict(zip(squares, second, strict=True))


class DiagonalLM(Optimizer):
    """The stochastic diagonal Levenberg-Marquardt method (III-B; appendix C, eq. 18 and 21).

    Each parameter steps along its gradient at the rate lr/(MU + h), where h is the curvature that
    estimate() found on a few images before the pass.
    """

    def __init__(self, model: LeNet5Of1998, lr: float) -> None:
        super().__init__(model.parameters(), {"lr": lr})
        self.model = model

    def estimate(self, images: Tensor) -> None:
        """Find the rates of the next pass on normalised images [n, 1, 28, 28]."""
        for parameter, second in self.model.curvature(images).items():
            self.state[parameter]["scale"] = 1 / (MU + second)

    @torch.no_grad()
    def step(self) -> None:
        """One step along the gradients."""
        for group in self.param_groups:
            for p in group["params"]:
                p.addcmul_(p.grad, self.state[p]["scale"], value=-group["lr"])
