import pytest
import torch
from torch import Generator

from mnistlib import augment
from mnistlib.augment import AUGMENTATIONS, TECHNIQUES, Strength, technique
from mnistlib.base import UserError

each_kind = pytest.mark.parametrize("kind", ["affine", "affine+elastic"])


def distort(images, kind, seed=0, distortion=1.0):
    labels = torch.zeros(len(images), dtype=torch.long)
    return augment.distort(images, labels, kind, Generator().manual_seed(seed), distortion)


@pytest.fixture
def strength(monkeypatch):
    """Sets how far digits are distorted at distortion 1."""
    return lambda *bounds: monkeypatch.setattr(augment, "DEFAULT", Strength(*bounds))


@pytest.fixture
def images(tiny):
    return torch.from_numpy(tiny.train.images[:20]).unsqueeze(1).float() / 255


@each_kind
def test_no_strength_changes_nothing(images, kind):
    assert torch.allclose(distort(images, kind, distortion=0.0), images, atol=1e-5)


@each_kind
def test_each_image_has_its_own_draw_that_the_seed_decides(images, kind):
    same, before = images[:1].repeat(8, 1, 1, 1), images[0].clone()
    distorted = distort(same, kind, seed=3)
    assert all(not torch.equal(distorted[0], other) for other in distorted[1:])
    assert torch.equal(distorted, distort(same, kind, seed=3))
    assert not torch.equal(distorted, distort(same, kind, seed=4))
    assert torch.equal(same, before.expand(8, 1, 28, 28))  # the input is kept
    assert (distorted.min() >= 0, distorted.max() <= 1 + 1e-5) == (True, True)


def test_a_shift_by_whole_pixels_moves_the_image_and_brings_in_black(images, strength):
    strength(0, 4, 0, 0, 0)
    moved = distort(images, "affine")
    centre = torch.arange(28.0)
    columns = images.sum((1, 2))  # [b, 28]
    shift = (moved.sum((1, 2)) * centre).sum(1) / moved.sum((1, 2, 3))
    shift = shift - (columns * centre).sum(1) / columns.sum(1)
    assert shift.abs().max() < 4.2
    assert shift.std() > 1
    assert moved.min() >= 0


def test_rotation_turns_by_the_angle_that_was_drawn(strength):
    strength(12, 0, 0, 0, 0)
    line = torch.zeros(400, 1, 29, 29)
    line[:, :, 4:25, 14] = 1
    turned = distort(line, "affine")
    rows, columns = torch.meshgrid(torch.arange(29.0) - 14, torch.arange(29.0) - 14, indexing="ij")
    slope = (turned * rows * columns).sum((1, 2, 3)) / (turned * rows**2).sum((1, 2, 3))
    angles = torch.rad2deg(torch.atan(slope)).abs()
    assert 11 < angles.max() < 13
    assert 5 < angles.mean() < 7  # uniform from 0 to 12


def test_elastic_displacement_has_the_stated_spread():
    chance = Generator().manual_seed(0)
    field = augment._elastic(200, 28, Strength(elastic=0.6), chance) * 28 / 2
    assert abs(field.std().item() - 0.6) < 0.02
    assert abs(field[:, 0, 0].std().item() - 0.6) < 0.06  # at the corner as well


def test_unknown_kind_lists_the_valid_ones(images):
    with pytest.raises(UserError, match="none, affine, affine\\+elastic"):
        distort(images, "mirror")


@pytest.fixture
def cutout():
    """A technique as users write them; forgotten again."""

    @technique("cutout", label_smoothing=0.1)
    def cutout(images, labels, generator):
        corner = torch.randint(20, (1,), generator=generator).item()
        images[:, :, corner : corner + 8, corner : corner + 8] = 0
        return images

    yield cutout
    del TECHNIQUES["cutout"], AUGMENTATIONS["cutout"]


def test_a_technique_of_ones_own_acts_on_batches_and_names_its_values(images, cutout):
    assert TECHNIQUES["cutout"] == {"augment": "cutout", "label_smoothing": 0.1}
    assert (distort(images.clone(), "cutout") == 0).sum() > (images == 0).sum()
    technique("cutout")(cutout)  # as where a notebook's cell runs again


def test_a_technique_must_return_images_and_keep_out_of_others_names(images, cutout):
    with pytest.raises(UserError, match="'affine' is there already"):
        technique("affine")(cutout)
    wrong = {"NoneType": lambda *batch: None, r"\[20, 28, 28": lambda x, *_: x[:, 0]}
    for found, function in wrong.items():
        technique("cutout")(function)
        with pytest.raises(UserError, match=f"'cutout' returned {found}.*, expected"):
            distort(images, "cutout")
