"""The networks, and the door by which any other one comes in: `register`.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
Proc. IEEE 86(11), 1998, section II-B (LeNet-5), in the assignment's form: ReLU for scaled tanh, max
pooling without weights for trainable subsampling, 16 maps that see all 6 maps before them, and ten
logits for ten radial basis functions.
"""

import re
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from mnistlib.base import UserError, pick
from mnistlib.dataset import MEAN, STD

BACKGROUND = (0 - MEAN) / STD  # a black pixel after normalisation
MLP_WIDTHS = (58, 166, 36)  # exactly LeNet-5's 61,706 parameters; 05_report shows the choice

NETWORKS: dict[str, type[nn.Module]] = {}  # by name; filled by register() alone
TITLES: dict[str, str] = {}  # their names for people


def register(name: str, title: str | None = None) -> Callable[[type], type]:
    """Class decorator: make a network known by `name` to recipes, studies, tables and figures.

    The network takes images float32 [b, 1, 28, 28], normalised, and returns logits [b, 10]. Values
    that a recipe changes and its constructor names, such as `dropout`, are handed to it. Where it
    has `own_loss(logits, labels)`, that stands for cross-entropy; where it has `curvature`, as
    lenet5_1998 does, the optimizer "diagonal-lm" can train it. Records are found again by this
    name: give a network that you change another one. UserError where it is not of small letters,
    digits and underscores, or another's already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise UserError(f"model name {name!r}; give small letters, digits and _, such as 'wide'")

    def add(network: type[nn.Module]) -> type[nn.Module]:
        known = NETWORKS.get(name, network)
        if (known.__module__, known.__qualname__) != (network.__module__, network.__qualname__):
            raise UserError(f"model {name!r} is {known.__qualname__} already; give another name")
        NETWORKS[name], TITLES[name] = network, title or name  # again where a cell runs again
        return network

    return add


def find(name: str) -> str:
    """The name of a registered network; "package.module:Class" is imported, and registered.

    UserError where there is none; it lists the valid names, or says what the import said.
    """
    module, colon, attribute = str(name).partition(":")
    if not colon:
        return pick("model", name, NETWORKS)
    try:
        network = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"model {name!r}: {error}; give package.module:Class") from error
    if not (isinstance(network, type) and issubclass(network, nn.Module)):
        raise UserError(f"model {name!r} is no class of networks; give a torch.nn.Module")
    for known, other in NETWORKS.items():
        if other is network:
            return known
    register(attribute.lower(), attribute)(network)
    return attribute.lower()


def build(name: str, **values: object) -> nn.Module:
    """A new network by its name, initialised from torch's global generator.

    Of `values`, those that its constructor names are handed to it. UserError where there is no
    such network; it lists the valid names.
    """
    network = NETWORKS[pick("model", name, NETWORKS)]
    wanted = signature(network).parameters
    try:
        return network(**{key: value for key, value in values.items() if key in wanted})
    except TypeError as error:
        raise UserError(f"model {name!r}: {error}; give what it needs a default") from error


def count(model: nn.Module) -> int:
    """How many parameters are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _side(images: Tensor) -> int:
    if images.shape[1:] not in ((1, 28, 28), (1, 32, 32)):
        shape = list(images.shape)
        raise UserError(f"found images {shape}, expected [b, 1, 28, 28] or [b, 1, 32, 32]")
    return images.shape[-1]


class Pad(nn.Module):
    """Images [b, 1, 28, 28] in a frame of background, two pixels wide: [b, 1, 32, 32].

    The frame has the background's normalised value; a frame of zeros would be a grey one.
    Images that are 32×32 already come back as they are; UserError for those of another shape.
    """

    def forward(self, images: Tensor) -> Tensor:
        return images if _side(images) == 32 else F.pad(images, (2, 2, 2, 2), value=BACKGROUND)


