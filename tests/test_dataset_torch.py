"""The assignment's data set class: items, splits, transforms, constants, workers."""

import broken
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Normalize, ToTensor, v2

from mnistlib.base import DataError, UserError
from mnistlib.dataset import MNIST, export, normalise

pytestmark = pytest.mark.usefixtures("own_cache")
V1 = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
V2 = v2.Compose(
    [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.1307,), (0.3081,))]
)


@pytest.fixture
def folder(tiny, tmp_path):
    """Both archives and both folders of pictures."""
    export(tiny, tmp_path / "root")
    return broken.write_pictures(tmp_path / "root", tiny)


def test_an_item_is_a_normalised_tensor_and_an_int(tiny):
    data = MNIST(tiny.test)
    img, label = data[-1]
    assert (img.shape, img.dtype, type(label)) == ((1, 28, 28), torch.float32, int)
    assert torch.equal(img, torch.from_numpy(normalise(tiny.test.images))[99])
    assert label == tiny.test.labels[99]
    for index in (100, -101):
        with pytest.raises(IndexError):
            data[index]
    assert len(list(data)) == 100


TRAIN, TEST = (None, True, np.True_, "train"), (False, np.False_, "test")


@pytest.mark.parametrize("train", TRAIN + TEST)
def test_train_chooses_the_split(folder, train, tiny):
    wanted = tiny.train if train in TRAIN else tiny.test
    for place in (folder, str(folder)):
        assert MNIST(place, train).digits.fingerprint == wanted.fingerprint
        assert MNIST(place, train=train).digits.fingerprint == wanted.fingerprint
    (folder / "test.tar").rename(folder / "digits.tar")
    assert len(MNIST(folder / "digits.tar", train)) == 100  # its name says nothing


WRONG = ["False", "Test", "t10k", "x" * 999, "", [], 0, np.int64(0), np.zeros(3)]


@pytest.mark.parametrize("wrong", [*zip(WRONG), (V1, V1), (True, "rotate"), (None, 1)])
def test_arguments_that_mean_nothing_are_refused(folder, tiny, wrong):
    for place in (folder, folder / "test.tar", tiny.test, None):
        with pytest.raises(UserError, match=r"expected (True or|something to call)") as error:
            MNIST(place, *wrong)
        assert len(str(error.value)) < 300


SAYS = {"test": ("TEST", "T10k-images", "mnist_test"), "train": ("training", "mnist.train", "trn")}


@pytest.mark.parametrize("ending", ["", ".tar"])
@pytest.mark.parametrize("part", SAYS)
def test_a_name_that_says_the_other_split_is_an_error(folder, part, ending):
    path, other = folder / f"{part}{ending}", "test" if part == "train" else "train"
    for name in SAYS[part]:
        path = path.rename(folder.parent / f"{name}{ending}")
        with pytest.raises(UserError, match="contradicts"):
            MNIST(path, other)
        assert len(MNIST(path, part)) == len(MNIST(path)) == (200 if part == "train" else 100)


def test_a_name_that_says_neither_is_none(folder):
    path = folder / "test"
    for name in ("latest", "contest", "strain", "train_test", "digits"):
        path = path.rename(folder.parent / name)
        assert len(MNIST(path, True)) == len(MNIST(path, False)) == 100


def test_a_split_never_stands_in_for_the_other(folder, tiny):
    with pytest.raises(UserError, match="contradicts"):
        MNIST(tiny.test, "train")
    for path in (folder / "train.tar", folder / "train"):
        path.rename(folder.parent / path.name)
    for train in (None, True):
        with pytest.raises(DataError, match=r"no train digits.*missing: train digits"):
            MNIST(folder, train)


@pytest.mark.parametrize("usual", [V1, V2])
def test_the_usual_transforms_make_our_own_tensors(folder, tiny, usual, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(folder))
    for path in (folder, folder / "train.tar", folder / "train", tiny.train, None):
        wanted = MNIST(path, None, None)[3]
        for data in (MNIST(path, usual), MNIST(path, None, usual), MNIST(path, transform=usual),
                     MNIST(path, usual, True), MNIST(path, "train", usual)):  # fmt: skip
            assert torch.allclose(data[3][0], wanted[0], atol=1e-6, rtol=0)
            assert data[3][1] == wanted[1] == tiny.train.labels[3]


def test_a_transform_gets_a_pil_image_and_its_result_is_the_item(tiny):
    image = MNIST(tiny.test, lambda image: image)[5][0]
    assert isinstance(image, Image.Image)
    assert (image.mode, image.size) == ("L", (28, 28))
    assert np.array_equal(np.asarray(image), tiny.test.images[5])


@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker processes")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(("workers", "context"), [(0, None), (2, "fork"), (2, "spawn")])
def test_any_number_of_workers_gives_the_same_batches(folder, tiny, workers, context):
    data = MNIST(folder / "test.tar")
    (folder / "test.tar").unlink()  # nothing but memory travels to a worker
    loader = DataLoader(data, 32, num_workers=workers, multiprocessing_context=context)
    images, labels = zip(*loader, strict=True)
    assert torch.equal(torch.cat(images), torch.from_numpy(normalise(tiny.test.images)))
    assert torch.equal(torch.cat(labels), torch.from_numpy(tiny.test.labels))  # int64
