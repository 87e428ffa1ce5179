"""The study's rows, each a named difference from the baseline or from all techniques together.

Where the values come from: those of the baseline are the assignment's. CANDIDATES lists what was
tried for each technique on the validation split of the training digits; TECHNIQUES and ALL hold the
values that came out best there, by `tuning.choose`. No test digit took part.
"""

from collections.abc import Iterable, Sequence

from mnistlib.base import DataError
from mnistlib.config import (
    NO_BATCH_NORM,
    ONE_CYCLE,
    ORDER,
    ROWS,
    TITLES,
    WITHOUT,
)
from mnistlib.runs import Run

CANDIDATES: dict[str, list[dict]] = {
    "weight decay": [{"weight_decay": value} for value in (1e-4, 5e-4, 2e-3)],
    "dropout": [{**NO_BATCH_NORM, "dropout": value} for value in (0.1, 0.25, 0.5)],
    "batch norm": [{"model": "lenet5_reg"}],  # nothing to tune
    "label smoothing": [{"label_smoothing": value} for value in (0.05, 0.1, 0.2)],
    "affine": [{"augment": "affine", "distortion": value} for value in (0.5, 1.0, 1.5)],
    "affine+elastic": [
        {"augment": "affine+elastic", "distortion": value} for value in (0.5, 1.0, 1.5)
    ],
    "averaging": [{"averaging": "ema", "ema_decay": value} for value in (0.99, 0.998, 0.9995)],
    "one-cycle": [{**ONE_CYCLE, "learning_rate": value} for value in (0.02, 0.05, 0.1)],
}
ALL_CANDIDATES: list[dict] = [  # differences from ALL: as first guessed, gentler, stronger
    {"weight_decay": 5e-4, "distortion": 1.0},
    {"weight_decay": 1e-4, "distortion": 0.5},
    {"weight_decay": 1e-3, "distortion": 1.5},
]

ALONE = [f"lenet5 + {name}" for name in ORDER] + ["lenet5_reg"]  # compared with lenet5
WITHIN = [name for name in ROWS if name.startswith("lenet5_reg ")]  # compared with lenet5_reg

_SHARED = [name for name in ORDER if name in WITHOUT]
BOTH_WAYS: dict[str, tuple[str, str]] = {  # by technique: its row alone, its row within ALL
    **{name: (f"lenet5 + {name}", f"lenet5_reg - {name}") for name in _SHARED},
    "affine+elastic": ("lenet5 + affine+elastic", "lenet5_reg - augmentation"),
    "dropout": ("lenet5 + dropout", "lenet5_reg + dropout"),
}


def label(row: str) -> str:
    """A row's name for figures and tables, such as "+ dropout" or "all − averaging"."""
    names = {"lenet5": "baseline", "lenet5_reg": "all together", "mlp": TITLES["mlp"]}
    short = row.removeprefix("lenet5 ").replace("lenet5_reg ", "all ").replace(" - ", " − ")
    return names.get(row, short)


def by_row(runs: Sequence[Run], needed: Iterable[str] = ()) -> dict[str, list[Run]]:
    """The runs of each row, in the order of ROWS; rows without runs and other runs are left out.

    Raises:
        DataError: a row that is `needed` has fewer than two runs.
    """
    found = {name: [run for run in runs if run.recipe == ROWS[name]] for name in ROWS}
    short = [name for name in needed if len(found[name]) < 2]
    if short:
        raise DataError(
            f"found {len(runs)} runs, but not two of {', '.join(short)}; make them with: "
            "python -m mnistlib study"
        )
    return {name: those for name, those in found.items() if those}
