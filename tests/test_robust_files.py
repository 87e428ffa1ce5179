"""Bad files: each is told of by file, finding and way out, within bounds, or is read right."""

import gzip
import os
import tarfile
import time
import zlib
from contextlib import suppress
from pathlib import Path

import broken
import numpy as np
import pytest

from mnistlib.base import DataError, shown
from mnistlib.dataset import MNIST, files, load
from mnistlib.dataset.digits import dump

pytestmark = pytest.mark.usefixtures("own_cache")
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
GREY, WHOLE, IDX = broken.IMAGES[0], broken.tar(broken.pictures()), dump(broken.IMAGES)
START = b"\0\0\x08\x03"


def with_member(kind=tarfile.REGTYPE, **headers):
    extra = broken.member("00009_2.png", kind, **headers)
    return broken.tar(broken.pictures(), [extra], tarfile.PAX_FORMAT)


BAD_IDX = {
    "truncated": (IMAGES, IDX[:-7], "4,713 bytes that start with 00000803 00000006"),
    "longer": (IMAGES, IDX + b"xx", "4,722 bytes that start with 00000803 00000006"),
    "empty": (IMAGES, b"", "0 bytes that start with nothing, expected an IDX file of uint8"),
    "a web page": (LABELS, b"<!DOCTYPE html>", "start with 3c21444f"),
    "cut gz": (IMAGES, gzip.compress(IDX)[:-99], "cut off"),
    "not gz": (IMAGES, b"\x1f\x8bnot gzip at all", "expected an IDX file"),
    "gz, checksum": (IMAGES, gzip.compress(IDX)[:-8] + bytes(8), "incorrect data check"),
    "gz and more": (IMAGES, gzip.compress(IDX) + b"more", "something follows"),
    "a bomb": (IMAGES, gzip.compress(bytes(files.MAX_BYTES + 1), 1), "holds more than 200,000,000"),
    "fewer labels": (LABELS, dump(broken.LABELS[:-1]), "int64 .5., expected"),
    "label 10": (LABELS, dump(np.array([3, 10] * 3)), "from 3 to 10, expected .*0 to 9"),
    "32×32": (IMAGES, dump(np.zeros((6, 32, 32))), r"00000020 00000020, expected.*28, 28\]"),
    "labels for images": (IMAGES, dump(broken.LABELS), "start with 00000801"),
    "terabytes": (IMAGES, START + b"\x7f" + IDX[5:], "4,720 bytes that start with 00000803 7f"),
    "nothing, huge": (IMAGES, START + bytes(4) + b"\xff" * 8, "16 bytes that start"),
}  # fmt: skip
KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
BAD_TARS = {
    "cut in a picture": (WHOLE[:2000], "expected a whole tar|8-bit grey"),
    "cut between pictures": (WHOLE[: WHOLE.index(b"00003_1.png")], "no end mark"),
    "a damaged header": (WHOLE.replace(b"00003_1.png", b"00003_2.png"), "damaged header"),
    "empty": (b"", "expected a whole tar"),
    "of nothing": (bytes(10240), "0 pictures found"),
    "text": (b"hello" * 200, "expected a whole tar"),
    "cut gz": (gzip.compress(WHOLE)[:-200], "cut off"),
    **{f"kind {kind}": (with_member(kind), "00009_2.png is a link") for kind in KINDS},
    "sparse": (with_member(tarfile.GNUTYPE_SPARSE), "a sparse file"),
    "pax sparse": (with_member(**{"GNU.sparse.map": "0,0", "GNU.sparse.size": "0"}), "sparse"),
    "pax headers": (with_member(comment="x" * 2**24), "too many extended headers"),
    "pax no size": (with_member(size="-5"), "no size"),
    "pax size": (with_member(size="8589934592"), "8,589,934,592 bytes"),
    "a big picture": (broken.tar({"9_2.png": bytes(2**12 + 1)}), "4,097 bytes"),
    "long names in a chain": (
        broken.member("x", tarfile.GNUTYPE_LONGNAME).tobuf() * 5000 + WHOLE, "a.tar: "),
    "endless members": (
        gzip.compress(tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT) * 350_000, 1),
        "more than 100,000 files"),
}  # fmt: skip
BAD = BAD_IDX | {f"tar, {kind}": ("a.tar", *bad) for kind, bad in BAD_TARS.items()}


@pytest.mark.parametrize(("name", "content", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_told_of_in_time(tmp_path, name, content, message):
    path = broken.write_idx(tmp_path / "some") / name
    path.write_bytes(content)
    start = time.process_time()
    with pytest.raises(DataError, match=f"{message}.*; fetch|{message}.*; convert") as error:
        files.read_pictures(path) if name == "a.tar" else load(path.parent)
    assert str(error.value).startswith(str(path)) or name == LABELS
    assert time.process_time() - start < 10


def test_a_file_of_terabytes_is_refused_unread(tmp_path):
    folder = broken.write_idx(tmp_path / "some")
    with (folder / IMAGES).open("r+b") as file:
        file.truncate(2**40)  # sparse: it takes no room
    with pytest.raises(DataError, match=f"{IMAGES}: has 1,099,511,627,776 bytes"):
        load(folder)


def chunk(kind, body):
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def raw(rows, extra=b"", side=28, interlaced=0):
    """An 8-bit grey PNG of any header around these rows."""
    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, interlaced])
    packed = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", packed) + END


