"""The assignment's data set class: items, constants, workers."""

import pickle
from itertools import chain

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mnistlib.base import DataError, UserError
from mnistlib.dataset import MEAN, MNIST, STD, export, normalise, png

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def folder(tiny, tmp_path):
    export(tiny, tmp_path / "root")
    return tmp_path / "root"


def test_the_constants_are_those_of_the_training_images(digit_data):
    if digit_data.is_sample:
        pytest.skip("needs MNIST_DIR")
    pixels = digit_data.train.images / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (MEAN, STD) == (0.1307, 0.3081)


def test_normalising_is_scale_minus_mean_over_deviation(toy_images):
    found = normalise(toy_images)
    assert (found.shape, found.dtype) == ((5, 1, 28, 28), np.float32)
    np.testing.assert_allclose(found[:, 0], (toy_images / 255 - 0.1307) / 0.3081, rtol=1e-6)


def test_an_item_is_a_normalised_tensor_and_an_int(tiny, folder):
    img, label = MNIST(folder / "train.tar")[7]
    assert (img.shape, img.dtype, type(label)) == ((1, 28, 28), torch.float32, int)
    assert label == tiny.train.labels[7]
    assert torch.equal(img, torch.from_numpy(normalise(tiny.train.images))[7])


def test_a_folder_of_pictures_gives_the_same_items(tiny, folder, tmp_path):
    for i in (12, 2, 101):
        name = f"{i}_{tiny.train.labels[i]}.png"
        (tmp_path / name).write_bytes(png.encode(tiny.train.images[i]))
    found = MNIST(tmp_path)
    assert found.digits.labels.tolist() == tiny.train.labels[[2, 12, 101]].tolist()
    assert torch.equal(found[1][0], MNIST(folder / "train.tar")[12][0])


def test_train_chooses_the_split(folder):
    lengths = [len(MNIST(folder, train)) for train in (None, True, False)]
    assert lengths == [200, 200, 100]
    assert len(MNIST(str(folder / "test.tar"), train=False)) == 100


def test_a_split_never_stands_in_for_the_other(folder):
    with pytest.raises(UserError, match="contradicts"):
        MNIST(folder / "train.tar", train=False)
    (folder / "train.tar").unlink()
    with pytest.raises(DataError, match="no train digits"):
        MNIST(folder)


def test_negative_indices_count_from_the_end_and_others_raise(tiny):
    data = MNIST(tiny.test)
    assert torch.equal(data[-1][0], data[99][0])
    for index in (100, -101):
        with pytest.raises(IndexError):
            data[index]
    assert len(list(data)) == 100


def test_size_32_adds_two_pixels_of_background(tiny):
    small, large = MNIST(tiny.test)[3][0], MNIST(tiny.test, size=32)[3][0]
    assert large.shape == (1, 32, 32)
    assert torch.equal(large[:, 2:-2, 2:-2], small)
    background = torch.tensor(-0.1307 / 0.3081)
    assert (large[0, [0, 1, -2, -1]] == background).all()
    assert (large[0, :, [0, 1, -2, -1]] == background).all()
    with pytest.raises(UserError, match="at least 28"):
        MNIST(tiny.test, size=27)


def test_a_transform_is_called_on_the_normalised_image(tiny):
    plain = MNIST(tiny.test)
    assert torch.equal(MNIST(tiny.test, transform=torch.neg)[5][0], -plain[5][0])


def test_nothing_but_memory_travels_to_a_worker(folder):
    data = MNIST(folder / "test.tar")
    (folder / "test.tar").unlink()
    copy = pickle.loads(pickle.dumps(data))  # noqa: S301 - made the line before
    assert torch.equal(copy[9][0], data[9][0])


WORKERS = [(0, None), (2, "fork"), (4, "fork"), (2, "spawn")]


@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker processes")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(("workers", "context"), WORKERS)
def test_any_number_of_workers_gives_the_same_batches(folder, tiny, workers, context):
    loader = DataLoader(
        MNIST(folder / "test.tar"), 32, num_workers=workers, multiprocessing_context=context
    )
    images, labels = zip(*loader, strict=True)
    assert torch.equal(torch.cat(images), torch.from_numpy(normalise(tiny.test.images)))
    assert list(chain(*labels)) == tiny.test.labels.tolist()
    assert labels[0].dtype == torch.int64


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_path_without_digits_is_an_error(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"{name}: no .*expected"):
        MNIST(tmp_path / name)
