"""Bad folders and archives of pictures: each is told of by file, finding and way out."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import tempfile
import time
from pathlib import Path

import broken
import numpy as np
import pytest

from mnistlib.base import DataError
from mnistlib.dataset import MNIST, export, load, pictures, tar

pytestmark = pytest.mark.usefixtures("own_cache")
FOLDERS = {
    "no digits": ({"README.txt": b""}, "no digits found, expected a tar or a folder of"),
    "one id twice": ({"7_3.png": broken.PICTURE, "7_4.png": broken.PICTURE}, "id 7 is there more"),
    "one id in two ways": ({"7_3.png": broken.PICTURE, "07_3.png": broken.PICTURE}, "id 7 is"),
    "no label": ({"7.png": broken.PICTURE}, "no label|gives no label.*such as 00042_7.png"),
    "label x": ({"7_x.png": broken.PICTURE}, "7_x.png: .*with a label from 0 to 9"),
    "label 12": ({"7_12.png": broken.PICTURE}, "7_12.png: .*with a label from 0 to 9"),
    "other digits": ({"٧_٣.png": broken.PICTURE}, "٧_٣.png: .*with a label from 0 to 9"),
    "a newline": ({"1_\n2.png": broken.PICTURE}, r"1_\\n2.png.*with a label from 0 to 9"),
    "undecodable": ({os.fsdecode(b"1_\xff.png"): broken.PICTURE}, r"1_\\udcff.png.*with a label"),
    "too long an id": ({f"{'9' * 19}_1.png": broken.PICTURE}, "with a label from 0 to 9"),
}


@pytest.mark.parametrize(("files", "message"), FOLDERS.values(), ids=FOLDERS)
def test_a_bad_folder_is_told_of(tmp_path, files, message):
    folder = broken.write_pictures(tmp_path / "some", files)
    with pytest.raises(DataError, match=message) as error:
        MNIST(folder)
    assert str(folder) in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("kind", ["dangling link", "looping link", "pipe", "device"])
def test_what_is_no_regular_file_is_never_opened_nor_passed_over(tmp_path, kind):
    folder = broken.write_pictures(tmp_path / "some", broken.pictures())
    odd = folder / "00009_2.png"
    if kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.symlink_to({"device": "/dev/zero", "looping link": odd}.get(kind, "nowhere"))
    with pytest.raises(
        DataError, match=r"00009_2\.png: (not a regular file|cannot be read).*expected"
    ):
        pictures.read_folder(folder)


def test_a_folder_that_links_to_itself_is_read_once(tmp_path):
    folder = broken.write_pictures(tmp_path / "some", broken.pictures())
    (folder / "loop").symlink_to(folder / "loop")
    assert len(pictures.read_folder(folder)) == 6


def test_a_folder_is_bounded_in_bytes_and_count(tmp_path, monkeypatch):
    folder = broken.write_pictures(tmp_path / "some", broken.pictures())
    monkeypatch.setattr(pictures, "MAX_ARCHIVE", 900)
    with pytest.raises(DataError, match="some: over 900 bytes"):
        pictures.read_folder(folder)
    monkeypatch.undo()
    monkeypatch.setattr(pictures, "MAX_COUNT", 5)
    with pytest.raises(DataError, match="some: 6 pictures found, expected 1 to 5"):
        pictures.read_folder(folder)


@pytest.mark.parametrize("ending", [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar"])
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_archives_are_read_whatever_their_name(tmp_path, compress, ending):
    for part in ("train", "test"):
        (tmp_path / f"{part}{ending}").write_bytes(compress(broken.tar(broken.pictures())))
    assert np.array_equal(load(tmp_path).test.images, broken.IMAGES)
    assert len(MNIST(tmp_path / f"test{ending}", train=False)) == 6


def pax(**headers):
    found = tarfile.TarInfo("00009_2.png")
    found.pax_headers = headers
    return broken.tar(broken.pictures(), [found], tarfile.PAX_FORMAT)


def with_kind(kind):
    return broken.tar(broken.pictures(), [broken.member("00009_2.png", kind)])


def promising(size):
    found = tarfile.TarInfo("00009_2.png")
    found.size = size
    return found.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


WHOLE = broken.tar(broken.pictures())
NAMED = {name: broken.tar(broken.pictures() | {name: broken.PICTURE}) for name in (
    "../9_2.png", "/9_2.png", "a/../../9_2.png", "..", f"{'a' * 90}/../{'b' * 60}/1_2.png",
)}  # fmt: skip
KINDS = {
    "symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE, "pipe": tarfile.FIFOTYPE,
}  # fmt: skip
TARS = {
    "cut in a picture": (WHOLE[:2000], "it is cut off"),
    "cut between pictures": (WHOLE[: WHOLE.index(b"00003_1.png")], "it is cut off"),
    "empty": (b"", "not a tar archive .is empty., expected a tar"),
    "of nothing": (bytes(10240), "0 pictures found, expected 1 to"),
    "text": (b"hello" * 200, "not a tar archive .starts with 68656c6c., expected a tar"),
    "cut gz": (gzip.compress(WHOLE)[:-200], "cut off, expected a whole gzip"),
    "damaged bz2": (bz2.compress(WHOLE)[:90] + b"~" * 90, "a damaged one"),
    "cut xz": (lzma.compress(WHOLE)[:-40], "cut off, expected a whole gzip"),
    **{name: (bad, "lies outside of the archive, expected") for name, bad in NAMED.items()},
    **{name: (with_kind(kind), "00009_2.png: a link, device") for name, kind in KINDS.items()},
    "sparse": (with_kind(tarfile.GNUTYPE_SPARSE), "00009_2.png is a sparse file; pack"),
    "pax sparse": (pax(**{"GNU.sparse.major": "1"}), "00009_2.png: a link, device or sparse file"),
    "huge pax header": (pax(comment="x" * 70_000), "header of 70,0.. bytes, expected 65,536"),
    "pax size": (pax(size="99999999999"), "said to have 99,999,999,999 bytes, the archive holds"),
    "pax no size": (pax(size="-5"), "00009_2.png has no size"),
    "gigabytes promised": (promising(2**33), "said to have 8,589,934,592 bytes, the archive holds"),
    "a damaged header": (WHOLE.replace(b"00003_1.png", b"00003_2.png"), "checksum is wrong"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), TARS.values(), ids=TARS)
def test_a_bad_archive_is_told_of(tmp_path, content, message):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        pictures.read_archive(tmp_path / "a.tar")
    assert str(error.value).startswith(str(tmp_path / "a.tar"))


def test_endless_names_and_odd_ones_are_shown_short(tmp_path):
    names = {f"{'a' * 5000}_x.png": broken.PICTURE, "\x1b[2J\n_x.png": b""}
    (tmp_path / "a.tar").write_bytes(broken.tar(names, format=tarfile.PAX_FORMAT))
    with pytest.raises(DataError, match="no label") as error:
        pictures.read_archive(tmp_path / "a.tar")
    assert len(str(error.value)) < 600
    assert str(error.value).isprintable()


def test_unicode_folders_and_pax_names_are_read(tmp_path):
    files = {f"数字/{'é' * 90}/{name}": content for name, content in broken.pictures().items()}
    for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        (tmp_path / "a.tar").write_bytes(broken.tar(files, format=format))
        assert np.array_equal(pictures.read_archive(tmp_path / "a.tar").images, broken.IMAGES)


def test_one_bad_member_among_sixty_thousand_is_found(tmp_path):
    member = tarfile.TarInfo("")
    member.size = len(broken.PICTURE)
    body = broken.PICTURE + bytes(-len(broken.PICTURE) % 512)
    blocks = []
    for i in range(60_000):
        member.name = f"{i:05}_{i % 10}.png"
        blocks += [member.tobuf(tarfile.USTAR_FORMAT), body]
    blocks[2 * 31_415 + 1] = body[:500] + b"~" + body[501:]
    (tmp_path / "a.tar").write_bytes(b"".join(blocks) + bytes(1024))
    with pytest.raises(DataError, match=r"a\.tar: 31415_5\.png: damaged PNG.*wrong checksum"):
        pictures.read_archive(tmp_path / "a.tar")


def test_a_tiny_file_of_a_million_members_is_refused(tmp_path):
    member = tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(member * 350_000 + bytes(1024), preset=0))
    start = time.process_time()
    with pytest.raises(DataError, match="more than the 300,000 files that are expected"):
        pictures.read_archive(tmp_path / "a.tar.xz")
    assert time.process_time() - start < 10


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_bomb_is_refused_before_it_goes_off(tmp_path, compress, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_ARCHIVE", 2**20)
    (tmp_path / "a.tar").write_bytes(compress(WHOLE + bytes(2**22)))
    with pytest.raises(DataError, match="holds more than the 1,048,576 bytes"):
        pictures.read_archive(tmp_path / "a.tar")


@pytest.fixture
def as_nobody():
    """Without root's power to read everything; the modules that are needed are loaded before."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(65534)
    except OSError:
        pytest.skip("root that may neither be refused a file nor become somebody else")
    yield
    os.seteuid(0)


