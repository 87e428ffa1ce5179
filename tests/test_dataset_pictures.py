"""{id}_{label}.png in tars and folders: names, order, strays, the cache, writing."""

import gzip
import tarfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import broken
import numpy as np
import pytest

from mnistlib.base import UserError
from mnistlib.dataset import MNIST, export, files, load

pytestmark = pytest.mark.usefixtures("own_cache")
NAMES = ["10_3.png", "9_0.png", "2_7.png", "1_1.png", "100_9.png"]  # in no order
LABELS_BY_ID, IMAGES_BY_ID = [1, 7, 0, 3, 9], broken.IMAGES[[3, 2, 1, 0, 4]]
NAMED = dict(zip(NAMES, map(files.encode, broken.IMAGES), strict=False))
BY_CLASS = {f"{name[-5]}/{name}": content for name, content in NAMED.items()}
STRAYS = {"._1_1.png": b"x", ".DS_Store": b"x", "in/._2_7.png": b"x", "README.txt": b"x"}


def write_tar(path, contents, *options):
    path.write_bytes(broken.tar(contents, *options))
    return path


def read_both(folder, contents):
    """What a tar and a folder of the same pictures give."""
    some = broken.write(folder / "some", contents)
    return [files.read_pictures(path) for path in (write_tar(folder / "some.tar", contents), some)]


def below(prefix, contents):
    return {prefix + name: content for name, content in contents.items()}


NESTED = {prefix: below(prefix, NAMED) for prefix in ("", "train/", "7_3.png_dir/", "12/")}
SORTED = NESTED | {"class folders": BY_CLASS, "strays": STRAYS | NAMED}


@pytest.mark.parametrize("contents", SORTED.values(), ids=SORTED)
def test_digits_are_sorted_by_number_and_labelled_by_file_name(tmp_path, contents):
    misleading = tmp_path / "0_8.png"
    misleading.mkdir()
    broken.write(tmp_path / "some" / ".ipynb_checkpoints", {"1_1-checkpoint.png": b"x"})
    for found in (*read_both(tmp_path, contents), *read_both(misleading, contents)):
        assert found.labels.tolist() == LABELS_BY_ID
        assert np.array_equal(found.images, IMAGES_BY_ID)
        assert found.images.flags.writeable


def test_long_and_foreign_names_and_other_members_in_any_kind_of_tar(tmp_path):
    kinds = {"folder": tarfile.DIRTYPE, "README": tarfile.SYMTYPE, "null": tarfile.CHRTYPE}
    extra = [broken.member(name, kind) for name, kind in kinds.items()]
    nested = below(f"数字/{'é' * 70}/{'e' * 20}/", BY_CLASS)
    for format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        found = files.read_pictures(write_tar(tmp_path / "a.tar", nested, extra, format))
        assert found.labels.tolist() == LABELS_BY_ID


@pytest.mark.parametrize("ending", [".tar.gz", ".tgz", ".tar"])
def test_packed_archives_are_read_whatever_their_name(tmp_path, ending):
    for part in ("train", "test"):
        (tmp_path / f"{part}{ending}").write_bytes(gzip.compress(broken.tar(broken.pictures())))
    assert np.array_equal(load(tmp_path).test.images, broken.IMAGES)
    assert len(MNIST(tmp_path / f"test{ending}", train=False)) == 6


def test_what_was_decoded_comes_from_the_cache(tmp_path, monkeypatch):
    first = read_both(tmp_path, NAMED)[0]
    monkeypatch.setattr(files, "decode", None)
    for path in ("some", "some.tar"):
        again = files.read_pictures((tmp_path / path).rename(tmp_path / f"renamed {path}"))
        assert again.fingerprint == first.fingerprint


def test_another_content_or_name_is_decoded_anew(tmp_path):
    renamed = {name.replace("1_1", "1_2"): content for name, content in NAMED.items()}
    for number, contents in enumerate([NAMED, renamed, NAMED | {"1_1.png": broken.PICTURE}]):
        for found in read_both(tmp_path / str(number), contents):
            assert found.labels[0] == (2 if number == 1 else 1)
            assert np.array_equal(found.images[0], broken.IMAGES[0 if number == 2 else 3])


DAMAGES = [lambda data: data[:-1], lambda data: b"", lambda data: data[:40] + b"~" + data[41:]]


@pytest.mark.parametrize("change", DAMAGES)
def test_a_damaged_cache_is_made_anew(tmp_path, own_cache, change):
    path = write_tar(tmp_path / "a.tar", NAMED)
    before = files.read_pictures(path)
    kept = next(own_cache.iterdir())
    whole = kept.read_bytes()
    kept.write_bytes(change(whole))
    assert files.read_pictures(path).fingerprint == before.fingerprint
    assert kept.read_bytes() == whole


def test_without_a_cache_folder_all_else_works(tmp_path, own_cache):
    own_cache.write_text("a file where the folder should be")
    assert files.read_pictures(write_tar(tmp_path / "a.tar", NAMED)).labels.tolist() == LABELS_BY_ID


def test_processes_may_share_a_cache(tmp_path, tiny, own_cache):
    archive = export(tiny, tmp_path)[0]
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        found = processes.map(broken.fingerprint, [own_cache] * 2, [archive] * 2)
        assert list(found) == [tiny.train.fingerprint] * 2
    assert len(list(own_cache.iterdir())) == 1  # and nothing half written


def test_what_is_exported_is_read_back_bit_by_bit(tiny, tmp_path):
    archives = export(tiny, tmp_path)
    assert archives == [tmp_path / "train.tar", tmp_path / "test.tar"]
    assert load(tmp_path).fingerprint == tiny.fingerprint
    with tarfile.open(tmp_path / "test.tar") as archive:
        names = archive.getnames()
    assert names == [f"{i:05}_{label}.png" for i, label in enumerate(tiny.test.labels)]
    assert export(tiny, tmp_path / "b")[0].read_bytes() == archives[0].read_bytes()


def test_archives_are_replaced_only_when_told_and_only_as_a_whole(tiny, tmp_path, monkeypatch):
    (tmp_path / "test.tar").write_text("mine")
    with pytest.raises(UserError, match=r"test\.tar: already there"):
        export(tiny, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(files, "encode", lambda image: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export(tiny, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["test.tar"]
    export(tiny, tmp_path, overwrite=True)
    assert len(load(tmp_path).test) == 100
    with pytest.raises(UserError, match=r"test\.tar is no folder; give another"):
        export(tiny, tmp_path / "test.tar")
