"""Bad files: each is told of by file, finding and way out, within bounds, or is read right."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import time
import zlib
from pathlib import Path

import broken
import numpy as np
import pytest
from PIL import Image

from mnistlib.base import DataError
from mnistlib.dataset import MNIST, idx, load, pictures

pytestmark = pytest.mark.usefixtures("own_cache")
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
GREY, WHOLE, IDX = broken.IMAGES[0], broken.tar(broken.pictures()), idx.dump(broken.IMAGES)
TERABYTES = b"\0\0\x08\x03" + b"\x7f\xff\xff\xff" + bytes([0, 0, 0, 28]) * 2
FILES = {
    "truncated": (IMAGES, IDX[:-7], "4,704 bytes, the file holds 4,697"),
    "longer": (IMAGES, IDX + b"xx", "4,704 bytes, the file holds 4,706"),
    "empty": (IMAGES, b"", "is empty, expected an IDX file"),
    "cut in its header": (IMAGES, IDX[:9], "expected an IDX file"),
    "a web page": (LABELS, b"<!DOCTYPE html>", "starts with 3c21444f, expected"),
    "cut gz": (IMAGES, gzip.compress(IDX)[:-99], "cut off, expected an IDX file"),
    "not gz": (IMAGES, b"\x1f\x8bnot gzip at all", "expected an IDX file"),
    "gz, checksum": (IMAGES, gzip.compress(IDX)[:-8] + bytes(8), "incorrect data check"),
    "gz and more": (IMAGES, gzip.compress(IDX) + b"more", "something follows"),
    "fewer labels": (LABELS, idx.dump(broken.LABELS[:-1]), "holds 5 .*expected 6 labels"),
    "label 10": (LABELS, idx.dump(np.array([3, 10] * 3)), "up to 10, expected .* from 0 to 9"),
    "32×32": (IMAGES, idx.dump(np.zeros((6, 32, 32))), "holds 6×32×32, expected images, n×28×28"),
    "no images": (IMAGES, idx.dump(np.zeros((0, 28, 28))), "holds 0×28×28, expected images"),
    "labels for images": (IMAGES, idx.dump(broken.LABELS), "holds 6, expected images"),
    "terabytes": (IMAGES, TERABYTES + bytes(99), "bytes, the file holds 99 after it"),
    "nothing, huge": (IMAGES, TERABYTES[:4] + bytes(4) + b"\xff" * 8, "= 0 bytes"),
    "greedy xz": (IMAGES, lzma.compress(IDX, filters=[
        {"id": lzma.FILTER_LZMA2, "dict_size": 2**28, "mf": lzma.MF_HC3, "nice_len": 3},
    ]), "[Mm]emory"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "content", "message"), FILES.values(), ids=FILES)
def test_a_bad_idx_file_is_told_of(tmp_path, file, content, message):
    folder = broken.write_idx(tmp_path / "some")
    (folder / file).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        load(folder)
    assert str(error.value).startswith(str(folder / file))
    assert "fetch" in str(error.value)


def test_a_file_of_terabytes_is_refused_unread(tmp_path):
    folder = broken.write_idx(tmp_path / "some")
    with (folder / IMAGES).open("r+b") as file:
        file.truncate(2**40)  # sparse: it takes no room
    with pytest.raises(DataError, match=f"{IMAGES}: has 1,099,511,627,776 bytes"):
        load(folder)


def with_member(kind=tarfile.REGTYPE, **headers):
    found = broken.member("00009_2.png", kind)
    found.pax_headers = headers
    return broken.tar(broken.pictures(), [found], tarfile.PAX_FORMAT)


def with_picture(content, name="00009_2.png"):
    return broken.tar(broken.pictures() | {name: content})


def raw(depth, colour, rows, extra=b"", side=28, interlaced=0):
    """A PNG of any header around these rows."""
    ihdr = side.to_bytes(4, "big") * 2 + bytes([depth, colour, 0, 0, interlaced])
    packed = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return pictures.SIGNATURE + chunk(b"IHDR", ihdr) + extra + chunk(b"IDAT", packed) + END


def chunk(kind, body):
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def jpeg():
    target = io.BytesIO()
    Image.fromarray(GREY).save(target, "JPEG")
    return target.getvalue()


END = chunk(b"IEND", b"")
RED = np.dstack([GREY, GREY, GREY // 2])
HUGE = chunk(b"IHDR", (60_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0]))
PICTURES = {
    "coloured": (broken.picture("RGB", RED), "mode is RGB and it has coloured"),
    "coloured palette": (broken.picture("P", RED), "mode is P and it has coloured"),
    "transparent": (broken.picture("RGBA", np.dstack([RED, GREY])), "transparent pixels"),
    "transparent grey": (raw(8, 0, GREY, chunk(b"tRNS", bytes([0, GREY[3, 3]]))), "transparent"),
    "16 bits": (raw(16, 0, np.zeros((28, 56), np.uint8)), "28×28 pixels of 16 bits, expected"),
    "interlaced": (raw(8, 0, GREY, interlaced=1), "interlaced, expected a PNG of 28×28 grey"),
    "beyond the palette": (raw(8, 3, GREY, chunk(b"PLTE", bytes(6))), "no colour in the palette"),
    "32×32": (raw(8, 0, np.zeros((32, 32), np.uint8), side=32), "is 32×32 pixels"),
    "bomb": (pictures.SIGNATURE + HUGE + bytes(99), "is 60000×60000 pixels"),
    "second header": (broken.PICTURE[:33] + HUGE + broken.PICTURE[33:], "expected a PNG of 28×28"),
    "truncated": (broken.PICTURE[:400], "expected a PNG of 28×28"),
    "without its end": (broken.PICTURE[:-12], "expected a PNG of 28×28"),
    "rows missing": (raw(8, 0, GREY[:20]), "not 28 rows"),
    "rows missing in RGB": (raw(8, 2, RED.reshape(28, 84)[:9]), "not 28 rows"),
    "rows without end": (raw(8, 2, np.zeros((9000, 84), np.uint8)), "not 28 rows"),
    "a bit flipped": (broken.PICTURE[:60] + b"~" + broken.PICTURE[61:], "expected a PNG"),
    "a filter of no kind": (raw(8, 0, GREY).replace(
        raw(8, 0, GREY)[41:-16], zlib.compress(bytes([7] * 812))), "expected a PNG"),
    "JPEG": (jpeg(), "not a PNG file .starts with ffd8ff"),
    "nothing": (b"", "not a PNG file .starts with nothing"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), PICTURES.values(), ids=PICTURES)
def test_a_bad_picture_is_told_of_by_name(tmp_path, content, message):
    folder = broken.write_pictures(tmp_path / "some", broken.pictures() | {"00009_2.png": content})
    (tmp_path / "a.tar").write_bytes(with_picture(content))
    for path in (folder, tmp_path / "a.tar"):
        with pytest.raises(DataError, match=message) as error:
            pictures.read(path)
        assert str(error.value).startswith(f"{path}: 00009_2.png: ")


KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
TARS = {
    "cut in a picture": (WHOLE[:2000], "cut off"),
    "cut between pictures": (WHOLE[: WHOLE.index(b"00003_1.png")], "no end mark"),
    "a damaged header": (WHOLE.replace(b"00003_1.png", b"00003_2.png"), "damaged header"),
    "empty": (b"", "expected a whole tar"),
    "of nothing": (bytes(10240), "0 pictures found"),
    "text": (b"hello" * 200, "expected a whole tar"),
    "cut gz": (gzip.compress(WHOLE)[:-200], "cut off"),
    "damaged bz2": (bz2.compress(WHOLE)[:90] + b"~" * 90, "expected a whole tar"),
    "cut xz": (lzma.compress(WHOLE)[:-40], "cut off"),
    **{f"kind {kind}": (with_member(kind=kind), "00009_2.png is a link") for kind in KINDS},
    "sparse": (with_member(kind=tarfile.GNUTYPE_SPARSE), "00009_2.png is a sparse"),
    "pax sparse": (with_member(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}), "sparse"),
    "pax headers": (with_member(comment="x" * 2**24), "too many extended headers"),
    "pax no size": (with_member(size="-5"), "no size"),
    "pax size": (with_member(size="8589934592"), "8,589,934,592 bytes long"),
    "a big picture": (with_picture(bytes(2**16 + 1)), "65,537 bytes long"),
    "long names in a chain": (
        broken.member("x", tarfile.GNUTYPE_LONGNAME).tobuf() * 5000 + WHOLE, "a.tar: "),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), TARS.values(), ids=TARS)
def test_a_bad_archive_is_told_of(tmp_path, content, message):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        pictures.read(tmp_path / "a.tar")
    assert str(error.value).startswith(str(tmp_path / "a.tar"))


TWO = broken.tar(broken.pictures(2))
CHANCE = np.random.default_rng(0)
FLIPS = CHANCE.choice(8 * len(TWO), 1500, replace=False).tolist()


def right_or_refused(content: bytes) -> None:
    """Never other digits."""
    try:
        images, labels = pictures._decode_all(pictures._members(content), Path("x"))
    except (DataError, *idx.BAD_INPUT):
        return
    assert np.array_equal(images, broken.IMAGES[:2])
    assert labels.tolist() == [3, 1]


def test_one_flipped_bit_or_a_cut_gives_no_other_digits():
    for bit in FLIPS:
        content = bytearray(TWO)
        content[bit // 8] ^= 1 << bit % 8
        right_or_refused(bytes(content))
    for end in range(0, len(TWO), 61):
        right_or_refused(TWO[:end])


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_bomb_is_refused_before_it_goes_off(tmp_path, compress, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_ARCHIVE", 2**20)
    (tmp_path / "a.tar").write_bytes(compress(WHOLE + bytes(2**22)))
    with pytest.raises(DataError, match="holds more than 1,048,576 bytes"):
        pictures.read(tmp_path / "a.tar")


def test_a_tiny_file_of_endless_members_is_refused(tmp_path):
    member = tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "a.tar").write_bytes(gzip.compress(member * 350_000, 1))
    start = time.process_time()
    with pytest.raises(DataError, match="more than 195,312 files"):
        pictures.read(tmp_path / "a.tar")
    assert time.process_time() - start < 10


def test_texts_in_a_picture_are_not_unpacked(tmp_path):
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**24)))
    assert pictures.decode(raw(8, 0, GREY, bomb)) == GREY.tobytes()
    with pytest.raises(ValueError, match="chunks"):
        pictures.decode(raw(8, 0, GREY, chunk(b"tEXt", b"") * 100))


FOLDERS = {
    "no digits": ({"README.txt": b""}, "no train digits found.*README.txt.*expected"),
    "one id twice": ({"7_3.png": broken.PICTURE, "07_4.png": broken.PICTURE}, "id 7 is there more"),
    "no label": ({"7.png": broken.PICTURE}, "7.png: its name gives no label.*such as 00042_7.png"),
    "label 12": ({"7_12.png": broken.PICTURE}, "7_12.png: .*no label from 0 to 9"),
    "other digits": ({"٧_٣.png": broken.PICTURE}, "٧_٣.png: .*no label from 0 to 9"),
    "a newline": ({"1_\n2.png": broken.PICTURE}, r"1_\\n2.png.*no label from 0 to 9"),
    "undecodable": ({os.fsdecode(b"1_\xff.png"): broken.PICTURE}, r"1_\\udcff.png.*no label"),
    "too long an id": ({f"{'9' * 19}_1.png": broken.PICTURE}, "no label from 0 to 9"),
    "an endless name": ({f"{'a' * 240}_x.png": broken.PICTURE}, "aaa….*no label"),
}


@pytest.mark.parametrize(("files", "message"), FOLDERS.values(), ids=FOLDERS)
def test_a_bad_folder_is_told_of(tmp_path, files, message):
    folder = broken.write_pictures(tmp_path / "some", files)
    with pytest.raises(DataError, match=message) as error:
        MNIST(folder)
    assert str(folder) in str(error.value)
    assert str(error.value).isprintable()


ODD = {"nowhere": "is a broken link", "00009_2.png": "is a broken link",
       "/dev/zero": "is not a regular file", "pipe": "is not a regular file"}  # fmt: skip


@pytest.mark.parametrize(("target", "message"), ODD.items())
def test_what_is_no_regular_file_is_never_opened_nor_passed_over(tmp_path, target, message):
    folder = broken.write_pictures(tmp_path / "some", broken.pictures())
    os.mkfifo(folder / "pipe")
    (folder / "00009_2.png").symlink_to(target)
    with pytest.raises(DataError, match=rf"00009_2\.png: {message}, expected a PNG"):
        MNIST(folder)


def test_a_folder_is_bounded_in_bytes_and_count(tmp_path, monkeypatch):
    folder = broken.write_pictures(tmp_path / "some", broken.pictures())
    for limit in ("MAX_ARCHIVE", "MAX_FILES"):
        with monkeypatch.context() as patch:
            patch.setattr(pictures, limit, 5)
            with pytest.raises(DataError, match="some: more than"):
                pictures.read(folder)


@pytest.mark.parametrize("path", ["/no/such/place", "a" * 5000, "a\0b", "~nobody-of-this-name/x"])
def test_a_path_that_does_not_exist_is_told_of(path):
    for read in (load, MNIST):
        with pytest.raises(DataError, match=r"give|expected|check its name"):
            read(path)


@pytest.mark.parametrize("kind", ["idx", "a.tar", "some"])
def test_what_may_not_be_read_is_told_of(tmp_path, kind, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    broken.write_idx(tmp_path / "idx")
    broken.write_pictures(tmp_path / "some", broken.pictures())
    (tmp_path / "a.tar").write_bytes(WHOLE)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=rf"{kind}.*: Permission denied, expected .*;"):
        (load if kind == "idx" else MNIST)(tmp_path / kind)