@pytest.fixture
def locked():
    """A folder that others may enter (tmp_path is root's alone), with digits nobody may read."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = broken.write_pictures(Path(name) / "some", broken.pictures())
        (Path(name) / "a.tar").write_bytes(WHOLE)
        broken.write_idx(Path(name) / "idx")
        for path in (Path(name) / "a.tar", folder / "00003_1.png", *(Path(name) / "idx").iterdir()):
            path.chmod(0)
        yield Path(name)
        folder.chmod(0o755)


def test_what_may_not_be_read_is_told_of(locked, as_nobody):
    for read, path in (
        (pictures.read_archive, "a.tar"), (pictures.read_folder, "some"), (load, "idx"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=r"cannot be read: Permission denied.*permissions"):
            read(locked / path)


@pytest.mark.parametrize("mode", [0, 0o311])
def test_a_folder_that_may_not_be_listed_or_entered_is_told_of(locked, mode, request):
    (locked / "some").chmod(mode)
    request.getfixturevalue("as_nobody")
    for read in (load, MNIST) if mode == 0 else (MNIST,):
        with pytest.raises(DataError, match=r"some: cannot be .*: Permission denied.*permissions"):
            read(locked / "some")


@pytest.mark.parametrize("path", ["/no/such/place", "a" * 5000, "a\0b", "~nobody-of-this-name/x"])
def test_a_path_that_does_not_exist_is_told_of(path):
    for read in (load, MNIST):
        with pytest.raises(DataError, match=r"give|expected|check its name"):
            read(path)
    if path.startswith("~"):
        with pytest.raises(DataError, match="whole path"):
            export(None, path)


def test_half_a_folder_says_which_half(tmp_path):
    (tmp_path / "train.tar").write_bytes(WHOLE)
    with pytest.raises(DataError, match="found train digits alone"):
        load(tmp_path)


def test_tarfile_and_the_reader_here_list_the_same(tmp_path):
    files = {f"{'d' * n}/{name}": c for n in (1, 99, 150) for name, c in broken.pictures().items()}
    for format in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        content = broken.tar(files, [broken.member("link", tarfile.SYMTYPE)], format)
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            expected = [(m.name, m.offset_data, m.size, m.isreg()) for m in archive]
        assert [tuple(m) for m in tar.members(content, Path("x"), 99)] == expected
