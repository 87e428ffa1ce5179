"""Archives written: bit-identical on the way back, the same bytes every time, never by accident."""

import tarfile

import numpy as np
import pytest

from mnistlib.base import DataError, UserError
from mnistlib.dataset import describe, export, load

pytestmark = pytest.mark.usefixtures("own_cache")


def test_what_is_exported_is_read_back_bit_by_bit(tiny, tmp_path):
    assert export(tiny, tmp_path) == [tmp_path / "train.tar", tmp_path / "test.tar"]
    found = load(tmp_path)
    for part in ("train", "test"):
        assert np.array_equal(getattr(found, part).images, getattr(tiny, part).images)
        assert np.array_equal(getattr(found, part).labels, getattr(tiny, part).labels)


def test_members_are_named_by_id_and_label(tiny, tmp_path):
    export(tiny, tmp_path, split="test")
    with tarfile.open(tmp_path / "test.tar") as archive:
        names = archive.getnames()
    assert names == [f"{i:05}_{label}.png" for i, label in enumerate(tiny.test.labels)]
    assert not (tmp_path / "train.tar").exists()


def test_equal_digits_make_equal_archives(tiny, tmp_path):
    first, second = (export(tiny, tmp_path / name, "train")[0] for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_archives_are_replaced_only_when_told(tiny, tmp_path):
    (tmp_path / "test.tar").write_text("mine")
    with pytest.raises(UserError, match=r"test\.tar: already there"):
        export(tiny, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test.tar"]
    export(tiny, tmp_path, overwrite=True)
    assert len(load(tmp_path).test) == 100


def test_a_failure_leaves_nothing_behind(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("mnistlib.dataset.png.encode", lambda image: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(tiny, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_requests_are_refused(tiny, tmp_path):
    with pytest.raises(UserError, match="Did you mean 'train'"):
        export(tiny, tmp_path, split="trian")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        export(tiny, tmp_path / "file")


def test_facts_count_classes_and_name_files(tiny):
    facts = describe(tiny)
    assert (facts.name, facts.n_train, facts.n_test) == ("tiny", 200, 100)
    assert facts.classes == [(label, 20, 10) for label in range(10)]
    assert facts.files[0][0] == "train-images-idx3-ubyte"
    assert facts.files[3][1:] == (tiny.test.digests[1], False)


def test_facts_know_mnists_files(digit_data):
    assert {is_mnist for _, _, is_mnist in describe(digit_data).files} == {not digit_data.is_sample}
