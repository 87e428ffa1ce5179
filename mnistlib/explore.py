"""What the digits are like before any network sees them: moments, repeats, neighbours, a map."""

from collections import Counter
from fractions import Fraction
from math import sqrt

import numpy as np

from mnistlib.base import DataError
from mnistlib.dataset import Digits


def moments(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of all pixels on the scale from 0 to 1.

    Computed from the counts of the 256 grey values in whole numbers, so without rounding errors.

    Args:
        images: uint8 [n, 28, 28].
    """
    counts = np.bincount(images.ravel(), minlength=256).tolist()
    n = sum(counts)
    mean = Fraction(sum(c * v for v, c in enumerate(counts)), n)
    square = Fraction(sum(c * v * v for v, c in enumerate(counts)), n)
    return float(mean / 255), sqrt(square - mean**2) / 255


def with_all_classes(digits: Digits, least: int) -> Digits:
    """The same digits, once it is sure that there are enough of each class.

    Raises:
        DataError: a class from 0 to 9 has fewer than `least` of them.
    """
    counts = np.bincount(digits.labels, minlength=10)
    few = [f"{counts[digit]} of class {digit}" for digit in np.flatnonzero(counts < least)]
    if few:
        raise DataError(
            f"{digits.name}: found {', '.join(few)}, expected at least {least} of each class "
            "from 0 to 9; give a data set that has them"
        )
    return digits


def repeats(*splits: Digits) -> int:
    """How many images equal an earlier one, pixel by pixel, over all the splits together."""
    counts = Counter(image.tobytes() for digits in splits for image in digits.images)
    return sum(count - 1 for count in counts.values())


def nearest(train: Digits, test: Digits, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k training images nearest to each test image, nearest first.

    Returns:
        distances: float [n_test, k], Euclidean, in pixels of full contrast.
        indices: int [n_test, k], into the training images.
    """
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(_flat(train))
    return index.kneighbors(_flat(test))


def embed(digits: Digits, seed: int = 0) -> np.ndarray:
    """The digits as points of a plane, float [n, 2], near images near each other.

    Source: van der Maaten, Hinton, "Visualizing data using t-SNE", JMLR 9, 2008, on the first 50
    principal components.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    components = min(50, len(digits))
    reduced = PCA(components, svd_solver="full").fit_transform(_flat(digits))
    perplexity = min(30, (len(digits) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)


def _flat(digits: Digits) -> np.ndarray:
    return digits.images.reshape(len(digits), -1).astype(np.float32) / 255  # [n, 784]


def neighbour_agreement(points: np.ndarray, labels: np.ndarray) -> float:
    """The share of points, float [n, 2], whose nearest other point has the same label, int [n]."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points, return_distance=False)
    return float((labels[found[:, 1]] == labels).mean())


def distorted(
    images: np.ndarray, kind: str, n: int, factor: float = 1.0, seed: int = 0
) -> np.ndarray:
    """Versions of some digits as training sees them: float [b, n, 28, 28], values in [0, 1].

    Args:
        images: uint8 [b, 28, 28].
        kind: a name in config.AUGMENTATIONS.
        n: versions of each.
        factor: how far, relative to augment.Strength's bounds.
        seed: of the draws.
    """
    import torch

    from mnistlib.augment import distort

    originals = torch.from_numpy(images).unsqueeze(1).float() / 255  # [b, 1, 28, 28]
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(len(images), dtype=torch.long)  # these kinds do not look at them
    draws = [distort(originals, labels, kind, generator, factor) for _ in range(n)]
    return torch.cat(draws, 1).numpy()
