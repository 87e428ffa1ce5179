"""The digits in the forms that the contestants read, in a folder of the bench's own."""

from collections.abc import Collection
from pathlib import Path

from mnistlib.bench.settings import Job
from mnistlib.dataset import DigitData, export, idx, tar
from mnistlib.dataset.canonical import FILES

RAW = "MNIST/raw"  # where torchvision looks, under the folder that it is given
PICTURES = "pictures"
MAX_COUNT = 1_000_000
MAX_PICTURES = 10_000  # files in the folder: reading them at random is as slow as with all
WITH_PICTURES = {"pictures", "pictures_distorted"}
WITH_ARCHIVE = WITH_PICTURES | {"read_pillow", "read_tar", "read_tar_again"}


def lay_out(data: DigitData, folder: Path, names: Collection[str]) -> None:
    """Write the digits into `folder`: IDX files for everybody, the others for whoever needs them.

    Args:
        names: of the contestants.

    Raises:
        DataError, OSError: the folder cannot be written.
    """
    _write_idx(data, folder / RAW)
    if WITH_ARCHIVE & set(names):
        export(data, folder, split="train")
    if WITH_PICTURES & set(names):
        _write_pictures(folder / "train.tar", folder / PICTURES)


def _write_idx(data: DigitData, raw: Path) -> None:
    raw.mkdir(parents=True)
    arrays = (data.train.images, data.train.labels, data.test.images, data.test.labels)
    for name, array in zip(FILES, arrays, strict=True):
        (raw / name).write_bytes(idx.dump(array))


def _write_pictures(archive: Path, folder: Path) -> None:
    folder.mkdir()
    data = archive.read_bytes()
    for member in tar.members(data, archive, MAX_COUNT)[:MAX_PICTURES]:
        content = data[member.start : member.start + member.size]
        (folder / Path(member.name).name).write_bytes(content)


def archive(job: Job) -> Path:
    """The archive of training digits."""
    return job.folder / "train.tar"
