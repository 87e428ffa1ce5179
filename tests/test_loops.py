import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mnistlib.base import UserError
from mnistlib.model import RegularizedLeNet5
from mnistlib.train import predict, test, train


class Fixed(nn.Module):
    """Says the same logits to every image; what a loss must be can be computed by hand."""

    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.linspace(0, 1, 10))

    def forward(self, images):
        return self.logits.expand(len(images), 10)


@pytest.fixture
def loader():
    labels = torch.tensor([9, 9, 9, 0, 5])
    return DataLoader(TensorDataset(torch.zeros(5, 1, 28, 28), labels), batch_size=2)


def expected():
    logits = torch.linspace(0, 1, 10, dtype=torch.float64)
    losses = torch.logsumexp(logits, 0) - logits[[9, 9, 9, 0, 5]]
    return losses.mean().item()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_loss_is_the_mean_over_images_also_with_a_ragged_last_batch(loader, reduction):
    loss, accuracy = test(Fixed(), loader, "cpu", nn.CrossEntropyLoss(reduction=reduction))
    assert loss == pytest.approx(expected(), rel=1e-6)
    assert accuracy == 3 / 5


def test_training_reports_the_same_sums_when_nothing_moves(loader):
    model = Fixed()
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    for _ in range(2):  # twice: sums start anew in each epoch
        loss, accuracy = train(model, loader, "cpu", nn.CrossEntropyLoss(), still)
        assert loss == pytest.approx(expected(), rel=1e-6)
        assert accuracy == 3 / 5


def test_training_steps_once_a_batch_on_that_batch_alone(loader):
    model, twin = Fixed(), Fixed()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    train(model, loader, "cpu", nn.CrossEntropyLoss(), optimizer)
    for images, labels in loader:
        loss = nn.functional.cross_entropy(twin(images), labels)
        (gradient,) = torch.autograd.grad(loss, twin.parameters())
        twin.logits.data -= 0.5 * gradient
    assert torch.allclose(model.logits, twin.logits)


def test_testing_changes_nothing_and_switches_dropout_off(loader):
    model = RegularizedLeNet5(dropout=0.5).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = (test(model, loader, "cpu", nn.CrossEntropyLoss()) for _ in range(2))
    assert first == second
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_training_switches_dropout_and_batch_norm_on(loader):
    model = RegularizedLeNet5(dropout=0.5).eval()
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    train(model, [next(iter(loader))], "cpu", nn.CrossEntropyLoss(), still)
    assert model.training
    assert model.bn1.num_batches_tracked == 1


def test_an_empty_loader_is_refused():
    with pytest.raises(UserError, match="the loader is empty"):
        test(Fixed(), [], "cpu", nn.CrossEntropyLoss())


def test_predictions_are_probabilities_in_the_digits_order(tiny):
    model = RegularizedLeNet5(dropout=0.5)
    probabilities = predict(model, tiny.test)
    assert probabilities.shape == (100, 10)
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-5)
    part = predict(model, tiny.test.take(range(60, 100), "part"))
    assert part == pytest.approx(probabilities[60:], abs=1e-6)
