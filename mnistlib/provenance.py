"""Where each hyperparameter of the study comes from: the assignment, a source, tuning, or us."""

from typing import TYPE_CHECKING

from mnistlib.ablations import ALL, ALL_CANDIDATES, BASELINE, CANDIDATES, TECHNIQUES
from mnistlib.augment import DEFAULT, SMOOTHNESS, Strength

if TYPE_CHECKING:
    import pandas as pd

TUNED = {  # the one value of each technique that was tuned
    "weight decay": "weight_decay",
    "dropout": "dropout",
    "label smoothing": "label_smoothing",
    "affine": "distortion",
    "affine+elastic": "distortion",
    "averaging": "ema_decay",
    "one-cycle": "learning_rate",
}
ASSIGNMENT, BY_HAND = "the assignment", "set by hand, not tuned"


def provenance() -> "pd.DataFrame":
    """One row a hyperparameter, in the order of use: where it acts, its value, where from."""
    import pandas as pd

    rows = [
        ("all rows", "batch size", f"{BASELINE.batch_size}", ASSIGNMENT),
        ("all rows", "epochs", f"{BASELINE.epochs}", "set beforehand, equal for all"),
        ("baseline", "learning rate, constant", f"{BASELINE.learning_rate:g}", ASSIGNMENT),
        ("baseline", "momentum", f"{BASELINE.momentum:g}", ASSIGNMENT),
        *(_tuned(technique) for technique in TUNED),
        ("batch norm", "momentum and ε", "0.1, 1e-5", "PyTorch's defaults"),
        ("one-cycle", "share of steps before the peak", "0.3", "PyTorch's default"),
        ("affine, elastic", "bounds at distortion 1", _bounds(DEFAULT), BY_HAND),
        ("elastic", "smoothness σ, pixels", f"{SMOOTHNESS:g}", "Simard et al. 2003"),
        ("all together", "weight decay, distortion", _pair(ALL), _pairs()),
        ("all together", "peak learning rate", f"{ALL.learning_rate:g}", BY_HAND),
        ("all together", "label smoothing", f"{ALL.label_smoothing:g}", BY_HAND),
        ("all together", "EMA decay", f"{ALL.ema_decay:g}", BY_HAND),
    ]
    return pd.DataFrame(rows, columns=["where", "hyperparameter", "value", "from"])


def _bounds(at: Strength) -> str:
    affine = f"{at.degrees:g}°, {at.pixels:g} px, {100 * at.scale:g} %, shear {at.shear:g}"
    return f"{affine}; elastic {at.elastic:g} px"


def _tuned(technique: str) -> tuple[str, str, str, str]:
    name = TUNED[technique]
    tried = ", ".join(f"{change[name]:g}" for change in CANDIDATES[technique])
    value = f"{TECHNIQUES[technique][name]:g}"
    return technique, name.replace("_", " "), value, f"tuned over {tried}"


def _pair(values: object) -> str:
    return f"{values.weight_decay:g}, {values.distortion:g}"


def _pairs() -> str:
    tried = [f"{c['weight_decay']:g}, {c['distortion']:g}" for c in ALL_CANDIDATES]
    return f"tuned over the pairs {'; '.join(tried)}"


def at_the_edge() -> list[str]:
    """Techniques whose best value is the least or the greatest that was tried."""
    found = []
    for technique, name in TUNED.items():
        tried = [change[name] for change in CANDIDATES[technique]]
        if TECHNIQUES[technique][name] in (min(tried), max(tried)):
            found.append(technique)
    return found