class MaxPool(nn.MaxPool2d):
    """The largest of each 2×2 pixels, of maps with even sides; the same values as PyTorch's kernel
    in a fifth of its time where no gradient is wanted."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, maps: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(maps)
        rows = torch.maximum(maps[..., ::2, :], maps[..., 1::2, :])
        return torch.maximum(rows[..., ::2], rows[..., 1::2])


@register("lenet5", title="LeNet-5")
class LeNet5(nn.Module):
    """LeNet-5 as the assignment draws it; 61,706 parameters.

    Images float32 [b, 1, 28, 28] or [b, 1, 32, 32], normalised; returns logits [b, 10].
    Pooling stands before ReLU: both orders compute the same function, since ReLU never changes
    which of four values is the largest, and this one applies ReLU to a quarter of the values.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pad = Pad()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = MaxPool()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)
        self.relu = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        x = self.pad(images)  # [b, 1, 32, 32]
        x = self.relu(self.pool(self.conv1(x)))  # [b, 6, 14, 14]
        x = self.relu(self.pool(self.conv2(x)))  # [b, 16, 5, 5]
        x = self.relu(self.fc1(self.flatten(x)))  # [b, 120]
        x = self.relu(self.fc2(x))  # [b, 84]
        return self.fc3(x)  # [b, 10]


@register("mlp", title="MLP")
class CustomMLP(nn.Module):
    """Three hidden layers with exactly as many parameters as LeNet-5: 61,706.

    Images float32 [b, 1, 28, 28] or [b, 1, 32, 32] (whose frame is dropped), normalised; returns
    logits [b, 10]. `widths` gives other hidden layers, as (58, 166, 36) or "58-166-36", and with
    them other counts.
    """

    def __init__(self, widths: tuple[int, ...] | str = MLP_WIDTHS) -> None:
        super().__init__()
        given = map(int, widths.split("-")) if isinstance(widths, str) else widths
        sizes = (28 * 28, *given)
        self.flatten = nn.Flatten()
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.relu = nn.ReLU()
        self.out = nn.Linear(sizes[-1], 10)

    def forward(self, images: Tensor) -> Tensor:
        framed = _side(images) == 32
        x = self.flatten(images[:, :, 2:-2, 2:-2] if framed else images)  # [b, 784]
        for layer in self.hidden:
            x = self.relu(layer(x))  # [b, width]
        return self.out(x)  # [b, 10]


@register("lenet5_reg", title="Regularized LeNet-5")
class RegularizedLeNet5(LeNet5):
    """LeNet-5 with batch norm after each layer but the last, and dropout; 62,158 parameters.

    Images and logits as in LeNet5. Batch norm stands right before ReLU, as in Ioffe and Szegedy,
    "Batch normalization", ICML 2015, section 3.2, and after pooling, where it has a quarter of the
    values to normalise; `dropout` acts on the two hidden fully connected layers, as in Srivastava
    et al., "Dropout", JMLR 15, 2014. Neither is active while testing. Without `batch_norm` and
    without dropout this is LeNet5, from the same initial weights.
    """

    def __init__(self, dropout: float = 0.0, batch_norm: bool = True) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(6) if batch_norm else nn.Identity()
        self.bn2 = nn.BatchNorm2d(16) if batch_norm else nn.Identity()
        self.bn3 = nn.BatchNorm1d(120) if batch_norm else nn.Identity()
        self.bn4 = nn.BatchNorm1d(84) if batch_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Tensor) -> Tensor:
        x = self.pad(images)  # [b, 1, 32, 32]
        x = self.relu(self.bn1(self.pool(self.conv1(x))))  # [b, 6, 14, 14]
        x = self.relu(self.bn2(self.pool(self.conv2(x))))  # [b, 16, 5, 5]
        x = self.dropout(self.relu(self.bn3(self.fc1(self.flatten(x)))))  # [b, 120]
        x = self.dropout(self.relu(self.bn4(self.fc2(x))))  # [b, 84]
        return self.fc3(x)  # [b, 10]
