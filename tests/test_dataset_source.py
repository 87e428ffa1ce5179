"""Where digits come from, in which order and layouts, under which name; and downloads."""

import gzip
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import broken
import numpy as np
import pytest

from mnistlib import base
from mnistlib.base import DataError
from mnistlib.dataset import Digits, download, export, files, load
from mnistlib.dataset.digits import FILES, dump

pytestmark = pytest.mark.usefixtures("no_mnist_dir", "own_cache")
NAMES = list(FILES)


@pytest.fixture(autouse=True)
def raw(tmp_path, monkeypatch):
    """A data/raw of this test's own, absent at first."""
    monkeypatch.setattr(base, "RAW", tmp_path / "data" / "raw")
    return base.RAW


def write_idx(data, folder, form="{0}", compress=bytes):
    arrays = (data.train.images, data.train.labels, data.test.images, data.test.labels)
    for name, array in zip(NAMES, arrays, strict=True):
        path = folder / form.format(name, name.replace("-idx", ".idx"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(compress(dump(array)))


def write_pictures(data, folder):
    for part, found in (("train", data.train), ("test", data.test)):
        pairs = enumerate(zip(found.images, found.labels, strict=True))
        named = {f"{i}_{label}.png": files.encode(image) for i, (image, label) in pairs}
        broken.write(folder / part, named)


FORMS = ("{0}", "{1}", "{0}.gz", "{1}.gz", "{0}/{0}", "{0}/{1}", "{1}/{1}", "{0}/{0}.gz",
         "MNIST/raw/{0}", "raw/{0}.gz")  # fmt: skip
WRITERS = {
    **{form: lambda d, f, form=form: write_idx(d, f, form) for form in FORMS},
    "gzipped": lambda data, folder: write_idx(data, folder, "{0}.gz", gzip.compress),
    "pictures": write_pictures,
    "tars": export,
}


@pytest.fixture
def as_mnist(monkeypatch, tiny):
    """As if the tiny digits were MNIST."""
    for name, digest in tiny.digests.items():
        monkeypatch.setitem(FILES, name, digest)
    return tiny


def one_pixel_off(data):
    images = data.test.images.copy()
    images[0, 0, 0] ^= 1
    return replace(data, test=Digits(images, data.test.labels))


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_mnist_is_known_by_content_in_every_layout(tmp_path, as_mnist, write):
    write(as_mnist, tmp_path / "some")
    found = load(tmp_path / "some")
    assert (found.name, found.train.name, found.is_sample) == ("MNIST", "MNIST train", False)
    assert found.fingerprint == as_mnist.fingerprint


def test_both_splits_come_from_one_folder(tmp_path, tiny):
    export(one_pixel_off(tiny), tmp_path)
    (tmp_path / "test.tar").unlink()
    write_idx(tiny, tmp_path / "MNIST" / "raw")
    assert load(tmp_path).fingerprint == tiny.fingerprint


@pytest.mark.parametrize("name", ["Fashion", "MNIST", "mnist", "sample"])
def test_other_digits_go_by_their_folders_name(tmp_path, as_mnist, name):
    write_idx(one_pixel_off(as_mnist), tmp_path / name / "raw")
    assert load(tmp_path / name).name == ("Fashion" if name == "Fashion" else f"other {name}")


def test_an_argument_goes_before_the_environment_and_that_before_data_raw(
    tmp_path, tiny, monkeypatch, raw
):
    for folder in (tmp_path / "argument", tmp_path / "environment", raw):
        write_idx(tiny, folder)
    assert load().name == "data"
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "environment"))
    assert load().name == load("").name == "environment"
    assert load(tmp_path / "argument").name == "argument"


LINKS = {
    "links": NAMES, "pictures of links": ["train/00001_2.png"], "class folders": ["0", "1"]
}  # fmt: skip
GIVEN = {
    "missing": "is not there",
    "empty": "holds nothing; missing: train digits, test digits",
    "half": "no test digits.*missing: test digits",
    "file": "is a file; give its folder",
    "link": "is not there, or a broken link",
    "links": r"train-images-idx3-ubyte \(a broken link\).*missing: train digits",
    "foreign": r"holds mnist\.csv, mnist\.npz, mnist\.zip; missing",
    "pictures of links": "00001_2.png: is a broken link",
    "class folders": r"holds 0 \(a broken link\), 1 \(a broken link\)",
}


@pytest.mark.parametrize(("given", "message"), GIVEN.items())
def test_a_given_path_without_digits_is_an_error_never_a_fallback(
    tmp_path, tiny, monkeypatch, given, message, capsys
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    write_idx(tiny, tmp_path / "half")
    (tmp_path / "half" / NAMES[3]).unlink()
    foreign = {f"foreign/mnist.{ending}": b"x" for ending in ("zip", "csv", "npz")}
    broken.write(tmp_path, foreign | {"file": b"x"})
    for folder, names in LINKS.items():
        for path in (tmp_path / folder / name for name in names):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to("nowhere")
    with pytest.raises(DataError, match=message) as error:
        load(tmp_path / given)
    assert str(tmp_path / given) in str(error.value)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / given))
    with pytest.raises(DataError, match=message):
        load()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["mnist.zip", "a.csv", "mnist.npz", "train.tar", "digits"])
