"""Bad pictures, folders and archives: converted where the meaning is clear, told of where not."""

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import tempfile
import time
import zlib
from pathlib import Path

import broken
import numpy as np
import pytest
from PIL import Image

from mnistlib.dataset import MNIST, export, load, pictures, png, png_kinds, tar
from mnistlib.dataset.png_kinds import chunk
from mnistlib.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")
GREY = broken.IMAGES[0]
BLACK_WHITE = np.where(GREY > 127, 255, 0).astype(np.uint8)


def raw(depth, colour, rows, extra=b"", side=28):
    ihdr = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    body = chunk(b"IHDR", ihdr) + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return png.SIGNATURE + body


def sixteen(image):
    return raw(16, 0, image.astype(">u2").view(np.uint8).reshape(28, 56))


def jpeg():
    target = io.BytesIO()
    Image.fromarray(GREY).save(target, "JPEG")
    return target.getvalue()


CLEAR = {
    "RGB": (broken.picture("RGB"), GREY),
    "RGBA": (broken.picture("RGBA"), GREY),
    "grey with alpha": (broken.picture("LA"), GREY),
    "palette": (broken.picture("P"), GREY),
    "1 bit": (broken.picture("1", BLACK_WHITE), BLACK_WHITE),
    "16 bits": (sixteen(GREY.astype(np.uint16) * 257), GREY),
    "texts": (
        broken.PICTURE[:33] + chunk(b"tEXt", b"a\0b") + broken.PICTURE[33:],
        GREY,
    ),
}
RED = np.dstack([GREY, GREY, GREY // 2])
NO_END = raw(8, 0, GREY)[:-12]
SECOND = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
UNCLEAR = {
    "coloured": (broken.picture("RGB", RED), "mode is RGB and it has coloured pixels"),
    "coloured palette": (broken.picture("P", RED), "mode is P and it has coloured"),
    "transparent": (broken.picture("RGBA", np.dstack([RED, GREY])), "transparent pixels"),
    "transparent grey": (
        raw(8, 0, GREY, chunk(b"tRNS", bytes([0, GREY[3, 3]]))),
        "transpar",
    ),
    "16 bits rounded": (
        sixteen(GREY.astype(np.uint16) * 257 + 3),
        "16-bit greys that 8 bits cannot",
    ),
    "16 bits unscaled": (sixteen(GREY.astype(np.uint16)), "16-bit greys that 8 bits cannot hold"),
    "16-bit RGB": (raw(16, 2, np.zeros((28, 168), np.uint8)), "16 bits a channel with colour"),
    "beyond the palette": (raw(8, 3, GREY, chunk(b"PLTE", bytes(6))), "no colour in the palette"),
    "32×32": (raw(8, 0, np.zeros((32, 32), np.uint8), side=32), "is 32×32 pixels, expected 28×28"),
    "bomb": (png.SIGNATURE + SECOND + bytes(99), "is 60000×60000 pixels, expected 28×28"),
    "second header": (NO_END[:33] + SECOND + NO_END[33:] + chunk(b"IEND", b""), "not one header"),
    "truncated": (broken.PICTURE[:400], "cut off.*expected a PNG of 28×28"),
    "without its end": (NO_END, "cut off.*expected a PNG"),
    "rows missing": (raw(8, 0, GREY[:20]), "pixels take 812 bytes, it holds 580"),
    "rows missing in RGB": (raw(8, 2, RED.reshape(28, 84)[:9]), "take 2,380 bytes, it holds 765"),
    "packed bomb": (raw(8, 2, np.zeros((9000, 84), np.uint8)), "take 2,380 bytes, it holds more"),
    "a bit flipped": (broken.PICTURE[:60] + b"~" + broken.PICTURE[61:], "wrong checksum of chunk"),
    "zero bytes": (b"", "not a PNG file .is empty., expected a PNG"),
    "JPEG": (jpeg(), "not a PNG file .a JPEG., expected a PNG"),
    "text": (b"hello", "not a PNG file .starts with 68656c6c6f., expected"),
}


@pytest.mark.parametrize(("content", "image"), CLEAR.values(), ids=CLEAR)
def test_a_picture_of_clear_meaning_is_converted_exactly(content, image):
    assert np.array_equal(png.decode([content], ["x"])[0], image)


@pytest.mark.parametrize(("content", "message"), UNCLEAR.values(), ids=UNCLEAR)
def test_any_other_picture_is_refused_by_name(tmp_path, content, message):
    files = broken.pictures() | {"00009_2.png": content}
    with pytest.raises(DataError, match=message) as folder_error:
        pictures.read_folder(broken.write_pictures(tmp_path / "some", files))
    (tmp_path / "a.tar").write_bytes(broken.tar(files))
    with pytest.raises(DataError, match=message) as tar_error:
        pictures.read_archive(tmp_path / "a.tar")
    assert str(folder_error.value).startswith(str(tmp_path / "some" / "00009_2.png"))
    assert str(tar_error.value).startswith(f"{tmp_path / 'a.tar'}: 00009_2.png: ")


def test_a_filter_that_png_does_not_know_is_damage():
    rows = np.zeros((28, 28), np.uint8)
    whole = raw(8, 0, rows)
    wrong = zlib.compress(b"".join(b"\x07" + bytes(row) for row in rows))
    start, end = whole.index(b"IDAT") - 4, whole.index(b"IEND") - 4
    with pytest.raises(DataError, match="x: damaged PNG"):
        png.decode([whole[:start] + chunk(b"IDAT", wrong) + whole[end:]], ["x"])


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
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(member * 400_000 + bytes(1024), preset=0))
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


def test_kinds_are_decoded_with_no_chunk_but_what_is_shown():
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**24)))
    animated = chunk(b"acTL", struct.pack(">II", 0, 0))
    file = raw(8, 0, GREY, bomb + animated)
    assert np.array_equal(png_kinds.decode(file, "x"), GREY)
