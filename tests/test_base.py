from dataclasses import replace

import pytest

from mnistlib import base
from mnistlib.base import UserError, own_output

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
