"""{id}_{label}.png in tars and folders: names, order, kinds, strays, the cache, writing."""

import bz2
import gzip
import lzma
import subprocess
import sys
import tarfile

import broken
import numpy as np
import pytest

from mnistlib.base import DataError, UserError
from mnistlib.dataset import MNIST, export, load, pictures

pytestmark = pytest.mark.usefixtures("own_cache")
NAMES = ["10_3.png", "9_0.png", "2_7.png", "1_1.png", "100_9.png"]  # in no order
LABELS_BY_ID, ORDER_BY_ID = [1, 7, 0, 3, 9], [3, 2, 1, 0, 4]
GREY = broken.IMAGES[0]
BLACK_WHITE = np.where(GREY > 127, 255, 0).astype(np.uint8)


@pytest.fixture
def files(toy_images):
    return {name: pictures.encode(im) for name, im in zip(NAMES, toy_images, strict=True)}


def write_tar(path, files, *options):
    path.write_bytes(broken.tar(files, *options))
    return path


def read_both(tmp_path, files):
    for name, content in files.items():
        (tmp_path / "some" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "some" / name).write_bytes(content)
    for path in (write_tar(tmp_path / "some.tar", files), tmp_path / "some"):
        yield pictures.read(path)


@pytest.mark.parametrize("prefix", ["", "train/", "run_5/", "7_3.png_dir/", "12/"])
def test_digits_are_sorted_by_number_and_labelled_by_file_name(tmp_path, toy_images, files, prefix):
    nested = {prefix + name: content for name, content in files.items()}
    misleading = tmp_path / "0_8.png"
    misleading.mkdir()
    for found in (*read_both(tmp_path, nested), *read_both(misleading, nested)):
        assert found.labels.tolist() == LABELS_BY_ID
        assert np.array_equal(found.images, toy_images[ORDER_BY_ID])
        assert found.images.flags.writeable


def test_class_folders_agree_with_the_labels(tmp_path, toy_images, files):
    by_class = {f"{name[-5]}/{name}": content for name, content in files.items()}
    for found in read_both(tmp_path, by_class):
        assert np.array_equal(found.images, toy_images[ORDER_BY_ID])
    for part in ("train", "test"):
        write_tar(tmp_path / f"{part}.tar", {f"{part}/{name}": by_class[name] for name in by_class})
    assert load(tmp_path).train.labels.tolist() == LABELS_BY_ID


@pytest.mark.parametrize("name", ["3/00007_5.png", "0/00007_1.png"])
def test_a_label_that_contradicts_its_class_folder_is_an_error(tmp_path, name):
    message = rf"{name}: its label {name[-5]} contradicts its folder {name[0]}"
    for where in ("train/", "test/"):
        (tmp_path / where / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / where / name).write_bytes(broken.PICTURE)
    tar = write_tar(tmp_path / "a.tar", {f"train/{name}": broken.PICTURE})
    for read, path in ((load, tmp_path), (MNIST, tmp_path / "train"), (MNIST, tar)):
        with pytest.raises(DataError, match=message):
            read(path)


def test_strays_are_passed_over(tmp_path, files):
    strays = {"._1_1.png": b"x", ".DS_Store": b"x", "in/._2_7.png": b"x", "README.txt": b"x"}
    for found in read_both(tmp_path, strays | files):
        assert found.labels.tolist() == LABELS_BY_ID


def test_long_and_foreign_names_and_other_members_in_any_kind_of_tar(tmp_path, files):
    kinds = {"folder": tarfile.DIRTYPE, "README": tarfile.SYMTYPE, "null": tarfile.CHRTYPE}
    extra = [broken.member(name, kind) for name, kind in kinds.items()]
    for format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        nested = {f"数字/{'é' * 70}/{'e' * 20}/{n}": content for n, content in files.items()}
        found = pictures.read(write_tar(tmp_path / "a.tar", nested, extra, format))
        assert found.labels.tolist() == LABELS_BY_ID


