import errno
from dataclasses import replace
from pathlib import Path

import pytest

from mnistlib import base
from mnistlib.base import UserError, own_output, write_bytes

KEPT = [base.RUNS, base.RUNS / "tuning", base.WEIGHTS, base.FIGURES / "new"]
FULL = OSError(errno.ENOSPC, "No space left on device")  # as write(2) says it: without a name


@pytest.mark.parametrize("out", [*KEPT, base.ROOT, base.ROOT / "data", base.OUT / "../data"])
def test_other_digits_stay_out_of_what_git_keeps(out, tiny, tmp_path):
    (tmp_path / "link").symlink_to(out)
    for place in (out, tmp_path / "link"):
        with pytest.raises(UserError, match=r"on MNIST only.* are tiny; give another"):
            own_output(place, tiny)
        assert own_output(place, replace(tiny, name="MNIST")) == place
    for free in (tmp_path, base.OUT, base.ROOT / "figures2"):
        assert own_output(free, tiny) == free


@pytest.mark.parametrize(
    ("method", "error"), [("write_bytes", FULL), ("replace", KeyboardInterrupt())]
)
def test_a_file_is_put_in_place_whole_or_not_at_all(method, error, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    path = write_bytes(tmp_path / "a" / "b.txt", b"old")
    monkeypatch.setattr(Path, method, fail)
    with pytest.raises(type(error)) as caught:
        write_bytes(path, b"new")
    if error is FULL:
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
