"""Code written for the assignment runs with our parts, and our loops run with others' parts."""

import pytest
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import Compose, Normalize, Pad, RandomRotation, ToTensor, v2

from mnistlib.dataset import MNIST, export
from mnistlib.model import CustomMLP, LeNet5
from mnistlib.train import test, train

V1 = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
V2 = v2.Compose(
    [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.1307,), (0.3081,))]
)
TURNED = Compose([RandomRotation(10), V1])
PADDED = Compose([Pad(2), V1])  # 32×32
FORMS = {
    "a tar each": lambda f: (MNIST(data_dir=f / "train.tar"), MNIST(data_dir=f / "test.tar")),
    "split by word": lambda f: (MNIST(f, "train"), MNIST(f, "test")),
    "split by keyword": lambda f: (MNIST(str(f), train=True), MNIST(str(f), train=False)),
    "transform by keyword": lambda f: (
        MNIST(f, train="train", transform=TURNED), MNIST(f, train="test", transform=V1)),
    "transform by position": lambda f: (MNIST(f / "train.tar", V2), MNIST(f / "test.tar", V2)),
    "split and transform by position": lambda f: (MNIST(f, True, PADDED), MNIST(f, False, PADDED)),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("network", [LeNet5, CustomMLP])
def test_their_main_runs_with_our_parts(tiny, tmp_path, network, form):
    torch.manual_seed(0)
    export(tiny, tmp_path)
    trn_dataset, tst_dataset = form(tmp_path)
    assert (len(trn_dataset), len(tst_dataset)) == (200, 100)
    # from here on a main.py of the assignment, as people write it
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trn_loader = DataLoader(trn_dataset, batch_size=64, shuffle=True)
    tst_loader = DataLoader(tst_dataset, batch_size=64, shuffle=False)
    model = network().to(device)
    criterion = nn.CrossEntropyLoss().to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    history = []
    for _ in range(2):
        trn_loss, trn_acc = train(model, trn_loader, device, criterion, optimizer)
        tst_loss, tst_acc = test(model, tst_loader, device, criterion)
        history.append((trn_loss, trn_acc, tst_loss, tst_acc))
    assert history[1][0] < history[0][0]  # the training loss falls
    assert all(0 <= value <= 1 for epoch in history for value in epoch[1::2])


def test_our_loops_run_with_their_parts(tiny):
    def theirs(digits):
        return torch.tensor(digits.images) / 255, torch.tensor(digits.labels)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 30), nn.Tanh(), nn.Linear(30, 10))
    loader = DataLoader(TensorDataset(*theirs(tiny.train)), batch_size=64, shuffle=True)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    losses = [train(model, loader, "cpu", nn.CrossEntropyLoss(), optimizer)[0] for _ in range(10)]
    assert losses[-1] < losses[0] / 2
    images, labels = theirs(tiny.test)
    loss = nn.functional.cross_entropy(model(images), labels).item()
    right = (model(images).argmax(1) == labels).double().mean().item()
    found = test(model, DataLoader(TensorDataset(images, labels), 64), "cpu", nn.CrossEntropyLoss())
    assert found == (pytest.approx(loss, rel=1e-5), right)


def test_one_hot_labels_give_the_accuracy_of_numbers_and_the_docstring_says_its_unit(tiny):
    images, labels = torch.tensor(tiny.test.images / 255).float(), torch.tensor(tiny.test.labels)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    one_hot = TensorDataset(images, nn.functional.one_hot(labels, 10).float())
    right = (model(images).argmax(1) == labels).double().mean().item()
    optimizer = optim.SGD(model.parameters(), lr=0.0)
    for size in (1, 10):
        how = model, DataLoader(one_hot, size), "cpu", nn.CrossEntropyLoss()
        assert (test(*how)[1], train(*how, optimizer)[1]) == (right, right)
    assert "fraction from 0 to 1, not in percent" in train.__doc__
    assert "accuracy as\n    a fraction" in test.__doc__