@pytest.mark.parametrize("ending", [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar"])
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_archives_are_read_whatever_their_name(tmp_path, compress, ending):
    for part in ("train", "test"):
        (tmp_path / f"{part}{ending}").write_bytes(compress(broken.tar(broken.pictures())))
    assert np.array_equal(load(tmp_path).test.images, broken.IMAGES)
    assert len(MNIST(tmp_path / f"test{ending}", train=False)) == 6


KINDS = {
    **{mode: (broken.picture(mode), GREY) for mode in ("L", "RGB", "RGBA", "LA", "P")},
    "1": (broken.picture("1", BLACK_WHITE), BLACK_WHITE),
}


@pytest.mark.parametrize(("content", "image"), KINDS.values(), ids=KINDS)
def test_a_picture_of_clear_meaning_is_converted_exactly(content, image):
    assert pictures.decode(content) == image.tobytes()


def test_two_splits_in_one_place_are_not_merged(tmp_path, files):
    for first, second in (("train", "test"), ("MNIST_Train", "t10k-images"), ("trn", "Testing")):
        both = {f"{first}/{name}": content for name, content in files.items()}
        both[f"{second}/7_7.png"] = files["2_7.png"]  # an id of its own
        with pytest.raises(DataError, match=r"a\.tar: holds pictures of both splits"):
            pictures.read(write_tar(tmp_path / "a.tar", both))


def test_what_was_decoded_comes_from_the_cache(tmp_path, files, monkeypatch):
    first = list(read_both(tmp_path, files))
    monkeypatch.setattr(pictures, "decode", None)
    for path in ("some", "some.tar"):
        again = pictures.read((tmp_path / path).rename(tmp_path / f"renamed {path}"))
        assert again.fingerprint == first[0].fingerprint
        assert again.images.flags.writeable


@pytest.mark.parametrize("change", ["content", "name"])
def test_another_content_is_decoded_anew(tmp_path, files, change):
    before = [found.fingerprint for found in read_both(tmp_path, files)]
    if change == "content":
        files["1_1.png"] = pictures.encode(GREY)
    else:
        files["1_2.png"] = files.pop("1_1.png")
        (tmp_path / "some" / "1_1.png").unlink()
    for found in read_both(tmp_path, files):
        assert found.fingerprint not in before


DAMAGES = [lambda data: data[:-1], lambda data: b"", lambda data: data[:40] + b"~" + data[41:]]


@pytest.mark.parametrize("change", DAMAGES)
def test_a_damaged_cache_is_made_anew(tmp_path, files, own_cache, change):
    path = write_tar(tmp_path / "a.tar", files)
    before = pictures.read(path)
    kept = next(own_cache.iterdir())
    whole = kept.read_bytes()
    kept.write_bytes(change(whole))
    assert pictures.read(path).fingerprint == before.fingerprint
    assert kept.read_bytes() == whole


def test_without_a_cache_folder_all_else_works(tmp_path, files, own_cache):
    own_cache.write_text("a file where the folder should be")
    assert pictures.read(write_tar(tmp_path / "a.tar", files)).labels.tolist() == LABELS_BY_ID


READ = """
import sys
from pathlib import Path
from mnistlib import base
from mnistlib.dataset import pictures
base.CACHE = Path(sys.argv[1])
print(pictures.read(Path(sys.argv[2])).fingerprint)
"""


def test_processes_may_share_a_cache(tmp_path, tiny, own_cache):
    path = export(tiny, tmp_path, "train")[0]
    command = [sys.executable, "-c", READ, str(own_cache), str(path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].strip() for process in both]
    assert said == [tiny.train.fingerprint] * 2
    assert len(list(own_cache.iterdir())) == 1  # and nothing half written


def test_what_is_exported_is_read_back_bit_by_bit(tiny, tmp_path):
    assert export(tiny, tmp_path) == [tmp_path / "train.tar", tmp_path / "test.tar"]
    assert load(tmp_path).fingerprint == tiny.fingerprint
    with tarfile.open(tmp_path / "test.tar") as archive:
        names = archive.getnames()
    assert names == [f"{i:05}_{label}.png" for i, label in enumerate(tiny.test.labels)]


def test_equal_digits_make_equal_archives(tiny, tmp_path):
    first, second = (export(tiny, tmp_path / name, "train")[0] for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert not (tmp_path / "a" / "test.tar").exists()


def test_archives_are_replaced_only_when_told(tiny, tmp_path):
    (tmp_path / "test.tar").write_text("mine")
    with pytest.raises(UserError, match=r"test\.tar: already there"):
        export(tiny, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test.tar"]
    export(tiny, tmp_path, overwrite=True)
    assert len(load(tmp_path).test) == 100


def test_a_failure_leaves_nothing_behind(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "encode", lambda image: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(tiny, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_requests_are_refused(tiny, tmp_path):
    with pytest.raises(UserError, match="Did you mean 'train'"):
        export(tiny, tmp_path, split="trian")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        export(tiny, tmp_path / "file")
