"""What a recipe says about steps: optimizer, learning-rate schedule, averaged weights."""

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnistlib.config import Recipe


def make_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer over the model's parameters."""
    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "fused": True}
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), betas=(recipe.momentum, 0.999), **common)
    return torch.optim.SGD(
        model.parameters(), momentum=recipe.momentum, nesterov=recipe.nesterov, **common
    )


def make_schedule(recipe: Recipe, optimizer, steps: int) -> OneCycleLR | None:
    """Smith, "Super-convergence", 2018: up to the peak in 30 % of the steps, then down to 0."""
    if recipe.schedule == "constant":
        return None
    total = recipe.epochs * steps
    return OneCycleLR(optimizer, recipe.learning_rate, total, cycle_momentum=False)


def make_average(recipe: Recipe, model: nn.Module) -> AveragedModel | None:
    """An exponential moving average of weights and of batch norm's statistics, if asked for."""
    if recipe.averaging == "none":
        return None
    average = get_ema_multi_avg_fn(recipe.ema_decay)
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)
