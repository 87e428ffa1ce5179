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
from mnistlib.dataset import Digits, digits, download, export, idx, load, pictures, place, sample
from mnistlib.dataset.digits import FILES

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
        path.write_bytes(compress(idx.dump(array)))


def write_pictures(data, folder):
    for part, found in (("train", data.train), ("test", data.test)):
        pairs = enumerate(zip(found.images, found.labels, strict=True))
        files = {f"{i}_{label}.png": pictures.encode(image) for i, (image, label) in pairs}
        broken.write_pictures(folder / part, files)


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
    export(tiny, tmp_path, "train")
    write_idx(one_pixel_off(tiny), tmp_path / "MNIST" / "raw")
    assert place(tmp_path) == str(tmp_path / "MNIST" / "raw")


@pytest.mark.parametrize("name", ["Fashion", "MNIST", "mnist", "sample"])
def test_other_digits_go_by_their_folders_name(tmp_path, as_mnist, name):
    write_idx(one_pixel_off(as_mnist), tmp_path / name / "raw")
    assert load(tmp_path / name).name == ("Fashion" if name == "Fashion" else f"other {name}")


def test_an_exported_sample_is_still_the_sample(tmp_path):
    export(sample(), tmp_path)
    found = load(tmp_path)
    assert (found.name, found.is_sample, found.fingerprint) == ("sample", True, digits.SAMPLE)


def test_the_place_is_a_whole_path_or_a_name(tmp_path, tiny, monkeypatch, raw):
    assert place() == "the sample"
    write_idx(tiny, tmp_path / "some", "MNIST/raw/{0}")
    monkeypatch.chdir(tmp_path)
    assert place("some") == str(tmp_path / "some" / "MNIST" / "raw")
    write_idx(tiny, raw)
    monkeypatch.setattr(base, "ROOT", tmp_path)
    assert place() == "data/raw"


def test_an_argument_goes_before_the_environment_and_that_before_data_raw(
    tmp_path, tiny, monkeypatch, raw
):
    for folder in (tmp_path / "argument", tmp_path / "environment", raw):
        write_idx(tiny, folder)
    assert load().name == "data"
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "environment"))
    assert load().name == load("").name == "environment"
    assert load(tmp_path / "argument").name == "argument"


GIVEN = {
    "missing": "is not there",
    "empty": "holds nothing; missing: train digits, test digits",
    "half": "missing: t10k-labels-idx1-ubyte",
    "file": "is a file; give its folder",
    "link": "is a broken link",
    "links": r"train-images-idx3-ubyte \(a broken link\).*missing: train digits",
    "foreign": r"holds mnist\.csv, mnist\.npz, mnist\.zip; missing",
    "pictures of links": "00001_2.png: is a broken link",
    "class folders of links": r"holds 0 \(a broken link\), 1 \(a broken link\)",
}


@pytest.mark.parametrize(("given", "message"), GIVEN.items())
def test_a_given_path_without_digits_is_an_error_never_a_fallback(
    tmp_path, tiny, monkeypatch, given, message, capsys
):
    for name in ("empty", "links", "foreign", "pictures of links/train", "class folders of links"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    write_idx(tiny, tmp_path / "half")
    (tmp_path / "half" / NAMES[3]).unlink()
    for ending in ("zip", "csv", "npz"):
        (tmp_path / "foreign" / f"mnist.{ending}").write_text("x")
    links = [f"links/{name}" for name in NAMES] + ["pictures of links/train/00001_2.png"]
    for name in [*links, "class folders of links/0", "class folders of links/1"]:
        (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(DataError, match=message) as error:
        load(tmp_path / given)
    assert str(tmp_path / given) in str(error.value)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / given))
    with pytest.raises(DataError, match=message):
        load()
    assert capsys.readouterr().err == ""


def test_falling_back_is_one_line_that_says_why(capsys):
    assert load().is_sample
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "SAMPLE" in said
    assert "MNIST_OFFLINE" in said


@pytest.mark.parametrize("name", ["mnist.zip", "a.csv", "mnist.npz", "train.tar", "digits"])
def test_falling_back_says_what_lies_in_data_raw_and_what_is_missing(raw, capsys, name):
    raw.mkdir(parents=True)
    (raw / name).symlink_to("nowhere") if name == "train.tar" else (raw / name).mkdir()
    assert load().is_sample
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    link = " (a broken link)" * (name == "train.tar")
    assert f"data/raw holds {name}{link}; missing: train digits, test digits" in said


def write_half(kind, data, raw):
    """A half of what is needed that no download has left."""
    write_pictures(data, raw) if kind == "pictures" else export(data, raw)
    write_idx(data, raw)
    keep = {"tar": ["train.tar"], "pictures": ["test"], "two files": NAMES[:2],
            "a tar and a file": ["test.tar", NAMES[0]]}[kind]  # fmt: skip
    for path in raw.iterdir():
        if path.name not in keep:
            path.rename(raw.parent / path.name)


@pytest.mark.parametrize("kind", ["tar", "pictures", "two files", "a tar and a file"])
def test_a_half_of_what_is_needed_is_an_error_with_its_way_out(
    raw, tiny, kind, capsys, monkeypatch
):
    monkeypatch.setattr("mnistlib.dataset.source.download", None)  # nor is it downloaded
    write_half(kind, tiny, raw)
    with pytest.raises(DataError, match=r"raw: holds .*; missing: .*; put it there, or move"):
        load()
    assert capsys.readouterr().err == ""


