"""Where digits come from, in which order, and under which name."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from mnistlib import base
from mnistlib.base import DataError
from mnistlib.dataset import canonical, export, idx, load, mirrors, place, png
from mnistlib.dataset.digits import DigitData, Digits
from mnistlib.dataset.sample import sample

pytestmark = pytest.mark.usefixtures("no_mnist_dir")


@pytest.fixture(autouse=True)
def own_raw(tmp_path, monkeypatch):
    """A data/raw of this test's own, absent at first."""
    monkeypatch.setattr(base, "RAW", tmp_path / "data" / "raw")
    return base.RAW


def write_idx(data, folder, compress=bytes, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (data.train.images, data.train.labels, data.test.images, data.test.labels)
    for name, array in zip(canonical.FILES, arrays, strict=True):
        (folder / f"{name}{suffix}").write_bytes(compress(idx.dump(array)))


def write_gzipped(data, folder):
    write_idx(data, folder, lambda content: gzip.compress(content, 1), ".gz")


def write_torchvisions_way(data, folder):
    write_idx(data, folder / "MNIST" / "raw")


def write_pictures(data, folder):
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True)
        digits = getattr(data, part)
        for i, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
            (folder / part / f"{i}_{label}.png").write_bytes(png.encode(image))


WRITERS = [write_idx, write_gzipped, write_torchvisions_way, write_pictures, export]


@pytest.fixture
def as_mnist(monkeypatch, tiny):
    """As if the tiny digits were MNIST."""
    found = canonical.digests(tiny.train, tiny.test)
    monkeypatch.setattr(canonical, "FILES", found)
    return tiny


def one_pixel_off(data: DigitData) -> DigitData:
    images = data.test.images.copy()
    images[0, 0, 0] ^= 1
    return replace(data, test=Digits(images, data.test.labels))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("write", WRITERS)
def test_mnist_is_known_by_content_in_every_format(tmp_path, as_mnist, write):
    write(as_mnist, tmp_path / "some")
    found = load(tmp_path / "some")
    assert (found.name, found.train.name, found.is_sample) == ("MNIST", "MNIST train", False)
    assert found.fingerprint == as_mnist.fingerprint


def test_the_place_is_a_whole_path_or_a_name(tmp_path, tiny, monkeypatch, own_raw):
    assert place() == "the sample"
    write_torchvisions_way(tiny, tmp_path / "some")
    monkeypatch.chdir(tmp_path)
    assert place("some") == str(tmp_path / "some" / "MNIST" / "raw")
    write_idx(tiny, own_raw)
    monkeypatch.setattr(base, "ROOT", tmp_path)
    assert place() == "data/raw"
    monkeypatch.setenv("MNIST_DIR", "some")
    assert place() == place("some")


def test_of_an_archive_its_folder_is_asked_for(tmp_path, tiny):
    export(tiny, tmp_path)
    with pytest.raises(DataError, match=r"train\.tar: is a file, .*; give its folder"):
        load(tmp_path / "train.tar")


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("write", WRITERS)
def test_other_digits_go_by_their_folders_name(tmp_path, tiny, write):
    write(tiny, tmp_path / "Fashion")
    found = load(str(tmp_path / "Fashion"))
    expected = "MNIST" if write is write_torchvisions_way else "Fashion"
    assert found.name.removeprefix("other ") == expected
    assert found.test.fingerprint == tiny.test.fingerprint


@pytest.mark.parametrize("name", ["MNIST", "mnist", "sample"])
def test_one_pixel_off_is_not_mnist_whatever_the_folders_name(tmp_path, as_mnist, name):
    write_idx(one_pixel_off(as_mnist), tmp_path / name)
    assert load(tmp_path / name).name == f"other {name}"


@pytest.mark.usefixtures("own_cache")
def test_an_exported_sample_is_still_the_sample(tmp_path):
    export(sample(), tmp_path / "mine")
    found = load(tmp_path / "mine")
    assert (found.name, found.is_sample) == ("sample", True)


def test_real_mnist_has_the_published_content(digit_data):
    if digit_data.is_sample:
        pytest.skip("needs MNIST_DIR")
    assert digit_data.name == "MNIST"
    assert canonical.altered(digit_data.train, digit_data.test) == []
    assert np.bincount(digit_data.train.labels)[[0, 5]].tolist() == [5923, 5421]


def test_the_sample_is_real_training_digits(digit_data):
    if digit_data.is_sample:
        pytest.skip("needs MNIST_DIR")
    train = digit_data.train
    known = {(im.tobytes(), label) for im, label in zip(train.images, train.labels, strict=True)}
    for part in (sample().train, sample().test):
        for image, label in zip(part.images, part.labels, strict=True):
            assert (image.tobytes(), label) in known


def test_the_sample_is_stratified_and_always_the_same():
    found = sample()
    assert found.is_sample
    assert np.bincount(found.train.labels).tolist() == [400] * 10
    assert np.bincount(found.test.labels).tolist() == [100] * 10
    assert found.fingerprint == canonical.SAMPLE


def test_the_sample_shares_no_image_between_its_splits():
    found = sample()
    train, test = ({image.tobytes() for image in part.images} for part in (found.train, found.test))
    assert not train & test


def test_an_argument_goes_before_the_environment_and_that_before_data_raw(
    tmp_path, tiny, monkeypatch, own_raw
):
    for folder in (tmp_path / "argument", tmp_path / "environment", own_raw):
        write_idx(tiny, folder)
    assert load().name == "data"
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "environment"))
    assert load().name == load("").name == "environment"
    assert load(tmp_path / "argument").name == "argument"


def test_falling_back_is_one_line_that_says_why(capsys, monkeypatch):
    assert load().is_sample
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "SAMPLE" in said
    assert "MNIST_OFFLINE" in said


def test_without_a_mirror_the_sample_is_loaded(capsys, monkeypatch):
    monkeypatch.delenv("MNIST_OFFLINE")
    monkeypatch.setattr(mirrors.download, "__defaults__", ((), canonical.FILES, 1.0))
    assert load().is_sample
    assert "4 of 4 files could not be downloaded" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["missing", "empty", "half", "file"])
def test_a_given_path_without_digits_is_an_error_never_a_fallback(
    tmp_path, tiny, monkeypatch, given, capsys
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    write_idx(tiny, tmp_path / "half")
    (tmp_path / "half" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=given):
        load(tmp_path / given)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / given))
    with pytest.raises(DataError, match=r"expected|missing: t10k-labels-idx1-ubyte"):
        load()
    assert capsys.readouterr().err == ""


def test_a_damaged_file_in_data_raw_is_an_error_with_a_way_out(as_mnist, own_raw):
    write_idx(as_mnist, own_raw)
    (own_raw / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03")
    with pytest.raises(DataError, match=r"t10k-images.*delete that file"):
        load()
    write_idx(one_pixel_off(as_mnist), own_raw)
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte: not MNIST's content.*delete"):
        load()


def test_images_and_labels_of_different_numbers_are_refused(tmp_path, tiny):
    write_idx(tiny, tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx.dump(tiny.train.labels[:-3]))
    with pytest.raises(DataError, match="197 labels"):
        load(tmp_path)
