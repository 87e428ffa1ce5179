import numpy as np
import torch
from torch import Generator

from mnistlib.course import Batches
from mnistlib.dataset import normalise


def test_test_batches_are_the_normalised_images_and_nothing_else(tiny):
    images = torch.cat([x for x, _ in Batches(tiny.test, 30)])
    labels = torch.cat([y for _, y in Batches(tiny.test, 30)])
    assert torch.equal(images, torch.from_numpy(normalise(tiny.test.images)))
    assert np.array_equal(labels.numpy(), tiny.test.labels)


def test_the_last_batch_holds_what_is_left_but_never_one_image(tiny):
    for size, sizes in ((30, [30, 30, 30, 10]), (33, [33, 33, 34]), (50, [50, 50]), (200, [100])):
        batches = Batches(tiny.test, size)
        assert [len(y) for _, y in batches] == sizes
        assert len(batches) == len(sizes)


def test_each_pass_is_a_new_permutation_that_keeps_images_with_their_labels(tiny):
    batches = Batches(tiny.train, 64, order=Generator().manual_seed(0))
    passes = [[torch.cat(part) for part in zip(*batches, strict=True)] for _ in range(2)]
    assert not torch.equal(passes[0][1], passes[1][1])
    labels = tiny.train.labels.tolist()
    known = dict(zip(map(bytes, normalise(tiny.train.images)), labels, strict=True))
    for images, labels in passes:
        found = [known[bytes(image)] for image in images.numpy()]
        assert found == labels.tolist()
        assert len({bytes(image) for image in images.numpy()}) == len(known)


def test_distortion_changes_training_images_anew_in_each_pass(tiny):
    streams = {"order": None, "augment": "affine", "distortion": Generator().manual_seed(0)}
    batches = Batches(tiny.train, 200, **streams)
    first, second = (next(iter(batches))[0] for _ in range(2))
    plain = torch.from_numpy(normalise(tiny.train.images))
    assert not torch.equal(first, second)
    assert not torch.equal(first, plain)
    assert (batches.images.numpy()[:, 0] == tiny.train.images).all()


def test_read_only_arrays_are_accepted(tiny):
    tiny.test.images.setflags(write=False)
    assert len(next(iter(Batches(tiny.test, 10)))[0]) == 10
