"""{id}_{label}.png in tars and folders: names, order, strays, limits, the cache."""

import io
import subprocess
import sys
import tarfile

import numpy as np
import pytest

from mnistlib.base import DataError
from mnistlib.dataset import cache, pictures, png

pytestmark = pytest.mark.usefixtures("own_cache")
NAMES = ["10_3.png", "9_0.png", "2_7.png", "1_1.png", "100_9.png"]  # in no order
LABELS_BY_ID = [1, 7, 0, 3, 9]
ORDER_BY_ID = [3, 2, 1, 0, 4]


@pytest.fixture
def files(toy_images):
    return {name: png.encode(image) for name, image in zip(NAMES, toy_images, strict=True)}


def write_tar(path, files, format=tarfile.USTAR_FORMAT, extra=()):
    with tarfile.open(path, "w", format=format) as archive:
        for member in extra:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_folder(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read_both(tmp_path, files):
    yield pictures.read_archive(write_tar(tmp_path / "some.tar", files))
    yield pictures.read_folder(write_folder(tmp_path / "some", files))


@pytest.mark.parametrize("prefix", ["", "train/", "run_5/", "7_3.png_dir/"])
def test_digits_are_sorted_by_number_and_labelled_by_file_name(tmp_path, toy_images, files, prefix):
    nested = {prefix + name: content for name, content in files.items()}
    for found in read_both(tmp_path, nested):
        assert found.labels.tolist() == LABELS_BY_ID
        assert np.array_equal(found.images, toy_images[ORDER_BY_ID])


def test_a_folder_whose_own_path_looks_like_a_label_misleads_nobody(tmp_path, files):
    folder = write_folder(tmp_path / "0_8.png" / "3_4", files)
    assert pictures.read_folder(folder).labels.tolist() == LABELS_BY_ID
    archive = write_tar(tmp_path / "5_6.png.tar", files)
    assert pictures.read_archive(archive).labels.tolist() == LABELS_BY_ID


def test_strays_are_passed_over(tmp_path, files):
    strays = {"._1_1.png": b"x", ".DS_Store": b"x", "in/._2_7.png": b"x", "README.txt": b"x"}
    for found in read_both(tmp_path, strays | files):
        assert found.labels.tolist() == LABELS_BY_ID


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_long_names_in_any_kind_of_tar(tmp_path, files, format):
    nested = {f"{'d' * 90}/{'e' * 20}/{name}": content for name, content in files.items()}
    found = pictures.read_archive(write_tar(tmp_path / "a.tar", nested, format))
    assert found.labels.tolist() == LABELS_BY_ID


def test_only_regular_files_of_a_tar_count(tmp_path, files):
    kinds = {"folder": tarfile.DIRTYPE, "README": tarfile.SYMTYPE, "null": tarfile.CHRTYPE}
    extra = [tarfile.TarInfo(name) for name in kinds]
    for member in extra:
        member.type, member.linkname = kinds[member.name], "/etc/passwd"
    found = pictures.read_archive(write_tar(tmp_path / "a.tar", files, extra=extra))
    assert found.labels.tolist() == LABELS_BY_ID


WRONG_NAMES = ["7.png", "a_7.png", "1_10.png", "1_x.png", "1_2_3.png", "-1_3.png"]


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_a_picture_with_another_name_is_an_error(tmp_path, files, name):
    with pytest.raises(DataError, match=r"\{id\}_\{label\}\.png") as error:
        pictures.read_archive(write_tar(tmp_path / "a.tar", files | {name: files["1_1.png"]}))
    assert name in str(error.value)


def test_two_splits_in_one_archive_are_not_merged(tmp_path, files):
    both = {f"{part}/{n}": c for part in ("train", "test") for n, c in files.items()}
    with pytest.raises(DataError, match=r"id 1 is there more than once \(.*test/1_1\.png\)"):
        pictures.read_archive(write_tar(tmp_path / "a.tar", both))


def test_a_damaged_picture_is_named(tmp_path, files):
    with pytest.raises(DataError, match=r"a\.tar: in/4_4\.png: not a PNG"):
        pictures.read_archive(write_tar(tmp_path / "a.tar", files | {"in/4_4.png": b"x" * 50}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:1500], "cut off"),
        (lambda data: data[: data.index(b"100_9.png")], "cut off"),  # on a member's boundary
        (lambda data: b"PK" + bytes(1000), "not a tar"),
        (lambda data: b"", "not a tar"),
        (lambda data: b"\x1f\x8b" + data, "not a packed file, or a damaged one"),
        (lambda data: data.replace(b"9_0.png", b"9_1.png"), "cut off or damaged"),
        (lambda data: bytes(10240), "0 pictures"),
    ],
)
def test_a_damaged_archive_is_an_error(tmp_path, files, change, message):
    path = write_tar(tmp_path / "a.tar", files)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=message) as error:
        pictures.read_archive(path)
    assert "a.tar" in str(error.value)


