from dataclasses import replace

import pytest
from safetensors import safe_open

from mnistlib.config import recipe
from mnistlib.train import fit

GIVEN = [
    recipe("lenet5", epochs=3),
    recipe("mlp", epochs=3, optimizer="adamw", learning_rate=0.001),
    recipe("lenet5_reg", epochs=3, dropout=0.2),  # every source of randomness, and averaging
]


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
