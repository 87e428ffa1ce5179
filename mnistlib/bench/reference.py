"""LeNet-5 as it is usually written and trained: what this package is compared with."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
from PIL import Image
from torch import Tensor, nn, optim
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader, Dataset

from mnistlib.bench.files import PICTURES
from mnistlib.bench.settings import BATCH, Job
from mnistlib.dataset import MEAN, STD

Work = Callable[[], tuple[float, int]]


class Net(nn.Module):
    """LeNet-5 in the words of most tutorials; the parameters of mnistlib.model.LeNet5."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # [b, 6, 14, 14]
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # [b, 16, 5, 5]
        x = torch.flatten(x, 1)  # [b, 400]
        x = F.relu(self.fc1(x))  # [b, 120]
        x = F.relu(self.fc2(x))  # [b, 84]
        return self.fc3(x)  # [b, 10]


class Pictures(Dataset):
    """A folder of {id}_{label}.png, each opened when it is asked for."""

    def __init__(self, folder, transform) -> None:
        self.paths = sorted(folder.glob("*.png"))
        self.transform = transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path = self.paths[index]
        with Image.open(path) as image:
            return self.transform(image), int(path.stem.split("_")[1])


def torchvision(job: Job, distorted: bool, workers: int = 0) -> Work:
    """torchvision.datasets.MNIST behind a DataLoader."""
    from torchvision.datasets import MNIST

    return _training(job, MNIST(job.folder, train=True, transform=_transform(distorted)), workers)


def pictures(job: Job, distorted: bool, workers: int = 0) -> Work:
    """A folder of PNGs behind a DataLoader."""
    return _training(job, Pictures(job.folder / PICTURES, _transform(distorted)), workers)


def _transform(distorted: bool):
    from torchvision.transforms import Compose, Normalize, RandomAffine, ToTensor

    # the bounds of mnistlib.augment: 2 pixels of 28; a shear of 0.1 is 5.7 degrees
    affine = RandomAffine(12, translate=(2 / 28, 2 / 28), scale=(0.88, 1.12), shear=5.7)
    return Compose([*([affine] if distorted else []), ToTensor(), Normalize((MEAN,), (STD,))])


def _training(job: Job, dataset: Dataset, workers: int) -> Work:
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers)
    model = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def work() -> tuple[float, int]:
        batches = _endless(loader)  # anew each time: workers must not run ahead in between
        _train(model, islice(batches, job.warm_up), criterion, optimizer)
        start = time.perf_counter()
        images = _train(model, islice(batches, job.batches), criterion, optimizer)
        seconds = time.perf_counter() - start
        batches.close()
        return seconds, images

    return work


def _endless(loader: DataLoader) -> Iterator[tuple[Tensor, Tensor]]:
    """Epoch after epoch, without the last batch of each where it is smaller."""
    while True:
        yield from (batch for batch in loader if len(batch[1]) == BATCH)


def _train(model: nn.Module, batches: Iterable, criterion, optimizer) -> int:
    """The loop of most tutorials; returns how many images it took."""
    model.train()
    total_loss, correct, total = 0.0, 0, 0
    for images, labels in batches:
        optimizer.zero_grad()
        outputs = model(images)  # [b, 10]
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * labels.size(0)
        correct += (outputs.argmax(1) == labels).sum().item()
        total += labels.size(0)
    return total
