import numpy as np
import pytest

from mnistlib import explore
from mnistlib.base import DataError
from mnistlib.dataset import Digits


def test_moments_are_those_of_the_pixels(tiny):
    pixels = tiny.train.images.astype(np.float64) / 255
    assert explore.moments(tiny.train.images) == pytest.approx((pixels.mean(), pixels.std()))


def test_repeats_are_counted_over_all_splits(tiny):
    twice = tiny.train.take(np.array([0, 1, 1, 2, 1]), "twice")
    assert explore.repeats(twice) == 2
    assert explore.repeats(twice, tiny.train.take(np.array([2, 3]), "more")) == 3


def test_the_nearest_image_of_a_known_image_is_itself(tiny):
    part = tiny.train.take(np.array([5, 17]), "part")
    distances, indices = explore.nearest(tiny.train, part, 3)
    assert indices[:, 0].tolist() == [5, 17]
    assert distances[:, 0] == pytest.approx(0, abs=1e-3)
    plain = (tiny.train.images[indices[0, 2]].astype(float) - part.images[0]) / 255
    assert distances[0, 2] == pytest.approx(np.sqrt((plain**2).sum()), rel=1e-4)


def test_the_map_puts_equal_images_together(tiny):
    images = np.repeat(tiny.train.images[:4], 5, axis=0)
    labels = np.repeat(np.arange(4), 5)
    points = explore.embed(Digits(images, labels, "copies"))
    assert points.shape == (20, 2)
    assert explore.neighbour_agreement(points, labels) == 1


def test_distorted_versions_are_drawn_anew_and_depend_on_the_seed(tiny):
    images = tiny.train.images[:3]
    found = explore.distorted(images, "affine", 4, seed=1)
    assert found.shape == (3, 4, 28, 28)
    assert (found[:, 0] != found[:, 1]).any()
    assert (found == explore.distorted(images, "affine", 4, seed=1)).all()
    assert (found != explore.distorted(images, "affine", 4, seed=2)).any()
    assert (explore.distorted(images, "none", 1)[:, 0] == images.astype(np.float32) / 255).all()


def test_a_class_with_too_few_digits_is_named(tiny):
    assert explore.with_all_classes(tiny.train, 2) is tiny.train
    part = tiny.train.take(np.flatnonzero(tiny.train.labels != 3), "part")
    with pytest.raises(DataError, match="part: found 0 of class 3, expected at least 2 of each"):
        explore.with_all_classes(part, 2)
