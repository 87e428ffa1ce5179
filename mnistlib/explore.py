"""What the digits are like before any network sees them: moments, repeats, neighbours, a map."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from mnistlib.augment import distort
from mnistlib.base import DataError
from mnistlib.dataset import Digits


def moments(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, uint8 [n, 28, 28], on the scale from 0 to 1."""
    shares = np.bincount(images.ravel(), minlength=256) / images.size
    greys = np.arange(256) / 255
    mean = shares @ greys
    return float(mean), float(np.sqrt(shares @ (greys - mean) ** 2))


def with_all_classes(digits: Digits, least: int) -> Digits:
    """The same digits; DataError where a class from 0 to 9 has fewer than `least` of them."""
    counts = np.bincount(digits.labels, minlength=10)
    few = ", ".join(f"{counts[d]} of class {d}" for d in np.flatnonzero(counts < least))
    if few:
        expected = f"expected at least {least} of each class from 0 to 9"
        raise DataError(f"{digits.name}: found {few}, {expected}; give a data set that has them")
    return digits


def repeats(*splits: Digits) -> int:
    """How many images equal an earlier one, pixel by pixel, over all the splits together."""
    images = [image.tobytes() for digits in splits for image in digits.images]
    return len(images) - len(set(images))


def nearest(train: Digits, test: Digits, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances (in pixels of full contrast) and indices of the k nearest, both [n_test, k]."""
    index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(_flat(train))
    return index.kneighbors(_flat(test))


def embed(digits: Digits, seed: int = 0) -> np.ndarray:
    """Points of a plane, float [n, 2], near images near: t-SNE (van der Maaten and Hinton 2008)."""
    n = len(digits)
    reduced = PCA(min(50, n), svd_solver="full").fit_transform(_flat(digits))
    return TSNE(perplexity=min(30, (n - 1) / 3), random_state=seed).fit_transform(reduced)


def _flat(digits: Digits) -> np.ndarray:
    return digits.images.reshape(len(digits), -1).astype(np.float32) / 255  # [n, 784]


def neighbour_agreement(points: np.ndarray, labels: np.ndarray) -> float:
    """The share of points, float [n, 2], whose nearest other point has the same label, int [n]."""
    found = NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points, return_distance=False)
    return float((labels[found[:, 1]] == labels).mean())


def distorted(images, kind: str, n: int, factor: float = 1.0, seed: int = 0) -> np.ndarray:
    """n versions of each image, uint8 [b, 28, 28], as training sees them: float [b, n, 28, 28]."""
    originals = torch.from_numpy(images).unsqueeze(1).float() / 255  # [b, 1, 28, 28]
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(len(images), dtype=torch.long)  # these kinds do not look at them
    draws = [distort(originals, labels, kind, generator, factor) for _ in range(n)]
    return torch.cat(draws, 1).numpy()
