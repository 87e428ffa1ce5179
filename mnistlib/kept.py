"""What git keeps of MNIST: records, weights and figures, which no other digits may enter."""

from pathlib import Path

from mnistlib import paths
from mnistlib.dataset import DigitData
from mnistlib.errors import UserError

PARTS = ("runs", "weights", "figures")  # what a training writes below its folder


def own_output(out_dir: str | Path, data: DigitData, parts: tuple[str, ...] = PARTS) -> Path:
    """Return `out_dir` if what these digits make may be written there.

    Args:
        out_dir: a folder.
        data: the digits; MNIST may be written anywhere.
        parts: the folders below `out_dir` that will be written as well.

    Raises:
        UserError: the digits are not MNIST, and `out_dir` or one of `parts` is, or lies in,
            data/runs, data/weights or figures.
    """
    for target in [Path(out_dir), *(Path(out_dir) / part for part in parts)]:
        if data.name != "MNIST" and _is_kept(target):
            raise UserError(
                f"{target}: holds results on MNIST only, and these digits are {data.name}; "
                "give another folder, such as out"
            )
    return Path(out_dir)


def _is_kept(folder: Path) -> bool:
    kept = (paths.RUNS, paths.WEIGHTS, paths.FIGURES)
    return any(folder.resolve().is_relative_to(place) for place in kept)
