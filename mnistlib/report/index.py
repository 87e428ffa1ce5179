"""The report's first page: which digits, what came out, and where to read more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnistlib.base import DataError
from mnistlib.config import TITLES
from mnistlib.report.pages import Picture, style, templates
from mnistlib.runs import Run

TITLE = "LeNet-5 and an equally large MLP on handwritten digits"
LEAD = (
    "How much of a small network's accuracy on handwritten digits comes from convolution, and how "
    "much does regularization add?"
)


@dataclass(frozen=True)
class Card:
    """A page as the index shows it."""

    label: str
    title: str
    href: str
    source: str
    picture: Picture | None


@dataclass(frozen=True)
class Row:
    """One run in the headline table, each value as it is written there."""

    model: str
    parameters: str
    epochs: str
    accuracy: str
    interval: str
    seconds: str


def index(runs: Sequence[Run], cards: Iterable[Card]) -> str:
    """The index as HTML; without runs, it only lists the pages."""
    datasets = _datasets(runs)
    return (
        templates()
        .get_template("index.html.j2")
        .render(
            style=style(),
            title=TITLE,
            lead=LEAD,
            is_sample=any(name == "sample" for name, _, _ in datasets),
            data="; ".join(
                f"{name}, {n_train:,} images for training and {n_test:,} for testing"
                for name, n_train, n_test in datasets
            ),
            rows=[row(run) for run in _in_order(runs)],
            note=_note(runs),
            cards=list(cards),
        )
    )


def row(run: Run) -> Row:
    """A run's line of the headline table; the interval is Wilson's, over the test images."""
    from mnistlib.stats import wilson

    n = run.dataset["n_test"]
    interval = wilson(round(run.accuracy * n), n)
    seconds = sorted(run.history["seconds"])[len(run.history["seconds"]) // 2]
    return Row(
        model=TITLES.get(run.recipe.model, run.recipe.model),
        parameters=f"{_parameters(run):,}",
        epochs=str(run.recipe.epochs),
        accuracy=f"{100 * run.accuracy:.2f} %",
        interval=f"{100 * interval.low:.2f} to {100 * interval.high:.2f} %",
        seconds=f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2f}",
    )


def _parameters(run: Run) -> int:
    from mnistlib.counting import derive

    name = run.recipe.model
    widths = [int(width) for width in run.recipe.widths.split("-")] if name == "mlp" else None
    return sum(layer.parameters for layer in derive(name, widths))


def _datasets(runs: Iterable[Run]) -> list[tuple[str, int, int]]:
    """Name, training and test images of each data set that the runs used."""
    found = [(run.dataset["name"], run.dataset["n_train"], run.dataset["n_test"]) for run in runs]
    return list(dict.fromkeys(found))


def _in_order(runs: Iterable[Run]) -> list[Run]:
    names = list(TITLES)
    return sorted(runs, key=lambda run: (names.index(run.recipe.model), run.seed))


def _note(runs: Sequence[Run]) -> str:
    if not runs:
        return ""
    seeds = sorted({run.seed for run in runs})
    devices = " and ".join(sorted({run.device for run in runs}))
    word = "seed" if len(seeds) == 1 else "seeds"
    return (
        f"One run a line, {word} {', '.join(map(str, seeds))}, scored after its last epoch, on "
        f"{devices}. The 95 % interval is Wilson's over the test images; it does not hold what "
        f"another seed would change."
    )


def expect_runs(runs: Sequence[Run], models: Iterable[str]) -> None:
    """Raise DataError unless there is a run of each model."""
    missing = set(models) - {run.recipe.model for run in runs}
    if missing:
        raise DataError(f"found no run of {', '.join(sorted(missing))}; build all pages again")
