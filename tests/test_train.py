from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

from mnistlib.base import TrainingError, UserError
from mnistlib.config import MODELS, recipe
from mnistlib.course import Course
from mnistlib.dataset import MEAN, STD, normalise
from mnistlib.model import CustomMLP, RegularizedLeNet5
from mnistlib.runs import CURVES
from mnistlib.train import fit, initial, one_thread, predict, test, train
from tests.same import DIVERGING


def quick(name, **changes):
    return recipe(name, **{"epochs": 2, **changes})


def test_one_run_computes_with_one_thread_and_leaves_the_callers_state_alone(tiny):
    threads, seen = torch.get_num_threads(), []
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)

    def note(*_):
        assert torch.backends.cudnn.deterministic  # or a GPU's bits would not come back
        seen.append(torch.get_num_threads())

    look = {"on_epoch": note, "progress": False}
    torch.set_num_threads(threads + 1)
    run = fit(quick("mlp"), tiny, **look)
    assert torch.equal(torch.rand(3), wanted)
    assert torch.get_num_threads() == threads + 1
    torch.set_num_threads(threads)
    assert (run.threads, seen) == (1, [1, 1])


def plain(network):
    """The layers of a network one after another."""
    if isinstance(network, CustomMLP):
        hidden = [part for layer in network.hidden for part in (layer, nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *hidden, network.out)
    bn1, bn2, bn3, bn4 = (getattr(network, f"bn{i}", nn.Identity()) for i in (1, 2, 3, 4))
    frame, pool, relu = nn.ConstantPad2d(2, (0 - MEAN) / STD), nn.MaxPool2d(2), nn.ReLU()
    convolutions = [frame, network.conv1, pool, bn1, relu, network.conv2, pool, bn2, relu]
    dense = [nn.Flatten(), network.fc1, bn3, relu, network.fc2, bn4, relu, network.fc3]
    return nn.Sequential(*convolutions, *dense)


def losses_of_a_plain_loop(given, data):
    network = plain(initial(given, 0)).train()
    criterion = nn.CrossEntropyLoss(label_smoothing=given.label_smoothing)
    how = {"momentum": given.momentum, "nesterov": given.nesterov, "fused": False}
    how |= {"lr": given.learning_rate, "weight_decay": given.weight_decay}
    optimizer = torch.optim.SGD(network.parameters(), **how)
    batches = Course(given, data, 0, initial(given, 0), torch.device("cpu")).batches
    schedule = ConstantLR(optimizer, factor=1)
    if given.schedule == "one-cycle":
        schedule = OneCycleLR(optimizer, given.learning_rate, len(batches), cycle_momentum=False)
    for images, labels in batches:
        optimizer.zero_grad()
        loss = criterion(network(images), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss.item()


# Batch norm magnifies rounding errors: at the regularized recipe's peak rate they grow tenfold a
# step in any order of operations, in float64 as well. At this rate they stay below 1e-6, and half
# the rate or 0.95 times the momentum would show as 7e-4. The other two recipes are the report's.
CALM = {"lenet5": {}, "mlp": {}, "lenet5_reg": {"learning_rate": 2e-5}}


@pytest.mark.parametrize("name", MODELS)
def test_the_first_50_steps_of_fit_are_those_of_a_plain_loop(name, tiny, digit_data):
    given = recipe(name, epochs=1, **CALM[name])
    data = replace(tiny, train=digit_data.train.take(range(3_200), "3,200 digits"))
    with one_thread():  # more wait for each other where other work runs
        losses = list(losses_of_a_plain_loop(given, data))
    assert len(losses) == 50
    (found,) = fit(given, data, progress=False).history["train_loss"]
    assert found == pytest.approx(np.mean(losses), rel=1e-5)


def test_the_record_states_what_was_run_and_the_last_epoch_is_scored(tiny):
    seen = []
    run = fit(quick("mlp"), tiny, 3, progress=False, on_epoch=lambda *values: seen.append(values))
    assert (run.recipe, run.seed, run.device) == (quick("mlp"), 3, "cpu")
    assert run.dataset["fingerprint"] == tiny.fingerprint
    assert (run.dataset["n_train"], run.dataset["n_test"]) == (200, 100)
    assert [number for number, _ in seen] == [1, 2]
    assert {c: [values[c] for _, values in seen] for c in CURVES} == run.history
    assert (run.labels == tiny.test.labels).all()
    assert run.accuracy == run.history["test_accuracy"][-1] == run.correct.mean()


def test_averaged_weights_are_scored_and_left_in_the_model(tiny):
    plain = quick("lenet5_reg", averaging="none")
    averaged, last = initial(plain, 1), initial(plain, 0)
    run = fit(replace(plain, averaging="ema"), tiny, 0, model=averaged, progress=False)
    fit(plain, tiny, 0, model=last, progress=False)
    assert run.answers.tolist() == predict(averaged, tiny.test).argmax(1).tolist()
    start = initial(plain, 0).fc1.weight
    assert 0 < (averaged.fc1.weight - start).norm() < (last.fc1.weight - start).norm()


def test_test_images_and_labels_have_no_part_in_training(tiny):
    other = replace(tiny, test=tiny.train.take(np.arange(100), "other"))
    models = [initial(quick("lenet5_reg"), 0) for _ in range(2)]
    for data, model in zip((tiny, other), models, strict=True):
        fit(quick("lenet5_reg"), data, 0, model=model, progress=False)
    assert torch.equal(models[0].fc3.weight, models[1].fc3.weight)


def test_test_images_are_never_distorted(tiny):
    given = recipe("lenet5_reg")
    assert given.augment == "affine+elastic"
    course = Course(given, tiny, 0, initial(given, 0), torch.device("cpu"))
    ((images, labels),) = course.tests
    assert np.array_equal(images, normalise(tiny.test.images))
    assert labels.tolist() == tiny.test.labels.tolist()
    plain = {image.tobytes() for image in normalise(tiny.train.images)}
    assert not any(x.numpy().tobytes() in plain for x in next(iter(course.batches))[0])


def test_a_loss_that_is_not_finite_stops_with_a_way_out(tiny):
    with pytest.raises(TrainingError, match=r"stopped in epoch \d: training loss .* try a tenth"):
        fit(DIVERGING, tiny, 0, progress=False)


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


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_both_loops_average_over_images_also_with_a_ragged_last_batch(loader, reduction):
    model, criterion = Fixed(), nn.CrossEntropyLoss(reduction=reduction)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    logits = torch.linspace(0, 1, 10, dtype=torch.float64)
    losses = torch.logsumexp(logits, 0) - logits[[9, 9, 9, 0, 5]]
    wanted = (pytest.approx(losses.mean().item(), rel=1e-6), 3 / 5)
    for _ in range(2):  # twice: sums start anew in each epoch
        assert train(model, loader, "cpu", criterion, still) == wanted
        assert test(model, loader, "cpu", criterion) == wanted


def test_testing_changes_nothing_and_switches_dropout_off(loader):
    model = RegularizedLeNet5(dropout=0.5).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = (test(model, loader, "cpu", nn.CrossEntropyLoss()) for _ in range(2))
    assert first == second
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


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


@pytest.mark.parametrize("n", [1, 2, 10])
def test_labels_as_probabilities_are_compared_row_by_row(n):
    classes = torch.arange(n) % 10
    labels = 0.9 * nn.functional.one_hot(classes, 10).float() + 0.01
    batches = [(torch.zeros(n, 1, 28, 28), labels)]
    _, accuracy = test(Fixed(), batches, "cpu", nn.CrossEntropyLoss())
    assert accuracy == (classes == 9).float().mean()


def agreeable(logits, labels):
    """A loss that says nothing against labels of any form."""
    return logits.mean()


BROADCASTING = {
    "a column": lambda n: torch.zeros(n, 1, dtype=torch.long),
    "one label for all": lambda n: torch.zeros((), dtype=torch.long),
    "too many": lambda n: torch.zeros(n + 1, dtype=torch.long),
    "numbers that are no classes": lambda n: torch.zeros(n),
    "rows of other length": lambda n: torch.zeros(n, 4),
}


@pytest.mark.parametrize("n", [1, 10])
@pytest.mark.parametrize("labels", BROADCASTING.values(), ids=BROADCASTING)
def test_labels_that_would_only_broadcast_are_refused(n, labels):
    batches = [(torch.zeros(n, 1, 28, 28), labels(n))]
    with pytest.raises(UserError, match=r"found logits .* and labels .*expected"):
        test(Fixed(), batches, "cpu", agreeable)
