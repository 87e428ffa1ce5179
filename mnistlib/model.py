"""The three networks of the report.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
Proc. IEEE 86(11), 1998, section II-B (LeNet-5), in the assignment's form: ReLU for scaled tanh, max
pooling without weights for trainable subsampling, 16 maps that see all 6 maps before them, and ten
logits for ten radial basis functions.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from mnistlib.base import UserError, pick
from mnistlib.config import MLP_WIDTHS, MODELS
from mnistlib.dataset import MEAN, STD

BACKGROUND = (0 - MEAN) / STD  # a black pixel after normalisation


def pad(images: Tensor) -> Tensor:
    """Images [b, 1, 28, 28] in a frame of background, two pixels wide: [b, 1, 32, 32].

    The frame has the background's normalised value; a frame of zeros would be a grey one.
    Images that are 32×32 already come back as they are.

    Raises:
        UserError: images of another shape.
    """
    if images.shape[1:] == (1, 32, 32):
        return images
    _expect_digits(images)
    return F.pad(images, (2, 2, 2, 2), value=BACKGROUND)


def crop(images: Tensor) -> Tensor:
    """Images [b, 1, 32, 32] without their frame: [b, 1, 28, 28]; 28×28 comes back as it is."""
    if images.shape[1:] == (1, 32, 32):
        return images[:, :, 2:-2, 2:-2]
    _expect_digits(images)
    return images


def _expect_digits(images: Tensor) -> None:
    if images.shape[1:] != (1, 28, 28):
        shape = list(images.shape)
        raise UserError(f"found images {shape}, expected [b, 1, 28, 28] or [b, 1, 32, 32]")


class LeNet5(nn.Module):
    """LeNet-5 as the assignment draws it; 61,706 parameters.

    Images float32 [b, 1, 28, 28] or [b, 1, 32, 32], normalised; returns logits [b, 10].
    Pooling stands before ReLU: both orders compute the same function, since ReLU never changes
    which of four values is the largest, and this one applies ReLU to a quarter of the values.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = pad(images)  # [b, 1, 32, 32]
        x = F.relu(F.max_pool2d(self.conv1(x), 2))  # [b, 6, 14, 14]
        x = F.relu(F.max_pool2d(self.conv2(x), 2))  # [b, 16, 5, 5]
        x = F.relu(self.fc1(x.flatten(1)))  # [b, 120]
        x = F.relu(self.fc2(x))  # [b, 84]
        return self.fc3(x)  # [b, 10]


class CustomMLP(nn.Module):
    """Three hidden layers with exactly as many parameters as LeNet-5: 61,706.

    Images float32 [b, 1, 28, 28] or [b, 1, 32, 32] (whose frame is dropped), normalised; returns
    logits [b, 10]. `widths` gives other hidden layers, and with them other counts.
    """

    def __init__(self, widths: tuple[int, ...] = MLP_WIDTHS) -> None:
        super().__init__()
        sizes = (28 * 28, *widths)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.out = nn.Linear(sizes[-1], 10)

    def forward(self, images: Tensor) -> Tensor:
        x = crop(images).flatten(1)  # [b, 784]
        for layer in self.hidden:
            x = F.relu(layer(x))  # [b, width]
        return self.out(x)  # [b, 10]


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
        x = pad(images)  # [b, 1, 32, 32]
        x = F.relu(self.bn1(F.max_pool2d(self.conv1(x), 2)))  # [b, 6, 14, 14]
        x = F.relu(self.bn2(F.max_pool2d(self.conv2(x), 2)))  # [b, 16, 5, 5]
        x = self.dropout(F.relu(self.bn3(self.fc1(x.flatten(1)))))  # [b, 120]
        x = self.dropout(F.relu(self.bn4(self.fc2(x))))  # [b, 84]
        return self.fc3(x)  # [b, 10]


BUILDERS = {"lenet5": LeNet5, "mlp": CustomMLP, "lenet5_reg": RegularizedLeNet5}


def build(name: str, **knobs: object) -> nn.Module:
    """A new network by its name in config.MODELS, initialised from torch's global generator.

    Raises:
        UserError: no such network; lists the valid names.
    """
    return BUILDERS[pick("model", name, MODELS)](**knobs)


def count(model: nn.Module) -> int:
    """How many parameters are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@torch.no_grad()
def feature_maps(model: LeNet5, images: Tensor) -> tuple[Tensor, Tensor]:
    """What the two convolutions answer: [b, 6, 28, 28] and [b, 16, 10, 10], on the CPU.

    These are the values before batch norm, pooling and ReLU.
    """
    model.eval()
    between = getattr(model, "bn1", nn.Identity())
    first = model.conv1(pad(images.to(model.conv1.weight.device)))
    return first.cpu(), model.conv2(F.relu(between(F.max_pool2d(first, 2)))).cpu()
