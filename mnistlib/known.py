"""Test errors on MNIST that others have published, to hold ours against.

Sources: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
Proc. IEEE 86(11), 1998, figure 9; Simard, Steinkraus, Platt, "Best practices for convolutional
neural networks applied to visual document analysis", ICDAR 2003, table 1. Each is one network (or
one committee), trained once.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

KNOWN: tuple[tuple[str, float, str], ...] = (  # method, test error as a fraction, source
    ("two-layer MLP 300-100", 0.0305, "LeCun et al. 1998"),
    ("LeNet-5", 0.0095, "LeCun et al. 1998"),
    ("LeNet-5, distorted digits", 0.0080, "LeCun et al. 1998"),
    ("boosted LeNet-4, distorted digits", 0.0070, "LeCun et al. 1998"),
    ("convolutional network, elastic distortions", 0.0040, "Simard et al. 2003"),
)
ERRORS = {method: error for method, error, _ in KNOWN}
LENET5_1998 = 1 - ERRORS["LeNet-5"]


def known() -> "pd.DataFrame":
    """One row a published result: method, error (fraction), source."""
    import pandas as pd

    return pd.DataFrame(KNOWN, columns=["method", "error", "source"])