def test_a_damaged_file_in_data_raw_is_an_error_with_a_way_out(as_mnist, raw):
    write_idx(as_mnist, raw)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03")
    with pytest.raises(DataError, match=r"t10k-images.*delete that file"):
        load()
    write_idx(one_pixel_off(as_mnist), raw)
    with pytest.raises(DataError, match=r"raw: t10k-images-idx3-ubyte: not MNIST's.*delete"):
        load()


def test_real_mnist_has_the_published_content(digit_data):
    if digit_data.is_sample:
        pytest.skip("needs MNIST_DIR")
    assert (digit_data.name, digit_data.altered) == ("MNIST", [])
    assert digit_data.fingerprint == digits.FINGERPRINT


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


CONTENT = {name: idx.dump(np.arange(9) + i) for i, name in enumerate(["images", "labels"])}
SHA = {name: sha256(content).hexdigest() for name, content in CONTENT.items()}
GOOD = {f"/{name}.gz": gzip.compress(content, 1) for name, content in CONTENT.items()}
EVERYTHING = {path[1:]: content for path, content in GOOD.items()}


def stored(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.mark.parametrize("there", range(4))
@pytest.mark.parametrize("last", ["whole", "damaged", "half written"])
def test_a_stopped_download_goes_on(raw, as_mnist, monkeypatch, there, last, capsys):
    write_idx(as_mnist, raw, "{0}.gz", gzip.compress)
    wanted, asked = stored(raw), []
    for i, path in enumerate(raw / f"{name}.gz" for name in NAMES):
        if i >= there:
            path.unlink()
        elif i == there - 1 and last == "damaged":
            path.write_bytes(path.read_bytes()[:-20])
        elif i == there - 1 and last == "half written":
            path.rename(raw / f".{path.name}.0123456789abcdef.part")
    monkeypatch.delenv("MNIST_OFFLINE")
    with served({f"/{name}": body for name, body in wanted.items()}, asked=asked) as mirror:
        monkeypatch.setattr(download, "__defaults__", ([mirror], FILES, 3.0))
        assert load().name == "MNIST"
    assert asked == [f"/{name}.gz" for name in NAMES[max(0, there - (last != "whole")) :]]
    assert {name: body for name, body in stored(raw).items() if name[0] != "."} == wanted
    assert "MNIST downloaded; before" in capsys.readouterr().err


def test_without_a_mirror_the_sample_is_loaded(capsys, monkeypatch):
    monkeypatch.delenv("MNIST_OFFLINE")
    monkeypatch.setattr(download, "__defaults__", ((), FILES, 1.0))
    assert load().is_sample
    assert "4 of 4 files could not be downloaded" in capsys.readouterr().err


BAD = {
    "cut off": ({"answers": GOOD, "cut": 7}, "not used: .*(IncompleteRead|broken)"),
    "wrong": ({"answers": dict.fromkeys(GOOD, gzip.compress(b"x"))}, "not used: sha256"),
    "a page": ({"answers": dict.fromkeys(GOOD, b"<html>")}, "not used: sha256"),
    "busy": ({"answers": GOOD, "status": 503}, "not used: 503"),
    "half a gzip": ({"answers": {k: v[:-9] for k, v in GOOD.items()}}, "not used: .*cut off"),
}


@pytest.mark.parametrize(("bad", "message"), BAD.values(), ids=BAD)
def test_a_bad_mirror_is_told_and_the_next_one_asked(tmp_path, bad, message):
    with served(**bad) as first, served(GOOD) as second:
        with pytest.raises(DataError, match=message):
            download(tmp_path / "raw", [first], SHA)
        assert stored(tmp_path / "raw") == {}
        download(tmp_path / "raw", [first, second], SHA)
    assert stored(tmp_path / "raw") == EVERYTHING  # as they came


def test_an_endless_answer_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "MAX_PACKED", 20)
    with served(GOOD) as mirror, pytest.raises(DataError, match="more than 20 bytes"):
        download(tmp_path, [mirror], SHA)


def test_a_silent_or_absent_mirror_costs_little_time(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        urls = [f"http://127.0.0.1:{silent.getsockname()[1]}/", "http://nowhere.invalid/"]
        start = time.monotonic()
        with pytest.raises(DataError, match=r"no answer within 0\.2 s.*nowhere\.invalid"):
            download(tmp_path, urls, SHA, 0.2)
        assert time.monotonic() - start < 2


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="a folder to write to"):
        download(tmp_path / "file" / "raw", [], SHA)


ONE_OF_TWO = """
import sys
from pathlib import Path
from mnistlib.dataset import download
download(Path(sys.argv[1]), [sys.argv[2]], dict(pair.split("=") for pair in sys.argv[3:]))
"""


def test_two_processes_at_once_download_once(tmp_path):
    asked, files = [], [f"{name}={digest}" for name, digest in SHA.items()]
    with served(GOOD, asked=asked) as mirror:
        command = [sys.executable, "-c", ONE_OF_TWO, str(tmp_path), mirror, *files]
        both = [subprocess.Popen(command, env=os.environ) for _ in range(2)]
        assert [process.wait(60) for process in both] == [0, 0]
    assert sorted(asked) == sorted(GOOD)
    assert stored(tmp_path) == EVERYTHING