def test_sizes_and_counts_are_bounded(tmp_path, files, monkeypatch):
    path = write_tar(tmp_path / "a.tar", files)
    big = write_tar(tmp_path / "big.tar", files | {"4_4.png": bytes(pictures.MAX_PICTURE + 1)})
    with pytest.raises(DataError, match=r"4_4\.png: 65,537 bytes, expected .* of 65,536 at most"):
        pictures.read_archive(big)
    monkeypatch.setattr(pictures, "MAX_COUNT", 4)
    with pytest.raises(DataError, match="more than the 4 files"):
        pictures.read_archive(path)
    monkeypatch.setattr(pictures, "MAX_ARCHIVE", 1000)
    with pytest.raises(DataError, match=r"expected a tar .* of 1,000 at most"):
        pictures.read_archive(path)


def test_an_archive_is_decoded_once(tmp_path, files, monkeypatch):
    path = write_tar(tmp_path / "a.tar", files)
    first = pictures.read_archive(path)
    monkeypatch.setattr(pictures, "_decode_archive", None)
    again = pictures.read_archive(path.rename(tmp_path / "renamed.tar"))
    assert again.fingerprint == first.fingerprint
    assert again.images.flags.writeable


def test_another_content_under_the_same_name_is_decoded_anew(tmp_path, files):
    path = write_tar(tmp_path / "a.tar", files)
    before = pictures.read_archive(path)
    files["1_1.png"] = files["2_7.png"]
    assert pictures.read_archive(write_tar(path, files)).fingerprint != before.fingerprint


DAMAGES = [lambda data: data[:-1], lambda data: b"", lambda data: data[:40] + b"~" + data[41:]]


@pytest.mark.parametrize("change", DAMAGES)
def test_a_damaged_cache_is_made_anew(tmp_path, files, own_cache, change):
    path = write_tar(tmp_path / "a.tar", files)
    before = pictures.read_archive(path)
    kept = next(own_cache.glob("*.v*"))
    whole = kept.read_bytes()
    kept.write_bytes(change(whole))
    assert pictures.read_archive(path).fingerprint == before.fingerprint
    assert kept.read_bytes() == whole


def test_without_a_cache_folder_all_else_works(tmp_path, files, own_cache):
    own_cache.write_text("a file where the folder should be")
    found = pictures.read_archive(write_tar(tmp_path / "a.tar", files))
    assert found.labels.tolist() == LABELS_BY_ID


ONE_OF_TWO = """
import sys, time
from pathlib import Path
import numpy as np
from mnistlib import base
from mnistlib.dataset import cache
base.CACHE = Path(sys.argv[1])
def make():
    print("made")
    time.sleep(0.5)
    return np.full((1, 28, 28), 3, np.uint8), np.array([4])
images, labels = cache.cached("key", make)
assert images.sum() == 3 * 784 and labels.tolist() == [4]
"""


def test_two_processes_at_once_decode_once(own_cache):
    command = [sys.executable, "-c", ONE_OF_TWO, str(own_cache)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(said) == [b"", b"made\n"]
    assert {path.name for path in own_cache.iterdir()} == {f"key.v{cache.VERSION}", "lock"}
