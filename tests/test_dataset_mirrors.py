"""Downloads, from loopback servers that answer well, wrongly, partly or not at all."""

import gzip
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from mnistlib.base import DataError
from mnistlib.dataset import download, idx, mirrors

CONTENT = {name: idx.dump(np.arange(9) + i) for i, name in enumerate(["images", "labels"])}
FILES = {name: sha256(content).hexdigest() for name, content in CONTENT.items()}
GOOD = {f"/{name}.gz": gzip.compress(content, 1) for name, content in CONTENT.items()}
WRONG = gzip.compress(idx.dump(np.arange(8)))


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


def stored(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


EVERYTHING = {path[1:]: content for path, content in GOOD.items()}


def test_good_files_are_kept_as_they_came(tmp_path):
    with served(GOOD) as mirror:
        download(tmp_path / "new" / "raw", [mirror], FILES)
    assert stored(tmp_path / "new" / "raw") == EVERYTHING


BAD = {
    "cut off": ({"answers": GOOD, "cut": 7}, "cut off after"),
    "wrong": ({"answers": {"/images.gz": WRONG, "/labels.gz": WRONG}}, "not used"),
    "a page": ({"answers": dict.fromkeys(GOOD, b"<html>")}, "not an IDX file"),
    "busy": ({"answers": GOOD, "status": 503}, "HTTP 503"),
    "half a gzip": ({"answers": {k: v[:-9] for k, v in GOOD.items()}}, "damaged|cut off"),
}


@pytest.mark.parametrize(("bad", "message"), BAD.values(), ids=BAD)
def test_a_bad_mirror_is_told_and_the_next_one_asked(tmp_path, bad, message):
    with served(**bad) as first, served(GOOD) as second:
        with pytest.raises(DataError, match=message):
            download(tmp_path, [first], FILES)
        assert stored(tmp_path) == {}
        download(tmp_path, [first, second], FILES)
    assert stored(tmp_path) == EVERYTHING


def test_only_what_is_missing_or_damaged_is_fetched(tmp_path):
    (tmp_path / "images").write_bytes(CONTENT["images"])
    (tmp_path / "labels.gz").write_bytes(b"damaged|cut off")
    asked = []
    with served(GOOD, asked=asked) as mirror:
        download(tmp_path, [mirror], FILES)
        download(tmp_path, [mirror], FILES)
    assert asked == ["/labels.gz"]


def test_an_endless_answer_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mirrors, "MAX_FILE", 20)
    with served(GOOD) as mirror, pytest.raises(DataError, match="over 20 bytes"):
        download(tmp_path, [mirror], FILES)


def test_a_silent_or_absent_mirror_costs_little_time(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        urls = [f"http://127.0.0.1:{silent.getsockname()[1]}/", "http://nowhere.invalid/"]
        start = time.monotonic()
        with pytest.raises(DataError, match=r"no answer within 0\.2 s.*nowhere\.invalid"):
            download(tmp_path, urls, FILES, answer_seconds=0.2)
        assert time.monotonic() - start < 2


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        download(tmp_path / "file" / "raw", [], FILES)


ONE_OF_TWO = """
import sys
from pathlib import Path
from mnistlib.dataset import download
download(Path(sys.argv[1]), [sys.argv[2]], dict(pair.split("=") for pair in sys.argv[3:]))
"""


def test_two_processes_at_once_download_once(tmp_path):
    asked, files = [], [f"{name}={digest}" for name, digest in FILES.items()]
    with served(GOOD, asked=asked) as mirror:
        command = [sys.executable, "-c", ONE_OF_TWO, str(tmp_path), mirror, *files]
        both = [subprocess.Popen(command) for _ in range(2)]
        assert [process.wait(60) for process in both] == [0, 0]
    assert sorted(asked) == sorted(GOOD)
    assert stored(tmp_path) == EVERYTHING
