"""Who takes part: names, titles, and which function of this package does the work."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mnistlib.base import pick

TRAINING, DISTORTED = "training", "training with distortion"
READING, TESTING, WHOLE = "reading", "testing", "a whole run"
SIDE_BY_SIDE, FLOOR = "side by side", "floor"
VARIANTS = "steps alone"

IMAGES = 60_000  # what times are scaled to: MNIST's training images
TEST_IMAGES = 10_000
SIDE = 1024  # rows of the square matrices whose product gives the floor


@dataclass(frozen=True)
class Contestant:
    """One way to do a thing.

    Attributes:
        title: for people.
        group: contestants of one group are timed in turn.
        module, function: where its work is done, in mnistlib.bench; called with a Job and
            `options`, it returns a function that does the work once and returns how long that
            took and for how many images: (seconds, images).
        options: of that function.
        against: the contestant that its ratio refers to; "" for none.
        ours: whether it is this package's way.
        per: the number of images that its time is scaled to.
        threads: None for those in Settings.
        processes: how many of it run at the same time.
        once: timed once whatever Settings.repetitions says, for it takes long.
    """

    title: str
    group: str
    module: str
    function: str
    options: dict = field(default_factory=dict)
    against: str = ""
    ours: bool = False
    per: int = IMAGES
    threads: int | None = None
    processes: int = 1
    once: bool = False


def _reference(title: str, function: str, distorted: bool = False, **options) -> Contestant:
    group = DISTORTED if distorted else TRAINING
    against = "reference_distorted" if distorted else "reference"
    options = {"distorted": distorted, **options}
    return Contestant(title, group, "reference", function, options, against)


def _ours(title: str, group: str, function: str = "training", **rest) -> Contestant:
    return Contestant(title, group, "ours", function, ours=True, **rest)


def _reading(title: str, function: str, **rest) -> Contestant:
    return Contestant(title, READING, "reading", function, **rest)


def _step(title: str, network: str, ours: bool = False, **options) -> Contestant:
    options = {"network": network, **options}
    return Contestant(title, VARIANTS, "variants", "step", options, "step_usual", ours)


TWO_WORKERS = {"workers": 2}
ELASTIC = {"augment": "affine+elastic"}

CONTESTANTS = {
    "reference": _reference("torchvision + DataLoader", "torchvision"),
    "reference_workers": _reference(
        "torchvision + DataLoader, 2 workers", "torchvision", **TWO_WORKERS
    ),
    "pictures": _reference("folder of PNGs + DataLoader", "pictures"),
    "ours": _ours("mnistlib", TRAINING, against="reference"),
    "reference_distorted": _reference("torchvision + RandomAffine", "torchvision", distorted=True),
    "reference_distorted_workers": _reference(
        "torchvision + RandomAffine, 2 workers", "torchvision", distorted=True, **TWO_WORKERS
    ),
    "pictures_distorted": _reference("folder of PNGs + RandomAffine", "pictures", distorted=True),
    "ours_distorted": _ours(
        "mnistlib, affine + elastic", DISTORTED, options=ELASTIC, against="reference_distorted"
    ),
    "floor": Contestant(f"{SIDE}×{SIDE} matrix product", FLOOR, "matmul", "product"),
    "step_usual": _step("as usually written", "usual"),
    "step_layout": _step("channels last", "usual", channels_last=True),
    "step_order": _step("… pooling before ReLU", "pool first", channels_last=True),
    "step_ours": _step("… fused optimizer: mnistlib", "ours", True, channels_last=True, fused=True),
    "step_padded": _step("… maps padded to eight", "padded", channels_last=True, fused=True),
    "one_run": _ours("one run with 2 threads", SIDE_BY_SIDE, threads=2),
    "two_runs": _ours(
        "two runs with 1 thread each", SIDE_BY_SIDE, threads=1, processes=2, against="one_run"
    ),
    "read_pillow": _reading("tar, Pillow picture by picture", "pillow"),
    "read_tar": _reading("tar, first time", "tar_first", against="read_pillow", ours=True),
    "read_tar_again": _reading("tar, again", "tar_again", against="read_pillow", ours=True),
    "read_idx": _reading("IDX files", "idx_files", against="read_pillow", ours=True),
    "help": _reading("python -m mnistlib --help", "help_text", per=1, ours=True),
    "testing": _ours("LeNet-5 on the test images", TESTING, "testing", per=TEST_IMAGES),
    "whole_run": _ours("LeNet-5, one epoch and its tests", WHOLE, "whole_run", once=True),
}

# the floor is timed in turn with the training that it is the floor of
TOGETHER = (
    (TRAINING, DISTORTED, FLOOR),
    (SIDE_BY_SIDE,),
    (VARIANTS,),
    (READING, TESTING),
    (WHOLE,),
)


def choose(names: Iterable[str] | None = None) -> list[str]:
    """The named contestants in their own order; all of them for None or none.

    Raises:
        UserError: no such contestant; lists the valid names.
    """
    wanted = {pick("contestant", name, CONTESTANTS) for name in names or ()}
    return [name for name in CONTESTANTS if not wanted or name in wanted]