def test_falling_back_says_what_lies_in_data_raw_and_what_is_missing(raw, capsys, name):
    raw.mkdir(parents=True)
    (raw / name).symlink_to("nowhere") if name == "train.tar" else (raw / name).mkdir()
    assert load().is_sample
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    link = " (a broken link)" * (name == "train.tar")
    assert f"data/raw holds {name}{link}; missing: train digits, test digits" in said
    assert "SAMPLE" in said
    assert "MNIST_OFFLINE" in said


HALVES = [["train.tar"], ["test"], NAMES[:2], ["test.tar", NAMES[0]]]


@pytest.mark.parametrize("keep", HALVES, ids=str)
def test_a_half_of_what_is_needed_is_an_error_with_its_way_out(
    raw, tiny, keep, capsys, monkeypatch
):
    monkeypatch.setattr("mnistlib.dataset.source.download", None)  # nor is it downloaded
    for write in (export, write_pictures, write_idx):
        write(tiny, raw)
    for path in raw.iterdir():
        if path.name not in keep:
            path.rename(raw.parent / path.name)
    with pytest.raises(DataError, match=r"raw: holds .*; missing: .*; put it there, or move"):
        load()
    assert capsys.readouterr().err == ""


def test_a_damaged_file_in_data_raw_is_an_error_with_a_way_out(as_mnist, raw):
    write_idx(as_mnist, raw)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03")
    with pytest.raises(DataError, match=r"raw/t10k-images.*expected.*fetch"):
        load()
    write_idx(one_pixel_off(as_mnist), raw)
    with pytest.raises(DataError, match=r"raw: t10k-images-idx3-ubyte: not MNIST's.*delete"):
        load()


@contextmanager
def served(answers, status=200, cut=0, asked=None):
    """A mirror's address; `answers` by path, `cut` bytes short of what it announces."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if asked is not None:
                asked.append(self.path)
            self.send_response(status)
            body = answers.get(self.path, b"")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) - cut])

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


GOOD = {f"/{name}.gz": gzip.compress(dump(np.arange(9)), 1) for name in ("images", "labels")}
SHA = {path[1:-3]: sha256(content).hexdigest() for path, content in GOOD.items()}
EVERYTHING = {path[1:]: content for path, content in GOOD.items()}


def stored(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.mark.parametrize("there", range(4))
def test_a_stopped_download_goes_on(raw, as_mnist, monkeypatch, there, capsys):
    write_idx(as_mnist, raw, "{0}.gz", gzip.compress)
    wanted, asked = stored(raw), []
    hashes = {name: sha256(wanted[f"{name}.gz"]).hexdigest() for name in NAMES}
    for name in NAMES[there:]:
        (raw / f"{name}.gz").unlink()
    (raw / "tmp0123").write_bytes(b"\x1f\x8b")  # what it was at when it was stopped
    monkeypatch.delenv("MNIST_OFFLINE")
    with served({f"/{name}": body for name, body in wanted.items()}, asked=asked) as mirror:
        monkeypatch.setattr(download, "__defaults__", ([mirror], hashes, 3.0))
        assert load().name == "MNIST"
    assert asked == [f"/{name}.gz" for name in NAMES[there:]]
    assert wanted.items() <= stored(raw).items()
    assert "MNIST downloaded; before" in capsys.readouterr().err


def test_without_a_mirror_the_sample_is_loaded(capsys, monkeypatch):
    monkeypatch.delenv("MNIST_OFFLINE")
    monkeypatch.setattr(download, "__defaults__", ((), FILES, 1.0))
    assert load().is_sample
    assert "4 of 4 files could not be downloaded" in capsys.readouterr().err


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
    assert stored(tmp_path / "raw") == EVERYTHING  # as they came


def test_mirrors_out_of_reach_cost_little_time(tmp_path, monkeypatch):
    def never(place, timeout):
        asked.append(place)
        time.sleep(0.5)

    asked = []
    monkeypatch.setattr("mnistlib.dataset.source.getproxies", dict)
    start = time.monotonic()
    with pytest.raises(DataError, match=r"nowhere\.invalid/ not used: "):
        download(tmp_path, ["http://nowhere.invalid/"], SHA)
    monkeypatch.setattr(socket, "create_connection", never)  # a look-up that takes for ever
    with pytest.raises(DataError, match=r"a\.b/ not used: no connection.*; https://c/ not used"):
        download(tmp_path, ["http://a.b/", "https://c/"], SHA, 0.1)
    assert asked == [("a.b", 80), ("c", 443)]
    assert time.monotonic() - start < 3


ONE_OF_TWO = """
import sys
from pathlib import Path
from mnistlib.dataset import download
download(Path(sys.argv[1]), [sys.argv[2]], dict(pair.split("=") for pair in sys.argv[3:]))
"""


def test_two_processes_at_once_download_once(tmp_path):
    asked, wanted = [], [f"{name}={digest}" for name, digest in SHA.items()]
    with served(GOOD, asked=asked) as mirror:
        command = [sys.executable, "-c", ONE_OF_TWO, str(tmp_path), mirror, *wanted]
        both = [subprocess.Popen(command, env=os.environ) for _ in range(2)]
        assert [process.wait(60) for process in both] == [0, 0]
    assert sorted(asked) == sorted(GOOD)
    assert stored(tmp_path) == EVERYTHING
