"""Batches, and runs that are put aside and taken up again."""

from functools import partial

import pytest
import torch
from safetensors import safe_open
from torch import Generator, nn

from mnistlib.augment import distort
from mnistlib.config import recipe
from mnistlib.course import Batches
from mnistlib.dataset import normalise
from mnistlib.model import NETWORKS, LeNet5
from mnistlib.train import fit
from tests.same import untimed

GIVEN = [
    recipe("lenet5", epochs=3),
    recipe("mlp", epochs=3, optimizer="adamw", learning_rate=0.001),
    recipe("lenet5_reg", epochs=3, dropout=0.2),  # every source of randomness, and averaging
    recipe("lenet5_1998", epochs=3),  # an optimizer that draws digits before each epoch
]


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
    augment = partial(distort, kind="affine", generator=Generator().manual_seed(0))
    batches = Batches(tiny.train, 200, augment=augment)
    first, second = (next(iter(batches))[0] for _ in range(2))
    plain = torch.from_numpy(normalise(tiny.train.images))
    assert not torch.equal(first, second)
    assert not torch.equal(first, plain)
    assert (batches.images.numpy()[:, 0] == tiny.train.images).all()


@pytest.fixture
def aside(tmp_path):
    return tmp_path / "folder" / "run.safetensors"


def stop_after(epoch, given, data, path):
    """Train until the end of an epoch; the checkpoint is left."""

    def on_epoch(number, values):
        if number == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(given, data, progress=False, on_epoch=on_epoch, checkpoint=path)


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: given.model)
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(given, tiny, aside):
    whole, epochs = untimed(fit(given, tiny, progress=False)), []
    for epoch in (1, 2, 3):
        aside.unlink(missing_ok=True)
        stop_after(epoch, given, tiny, aside)
        look = {"on_epoch": lambda number, _: epochs.append(number), "progress": False}
        resumed = fit(given, tiny, checkpoint=aside, **look)
        assert untimed(resumed) == whole
        assert list(aside.parent.iterdir()) == [aside]  # the record is not saved yet
    assert epochs == [2, 3, 3]


def test_a_checkpoint_holds_no_digits_and_keeps_the_time_spent(tiny, aside):
    stop_after(2, GIVEN[0], tiny, aside)
    with safe_open(aside, framework="pt") as file:
        assert file.metadata()["state"].count('"seconds": [') == 1
        assert max(file.get_tensor(name).numel() for name in file.keys()) == 48_000  # noqa: SIM118


@pytest.mark.parametrize(
    ("keep", "asked", "reason"),
    [
        (None, {"seed": 1}, "found key"),
        (0, {}, ""),
        (7, {}, ""),
        (5_000, {}, ""),
        (-1, {}, "damaged: its checksum is another"),
    ],
)
def test_a_damaged_checkpoint_or_another_runs_is_named_and_not_used(
    keep, asked, reason, tiny, aside
):
    stop_after(1, GIVEN[0], tiny, aside)
    content = aside.read_bytes()
    last = bytes([content[-1] ^ 1])  # one flipped bit
    aside.write_bytes(content[:keep] + last if keep == -1 else content[:keep])
    with pytest.warns(UserWarning, match=rf"run\.safetensors: not used \({reason}"):
        run = fit(GIVEN[0], tiny, progress=False, checkpoint=aside, **asked)
    assert untimed(run) == untimed(fit(GIVEN[0], tiny, progress=False, **asked))


class Longer(LeNet5):
    """One that has another layer now than when its run was put aside."""

    def __init__(self):
        super().__init__()
        self.more = nn.Linear(10, 10)


def test_a_changed_network_starts_again_from_its_own_first_weights(tiny, aside, monkeypatch):
    stop_after(1, GIVEN[0], tiny, aside)
    monkeypatch.setitem(NETWORKS, "lenet5", Longer)
    with pytest.warns(UserWarning, match="not used .found another network of this name"):
        run = fit(GIVEN[0], tiny, progress=False, checkpoint=aside)
    assert untimed(run) == untimed(fit(GIVEN[0], tiny, progress=False))
