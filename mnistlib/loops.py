"""The assignment's loops over batches: train() and test() for one epoch, predict() for answers."""

import numpy as np
import torch
from torch import Tensor, nn

from mnistlib.base import UserError
from mnistlib.batches import Batches
from mnistlib.dataset import Digits

TEST_BATCH = 1000


def train(model, trn_loader, device, criterion, optimizer, after_step=None):
    """Train for one epoch.

    Args:
        model: any network from images to logits [b, 10].
        trn_loader: any iterable of (images, labels), such as a DataLoader.
        device: where to compute.
        criterion: a loss of logits and labels, averaged or summed over the batch.
        optimizer: of the model's parameters.
        after_step: called after each step with the batch's size.

    Returns:
        trn_loss: average loss per image over the epoch, each batch weighed by its size.
        acc: accuracy over the same images, as a fraction, each image judged just before its step.

    Raises:
        UserError: the loader is empty.
    """
    model.train()
    tally = _Tally(criterion)
    for images, labels in trn_loader:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad(set_to_none=True)
        logits = model(images)  # [b, 10]
        loss = criterion(logits, labels)
        loss.backward()
        optimizer.step()
        tally.add(loss.detach(), logits.detach(), labels)
        if after_step is not None:
            after_step(len(labels))
    return tally.result()


@torch.inference_mode()
def test(model, tst_loader, device, criterion):
    """Test without training: dropout is off and batch norm uses its running statistics.

    Args and returns as in train(): (tst_loss, acc), average loss per image and accuracy.

    Raises:
        UserError: the loader is empty.
    """
    model.eval()
    tally = _Tally(criterion)
    for images, labels in tst_loader:
        images, labels = images.to(device), labels.to(device)
        logits = model(images)  # [b, 10]
        tally.add(criterion(logits, labels), logits, labels)
    return tally.result()


test.__test__ = False  # the assignment's name for it; not a test of ours


class _Tally:
    """Sums of losses and hits over an epoch, kept on the device: no step waits for a number."""

    def __init__(self, criterion) -> None:
        self.summed = getattr(criterion, "reduction", "mean") == "sum"
        self.loss, self.hits, self.n = 0.0, 0, 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        self.loss += loss.double() * (1 if self.summed else len(labels))
        self.hits += (logits.argmax(1) == labels).sum()
        self.n += len(labels)

    def result(self) -> tuple[float, float]:
        if self.n == 0:
            raise UserError("the loader is empty; expected at least one batch of images and labels")
        return float(self.loss) / self.n, int(self.hits) / self.n


@torch.inference_mode()
def predict(model: nn.Module, digits: Digits) -> np.ndarray:
    """Probabilities float32 [n, 10] of the classes for each digit, in order."""
    model.eval()
    device = next(model.parameters()).device
    parts = [model(x).softmax(1).cpu() for x, _ in Batches(digits, TEST_BATCH, device)]
    return torch.cat(parts).numpy()