END = chunk(b"IEND", b"")
HUGE = chunk(b"IHDR", (60_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0]))
BAD_PICTURES = {
    **{mode: (broken.picture(mode), "another kind of picture.*expected an 8-bit grey.*; convert")
       for mode in ("RGB", "RGBA", "LA", "P", "1", "I;16")},
    "interlaced": (raw(GREY, interlaced=1), "another kind of picture"),
    "32×32": (raw(np.zeros((32, 32), np.uint8), side=32), "another kind of picture"),
    "bomb": (broken.PICTURE[:8] + HUGE + bytes(99), "another kind of picture"),
    "truncated": (broken.PICTURE[:400], "expected an 8-bit grey PNG"),
    "without its end": (broken.PICTURE[:-12], "expected an 8-bit grey PNG"),
    "rows missing": (raw(GREY[:20]), "not 28 rows"),
    "rows without end": (raw(np.zeros((2000, 28), np.uint8)), "not 28 rows"),
    "a bit flipped": (broken.PICTURE[:60] + b"~" + broken.PICTURE[61:], "expected an 8-bit grey"),
    "JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF", "another kind of picture, or none"),
    "nothing": (b"", "another kind of picture, or none"),
}  # fmt: skip
NO_LABEL = ("7_12.png", "٧_٣.png", "1_\n2.png", os.fsdecode(b"1_\xff.png"), f"{'9' * 19}_1.png")
BAD_NAMES = dict.fromkeys(NO_LABEL, "no label from 0 to 9") | {
    "03_4.png": "id 3 is there more than once",
    "7.png": "its name gives no label.*such as 00042_7.png",
    "3/00007_5.png": "its label 5 contradicts its folder 3",
    "0/00007_1.png": "its label 1 contradicts its folder 0",
}
NAMED = [("00009_2.png", content, message) for content, message in BAD_PICTURES.values()]
NAMED += [(name, broken.PICTURE, message) for name, message in BAD_NAMES.items()]


@pytest.mark.parametrize(("name", "content", "message"), NAMED, ids=[*BAD_PICTURES, *BAD_NAMES])
def test_a_bad_picture_is_told_of_by_name(tmp_path, name, content, message):
    contents = broken.pictures() | {name: content}
    (tmp_path / "a.tar").write_bytes(broken.tar(contents))
    for path in (broken.write(tmp_path / "some", contents), tmp_path / "a.tar"):
        with pytest.raises(DataError, match=message) as error:
            files.read_pictures(path)
        assert str(error.value).startswith(f"{path}: {shown(name)}: ")
        assert str(error.value).isprintable()


@pytest.mark.parametrize("kind", [b"zTXt", b"tEXt", b"IHDR"])
def test_what_else_is_in_a_picture_is_not_looked_at(kind):
    extra = HUGE if kind == b"IHDR" else chunk(kind, b"a\0\0" + zlib.compress(bytes(2**24)))
    assert files.decode(raw(GREY, extra)) == GREY.tobytes()


TWO = broken.tar(broken.pictures(broken.SIX.take([0, 1], "two")))
FLIPS = np.random.default_rng(0).choice(8 * len(TWO), 1500, replace=False).tolist()


def damaged():
    """One bit flipped, or cut."""
    for bit in FLIPS:
        content = bytearray(TWO)
        content[bit // 8] ^= 1 << bit % 8
        yield bytes(content)
    yield from (TWO[:end] for end in range(0, len(TWO), 61))


def test_one_flipped_bit_or_a_cut_gives_no_other_digits():
    whole = b"\3" + broken.IMAGES[0].tobytes() + b"\1" + broken.IMAGES[1].tobytes()
    for content in damaged():
        with suppress(DataError, *files.BAD_INPUT):  # refused
            assert files._decode_all(files._in_tar(content), Path("x")) == whole


@pytest.mark.parametrize("target", ["nowhere", "00009_2.png", "/dev/zero", "pipe"])
def test_what_is_no_regular_file_is_never_opened_nor_passed_over(tmp_path, target):
    folder = broken.write(tmp_path / "some", broken.pictures())
    os.mkfifo(folder / "pipe")
    (folder / "00009_2.png").symlink_to(target)
    with pytest.raises(DataError, match=r"00009_2\.png: is not there, a broken link, or no regula"):
        MNIST(folder)


@pytest.mark.parametrize("limit", ["MAX_PICTURE", "MAX_FILES"])
def test_a_folder_is_bounded(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(files, limit, 5)
    with pytest.raises(DataError, match=r"some.*more than 5"):
        files.read_pictures(broken.write(tmp_path / "some", broken.pictures()))


@pytest.mark.parametrize("path", ["/no/such/place", "a" * 5000, "a\0b", "~nobody-of-this-name/x"])
def test_a_path_that_does_not_exist_is_told_of(path):
    for read in (load, MNIST):
        with pytest.raises(DataError, match=r"give|expected|check its name"):
            read(path)


def test_what_may_not_be_read_is_told_of(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    broken.write_idx(tmp_path / "idx")
    broken.write(tmp_path, {"some/0_1.png": broken.PICTURE, "a.tar": WHOLE})
    monkeypatch.setattr(Path, "read_bytes", refuse)
    for read, name in ((load, "idx"), (MNIST, "some"), (MNIST, "a.tar")):
        with pytest.raises(DataError, match=rf"{name}.*: Permission denied, expected .*;"):
            read(tmp_path / name)
