"""28×28 PNGs of any kind: converted where their greys are exact in 8 bits, refused where not.

Grey of any depth, palettes, RGB and alpha mean 8-bit greys where no pixel has a colour, none is
transparent and no grey must be rounded. Format: https://www.w3.org/TR/png-3/.
"""

import zlib
from io import BytesIO
from struct import pack, unpack_from

import numpy as np

from mnistlib.base import DataError

SIDE = 28
SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIZE = pack(">II", SIDE, SIDE)
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type: grey, RGB, palette, grey + A, RGBA
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip  # x, y and steps in x and y of an interlaced file's passes
SHOWN = (b"PLTE", b"tRNS", b"IDAT")  # the chunks that decide what is seen
EXPECTED = f"expected a PNG of {SIDE}×{SIDE} grey pixels"
OTHERS = {b"\xff\xd8\xff": "a JPEG", b"GIF8": "a GIF", b"BM": "a BMP", SIGNATURE: "cut off"}


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG's chunk: length, kind, body, checksum."""
    return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body))


def decode(file: bytes, name: str) -> np.ndarray:
    """Decode one PNG file of any kind to uint8 [28, 28]; `name` is for messages.

    Raises:
        DataError: it is no PNG, damaged, of another size, or not grey in 8 bits.
    """
    _check_size(file, name)
    chunks = _chunks(file, name)
    header = chunks[0][1]
    _check_pixels(header, b"".join(body for kind, body in chunks if kind == b"IDAT"), name)
    essential = b"".join(chunk(kind, body) for kind, body in chunks[1:] if kind in SHOWN)
    # Pillow sees nothing but what was checked: no huge second header, no packed texts, no film
    checked = SIGNATURE + chunk(b"IHDR", header) + essential + chunk(b"IEND", b"")
    return _with_pillow(checked, name)


def _check_size(file: bytes, name: str) -> None:
    if not file.startswith(SIGNATURE) or len(file) < 33:
        known = [kind for start, kind in OTHERS.items() if file.startswith(start)]
        found = known[0] if known else f"starts with {file[:8].hex()}" if file else "is empty"
        raise DataError(f"{name}: not a PNG file ({found}), {EXPECTED}; convert it or remove it")
    if file[16:24] != SIZE:
        width, height = unpack_from(">II", file, 16)
        found = f"is {width}×{height} pixels"
        raise DataError(f"{name}: {found}, expected {SIDE}×{SIDE}; scale it, or remove it")


def _damaged(name: str, found: object) -> DataError:
    return DataError(f"{name}: damaged PNG ({found}), {EXPECTED}; fetch it again")


def _chunks(file: bytes, name: str) -> list[tuple[bytes, bytes]]:
    """All chunks up to the end mark: kind and body."""
    found, start = [], len(SIGNATURE)
    while not found or found[-1][0] != b"IEND":
        if start + 12 > len(file):
            raise _damaged(name, "cut off")
        size, kind = unpack_from(">I4s", file, start)
        end = start + 8 + size
        body = file[start + 8 : end]
        if file[end : end + 4] != pack(">I", zlib.crc32(kind + body)):
            raise _damaged(name, f"cut off, or wrong checksum of chunk {kind.decode('latin-1')!r}")
        found.append((kind, body))
        start = end + 4
    kinds = [kind for kind, _ in found]
    if len(found[0][1]) != 13 or kinds.index(b"IHDR") != 0 or kinds.count(b"IHDR") != 1:
        raise _damaged(name, "not one header")
    return found


def _check_pixels(header: bytes, data: bytes, name: str) -> None:
    """Pillow would fill what is missing with black."""
    depth, colour, _, _, interlaced = header[8:]
    bits = depth * CHANNELS.get(colour, 0)
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(len(range(x, SIDE, dx)), len(range(y, SIDE, dy))) for x, y, dx, dy in passes]
    expected = sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes)
    try:
        found = len(zlib.decompressobj().decompress(data, expected + 1))
    except zlib.error as error:
        raise _damaged(name, error) from error
    if found != expected:
        count = f"{found:,}" if found < expected else "more"
        raise _damaged(name, f"pixels take {expected:,} bytes, it holds {count}")


def _with_pillow(file: bytes, name: str) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(BytesIO(file), formats=["PNG"]) as image:
            image.load()
            sixteen = file[24] == 16
            return _from_16_bits(file, image, name) if sixteen else _from_8_bits(image, name)
    except DataError:
        raise
    except Exception as error:  # whatever Pillow raises: it documents no list
        raise _damaged(name, error) from error


def _refuse(name: str, found: str) -> DataError:
    return DataError(f"{name}: {found}, {EXPECTED}, 8 bits each; convert it, or remove it")


def _from_8_bits(image: "Image.Image", name: str) -> np.ndarray:  # noqa: F821 - imported late
    if image.mode == "P" and image.getextrema()[1] >= len(image.getpalette()) // 3:
        raise _damaged(name, "a pixel has no colour in the palette")
    red, green, blue, alpha = np.asarray(image.convert("RGBA")).transpose(2, 0, 1)
    if (alpha != 255).any():
        raise _refuse(name, f"its mode is {image.mode} and it has transparent pixels")
    if (red != green).any() or (red != blue).any():
        raise _refuse(name, f"its mode is {image.mode} and it has coloured pixels")
    return red


def _from_16_bits(file: bytes, image: "Image.Image", name: str) -> np.ndarray:  # noqa: F821
    if file[25] != 0 or "transparency" in image.info:
        raise _refuse(name, "16 bits a channel with colour or transparency")
    greys = np.asarray(image).astype(np.int64)
    if (greys % 257).any():  # 257 × grey is how 8 bits are written in 16
        raise _refuse(name, "16-bit greys that 8 bits cannot hold")
    return (greys // 257).astype(np.uint8)
