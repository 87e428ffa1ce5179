import errno
from dataclasses import replace
from pathlib import Path

import pytest

from mnistlib import base
from mnistlib.__main__ import main
from mnistlib.base import UserError, own_output, replacing, write_bytes

KEPT = [base.RUNS, base.RUNS / "tuning", base.WEIGHTS, base.FIGURES / "new"]


@pytest.mark.parametrize("out", [*KEPT, base.ROOT, base.ROOT / "data", base.OUT / "../data"])
def test_other_digits_stay_out_of_what_git_keeps(out, tiny):
    with pytest.raises(UserError, match=r"holds results on MNIST only.* are tiny; give another"):
        own_output(out, tiny)
    assert own_output(out, replace(tiny, name="MNIST")) == out


def test_a_link_to_what_git_keeps_is_no_way_around(tiny, tmp_path):
    (tmp_path / "link").symlink_to(base.RUNS)
    with pytest.raises(UserError, match="link: holds results on MNIST only"):
        own_output(tmp_path / "link", tiny)


def test_other_folders_are_free(tiny, tmp_path):
    for out in (tmp_path, base.OUT, base.ROOT / "figures2"):
        assert own_output(out, tiny) == out
    assert own_output(base.ROOT, tiny, parts=()) == base.ROOT


def no_space(*_):
    raise OSError(errno.ENOSPC, "No space left on device")  # as write(2) says it: without a name


def test_a_file_is_put_in_place_with_its_folder(tmp_path):
    path = write_bytes(tmp_path / "a" / "b.txt", b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["b.txt"]


def test_where_writing_fails_the_old_file_stays_and_nothing_is_left(tmp_path, monkeypatch):
    path = write_bytes(tmp_path / "b.txt", b"old")
    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_bytes(path, b"new")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["b.txt"]


def stopped_half_way(path):
    with replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt


def test_an_interruption_leaves_nothing_either(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        stopped_half_way(tmp_path / "b.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setattr(Path, "write_bytes", no_space)
    assert main(["train", "mlp", "--epochs", "1", "--out", str(tmp_path)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"mnistlib: error: {tmp_path}")
    assert last.endswith(": No space left on device")
