"""Batches, and runs that are put aside and taken up again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Generator

from mnistlib.config import recipe
from mnistlib.course import Batches
from mnistlib.dataset import normalise
from mnistlib.train import fit

GIVEN = [
    recipe("lenet5", epochs=3),
    recipe("mlp", epochs=3, optimizer="adamw", learning_rate=0.001),
    recipe("lenet5_reg", epochs=3, dropout=0.2),  # every source of randomness, and averaging
]


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
    streams = {"order": None, "augment": "affine", "chance": Generator().manual_seed(0)}
    batches = Batches(tiny.train, 200, **streams)
    first, second = (next(iter(batches))[0] for _ in range(2))
    plain = torch.from_numpy(normalise(tiny.train.images))
    assert not torch.equal(first, second)
    assert not torch.equal(first, plain)
    assert (batches.images.numpy()[:, 0] == tiny.train.images).all()


def test_read_only_arrays_are_accepted(tiny):
    tiny.test.images.setflags(write=False)
    assert len(next(iter(Batches(tiny.test, 10)))[0]) == 10


def untimed(run):
    return replace(run, history={**run.history, "seconds": [0.0] * run.recipe.epochs})


def stop_after(epoch):
    def on_epoch(number, values):
        if number == epoch:
            raise KeyboardInterrupt

    return on_epoch


@pytest.fixture
def stopped(tiny, tmp_path):
    """Train until the end of an epoch; returns the checkpoint that is left."""

    def train(given, epoch, threads=1):
        path = tmp_path / "folder" / "run.safetensors"
        with pytest.raises(KeyboardInterrupt):
            fit(
                given,
                tiny,
                threads=threads,
                progress=False,
                on_epoch=stop_after(epoch),
                checkpoint=path,
            )
        return path

    return train


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: given.model)
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(given, epoch, tiny, stopped):
    path = stopped(given, epoch)
    epochs = []
    resumed = fit(
        given,
        tiny,
        threads=1,
        progress=False,
        checkpoint=path,
        on_epoch=lambda number, values: epochs.append(number),
    )
    assert epochs == list(range(epoch + 1, 4))
    assert untimed(resumed) == untimed(fit(given, tiny, threads=1, progress=False))
    assert list(path.parent.iterdir()) == [path]  # the record is not saved yet


def test_a_checkpoint_holds_no_digits_and_keeps_the_time_spent(stopped):
    with safe_open(stopped(GIVEN[0], 2), framework="pt") as file:
        assert file.metadata()["state"].count('"seconds": [') == 1
        assert max(file.get_tensor(name).numel() for name in file.keys()) == 48_000  # noqa: SIM118


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seed": 1}, "found key"),
        ({"threads": 2}, "found threads '1', expected '2'"),
        ({"given": GIVEN[1]}, "found key"),
    ],
)
def test_the_checkpoint_of_another_run_is_named_and_not_used(changes, reason, tiny, stopped):
    path = stopped(GIVEN[0], 1)
    asked = {"given": GIVEN[0], "seed": 0, "threads": 1, **changes}
    given, seed, threads = asked["given"], asked["seed"], asked["threads"]
    with pytest.warns(UserWarning, match=rf"run\.safetensors: not used \({reason}"):
        run = fit(given, tiny, seed, threads=threads, progress=False, checkpoint=path)
    assert untimed(run) == untimed(fit(given, tiny, seed, threads=threads, progress=False))


@pytest.mark.parametrize("keep", [0, 7, 5_000])
def test_a_damaged_checkpoint_is_named_and_not_used(keep, tiny, stopped):
    path = stopped(GIVEN[0], 1)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.warns(UserWarning, match=r"run\.safetensors: not used"):
        run = fit(GIVEN[0], tiny, threads=1, progress=False, checkpoint=path)
    assert untimed(run) == untimed(fit(GIVEN[0], tiny, threads=1, progress=False))
