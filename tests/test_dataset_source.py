"""Where digits come from, in which order and layouts, under which name; and downloads."""

import gzip
import socket
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from hashlib import sha256
from multiprocessing import get_context

import broken
import numpy as np
import pytest
from broken import write_idx, write_pictures

from mnistlib import base
from mnistlib.base import DataError
from mnistlib.dataset import Digits, download, export, load, source
from mnistlib.dataset.digits import FILES, dump
from tests.mirror import served

pytestmark = pytest.mark.usefixtures("own_cache")
NAMES = list(FILES)


@pytest.fixture(autouse=True)
def raw(tmp_path, monkeypatch):
    """A data/raw of this test's own, absent at first, and no folder named by the user."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setattr(base, "RAW", tmp_path / "data" / "raw")
    return base.RAW


FORMS = ("{0}", "{1}", "{0}.gz", "{1}.gz", "{0}/{0}", "{0}/{1}", "{1}/{1}", "{0}/{0}.gz",
         "MNIST/raw/{0}", "raw/{0}.gz")  # fmt: skip
WRITERS = {
    **{form: lambda folder, data, form=form: write_idx(folder, data, form) for form in FORMS},
    "gzipped": lambda folder, data: write_idx(folder, data, "{0}.gz", gzip.compress),
    "pictures": write_pictures,
    "tars": lambda folder, data: export(data, folder),
}


@pytest.fixture
def as_mnist(monkeypatch, tiny):
    """As if the tiny digits were MNIST."""
    for name, digest, _ in tiny.files:
        monkeypatch.setitem(FILES, name, digest)
    return tiny


def one_pixel_off(data):
    images = data.test.images.copy()
    images[0, 0, 0] ^= 1
    return replace(data, test=Digits(images, data.test.labels))


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_mnist_is_known_by_content_in_every_layout(tmp_path, as_mnist, write):
    write(tmp_path / "some", as_mnist)
    found = load(tmp_path / "some")
    assert (found.name, found.train.name, found.is_sample) == ("MNIST", "MNIST train", False)
    assert found.fingerprint == as_mnist.fingerprint


def test_both_splits_come_from_one_folder(tmp_path, tiny):
    export(one_pixel_off(tiny), tmp_path)
    (tmp_path / "test.tar").unlink()
    write_idx(tmp_path / "MNIST" / "raw", tiny)
    assert load(tmp_path).fingerprint == tiny.fingerprint


@pytest.mark.parametrize("name", ["Fashion", "MNIST", "mnist", "sample"])
def test_other_digits_go_by_their_folders_name(tmp_path, as_mnist, name):
    write_idx(tmp_path / name / "raw", one_pixel_off(as_mnist))
    assert load(tmp_path / name).name == ("Fashion" if name == "Fashion" else f"other {name}")


def test_the_argument_goes_first_then_the_environment_then_data_raw(tmp_path, monkeypatch, raw):
    for folder in (tmp_path / "argument", tmp_path / "environment", raw):
        write_idx(folder)
    assert load().name == "data"
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "environment"))
    assert load().name == load("").name == "environment"
    assert load(tmp_path / "argument").name == "argument"


LINKS = ("link", "links/train-images-idx3-ubyte", "classes/0")
GIVEN = {
    "missing": "is not there",
    "empty": "holds nothing; missing: train digits, test digits",
    "half": "no test digits.*missing: test digits",
    "file": "is a file; give its folder",
    "link": "is not there, or a broken link",
    "links": r"train-images-idx3-ubyte \(a broken link\).*missing: train digits",
    "foreign": r"holds mnist\.csv, mnist\.npz, mnist\.zip; missing",
    "classes": r"holds 0 \(a broken link\); missing",
}


@pytest.mark.parametrize(("given", "message"), GIVEN.items())
def test_a_given_path_without_digits_is_an_error(tmp_path, monkeypatch, given, message, capsys):
    foreign = {f"foreign/mnist.{ending}": b"x" for ending in ("zip", "csv", "npz")}
    broken.write(tmp_path, foreign | {"file": b"x"})
    (write_idx(tmp_path / "half") / NAMES[3]).unlink()
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / link for link in LINKS):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to("nowhere")
    with pytest.raises(DataError, match=message) as error:
        load(tmp_path / given)
    assert str(tmp_path / given) in str(error.value)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / given))
    with pytest.raises(DataError, match=message):
        load()
    assert capsys.readouterr().err == ""  # never a fallback


def test_falling_back_says_what_lies_in_data_raw_and_why(raw, capsys, monkeypatch):
    broken.write(raw, {"mnist.zip": b"x", "digits/1.csv": b"x"})
    (raw / "train.tar").symlink_to("nowhere")
    assert load().is_sample
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    names = "digits, mnist.zip, train.tar (a broken link)"
    assert f"data/raw holds {names}; missing: train digits, test digits" in said
    assert "SAMPLE" in said
    assert "MNIST_OFFLINE" in said
    monkeypatch.delenv("MNIST_OFFLINE")
    monkeypatch.setattr(download, "__defaults__", ((), FILES))
    assert load().is_sample
    assert "4 of 4 files could not be downloaded" in capsys.readouterr().err


HALVES = [["train.tar"], ["test"], NAMES[:2], ["test.tar", NAMES[0]]]


@pytest.mark.parametrize("keep", HALVES, ids=str)
def test_a_half_of_what_is_needed_is_an_error_with_its_way_out(raw, keep, capsys, monkeypatch):
    monkeypatch.setattr(source, "download", None)  # nor is it downloaded
    for write in (WRITERS["tars"], write_pictures, write_idx):
        write(raw, broken.DATA)
    for path in raw.iterdir():
        if path.name not in keep:
            path.rename(raw.parent / path.name)
    with pytest.raises(DataError, match=r"raw holds .*; missing: .*; put it there, or move"):
        load()
    assert capsys.readouterr().err == ""


def test_mnist_in_part_is_an_error_with_a_way_out(as_mnist, raw):
    write_idx(raw, one_pixel_off(as_mnist))
    with pytest.raises(DataError, match=r"raw: t10k-images-idx3-ubyte: not MNIST's.*delete"):
        load()


GOOD = {f"{name}.gz": gzip.compress(dump(np.arange(9)), 1) for name in ("images", "labels")}
SHA = {name[:-3]: sha256(content).hexdigest() for name, content in GOOD.items()}


def stored(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.mark.parametrize("there", range(4))
def test_a_stopped_download_goes_on(raw, as_mnist, monkeypatch, there):
    write_idx(raw, as_mnist, "{0}.gz", gzip.compress)
    wanted, asked = stored(raw), []
    hashes = {name: sha256(wanted[f"{name}.gz"]).hexdigest() for name in NAMES}
    for name in NAMES[there:]:
        (raw / f"{name}.gz").unlink()
    (raw / "tmp0123").write_bytes(b"\x1f\x8b")  # what it was at when it was stopped
    monkeypatch.delenv("MNIST_OFFLINE")
    with served(wanted, asked=asked) as mirror:
        monkeypatch.setattr(download, "__defaults__", ([mirror], hashes))
        assert load().name == "MNIST"
    assert asked == [f"{name}.gz" for name in NAMES[there:]]
    assert wanted.items() <= stored(raw).items()


BAD = {
    "cut off": ({"answers": GOOD, "cut": 7}, "not used: .*(IncompleteRead|broken)"),
    "wrong": ({"answers": dict.fromkeys(GOOD, gzip.compress(b"x"))}, "not used: SHA256 hash"),
    "busy": ({"answers": GOOD, "status": 503}, "not used: 503"),
}


@pytest.mark.parametrize(("bad", "message"), BAD.values(), ids=BAD)
def test_a_bad_mirror_is_told_and_the_next_one_asked(tmp_path, bad, message):
    with served(**bad) as first, served(GOOD) as second:
        with pytest.raises(DataError, match=message):
            download(tmp_path / "raw", [first], SHA)
        assert stored(tmp_path / "raw") == {}
        download(tmp_path / "raw", [first, second], SHA)
    assert stored(tmp_path / "raw") == GOOD  # as they came


def test_mirrors_out_of_reach_cost_little_time(tmp_path, monkeypatch):
    def never(place, timeout):
        asked.append(place)
        time.sleep(2)

    asked, start = [], time.monotonic()
    monkeypatch.setattr(source, "getproxies", dict)
    monkeypatch.setattr(socket, "create_connection", never)  # a look-up that takes for ever
    monkeypatch.setattr(source, "TO_CONNECT", 0.1)
    with pytest.raises(DataError, match=r"a\.b/ not used: no connection.*; https://c/ not used"):
        download(tmp_path, ["http://a.b/", "https://c/"], SHA)
    assert asked == [("a.b", 80), ("c", 443)]
    assert time.monotonic() - start < 2


def test_two_processes_at_once_download_once(tmp_path):
    asked, processes = [], ProcessPoolExecutor(2, get_context("spawn"))
    with served(GOOD, asked=asked) as mirror, processes:
        list(processes.map(download, [tmp_path] * 2, [[mirror]] * 2, [SHA] * 2))
    assert sorted(asked) == sorted(GOOD)
    assert stored(tmp_path) == GOOD
