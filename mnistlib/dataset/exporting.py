"""Write digits as the assignment's archives: train.tar and test.tar of {id}_{label}.png."""

import sys
import tarfile
from io import BytesIO
from pathlib import Path

from mnistlib.base import DataError, UserError, expanded, pick, replacing
from mnistlib.dataset import png
from mnistlib.dataset.digits import DigitData, Digits

PARTS = {"both": ("train", "test"), "train": ("train",), "test": ("test",)}


def export(
    data: DigitData, folder: str | Path, split: str = "both", overwrite: bool = False
) -> list[Path]:
    """Write one archive per split; equal digits make equal archives, byte for byte.

    Args:
        data: what to write.
        folder: where to; made if need be.
        split: "train", "test" or "both".
        overwrite: whether archives that are already there may be replaced.

    Returns:
        the paths written.

    Raises:
        UserError: an archive is already there, or there is no such split.
        DataError: the folder cannot be written.
    """
    parts = PARTS[pick("split", split, PARTS)]
    targets = {part: expanded(folder) / f"{part}.tar" for part in parts}
    there = [str(path) for path in targets.values() if path.exists()]
    if there and not overwrite:
        raise UserError(f"{', '.join(there)}: already there; move it, or give --overwrite")
    try:
        for part, path in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(getattr(data, part), path)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return list(targets.values())


def _write(digits: Digits, path: Path) -> None:
    from tqdm.auto import tqdm

    items = tqdm(
        zip(digits.images, digits.labels, strict=True),
        desc=path.name,
        total=len(digits),
        disable=None,
        file=sys.stderr,
    )
    with replacing(path) as target, tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for i, (image, label) in enumerate(items):
            _add(tar, f"{i:05}_{label}.png", png.encode(image))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # its time is 0 and its owner nobody in particular
    member.size = len(content)
    tar.addfile(member, BytesIO(content))
