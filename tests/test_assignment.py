"""Code written for the assignment runs with our parts, and our loops run with others' parts."""

import pytest
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

from mnistlib.dataset import MNIST, export
from mnistlib.model import CustomMLP, LeNet5
from mnistlib.train import test, train


@pytest.fixture(scope="module")
def archives(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("assignment")
    export(tiny, folder)
    return folder


def main(folder, model, size, workers=0, epochs=2):
    """A main.py of the assignment, as people write it."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trn_dataset = MNIST(data_dir=folder / "train.tar", size=size)
    tst_dataset = MNIST(data_dir=folder / "test.tar", size=size)
    trn_loader = DataLoader(trn_dataset, batch_size=64, shuffle=True, num_workers=workers)
    tst_loader = DataLoader(tst_dataset, batch_size=64, shuffle=False, num_workers=workers)
    model = model.to(device)
    criterion = nn.CrossEntropyLoss().to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    history = []
    for _ in range(epochs):
        trn_loss, trn_acc = train(model, trn_loader, device, criterion, optimizer)
        tst_loss, tst_acc = test(model, tst_loader, device, criterion)
        history.append((trn_loss, trn_acc, tst_loss, tst_acc))
    return history


@pytest.mark.parametrize("size", [28, 32])
@pytest.mark.parametrize("network", [LeNet5, CustomMLP])
def test_their_main_runs_with_our_parts(archives, network, size):
    torch.manual_seed(0)
    history = main(archives, network(), size)
    assert history[1][0] < history[0][0]  # the training loss falls
    assert all(0 <= value <= 1 for epoch in history for value in epoch[1::2])


@pytest.mark.parametrize("workers", [0, 2])
def test_our_parts_answer_the_same_with_and_without_workers(archives, workers):
    results = []
    for count in (0, workers):
        torch.manual_seed(0)
        results.append(main(archives, LeNet5(), 28, workers=count, epochs=1))
    assert results[0] == results[1]


class TheirModel(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(size * size, 30), nn.Tanh())
        self.head = nn.Linear(30, 10)

    def forward(self, img):
        return self.head(self.layers(img))


class TheirDataset(Dataset):
    """Images as another pipeline may hand them out; the label is a tensor here."""

    def __init__(self, digits, size):
        border = (size - 28) // 2
        images = torch.tensor(digits.images).float() / 255
        self.images = nn.functional.pad(images, [border] * 4).unsqueeze(1)
        self.labels = torch.tensor(digits.labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


@pytest.mark.parametrize("size", [28, 32])
def test_our_loops_run_with_their_parts(tiny, size):
    torch.manual_seed(0)
    model = TheirModel(size)
    trn_loader = DataLoader(TheirDataset(tiny.train, size), batch_size=64, shuffle=True)
    tst_loader = DataLoader(TheirDataset(tiny.test, size), batch_size=64)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    first = train(model, trn_loader, "cpu", nn.CrossEntropyLoss(), optimizer)
    for _ in range(10):
        last = train(model, trn_loader, "cpu", nn.CrossEntropyLoss(), optimizer)
    assert last[0] < first[0] / 2
    model.eval()
    data = TheirDataset(tiny.test, size)
    logits = model(data.images)
    wanted = nn.functional.cross_entropy(logits, data.labels).item()
    assert test(model, tst_loader, "cpu", nn.CrossEntropyLoss()) == (
        pytest.approx(wanted, rel=1e-5),
        (logits.argmax(1) == data.labels).double().mean().item(),
    )


def test_an_item_is_what_the_assignment_says(archives, tiny):
    image, label = MNIST(archives / "train.tar")[7]
    assert (image.dtype, image.shape) == (torch.float32, (1, 28, 28))
    assert type(label) is int
    assert label == tiny.train.labels[7]
    pixels = torch.tensor(tiny.train.images[7]) / 255
    assert torch.allclose(image[0], (pixels - 0.1307) / 0.3081, atol=1e-6)
