"""The study on a real Dask cluster: two worker processes of this machine."""

import os
import signal
import threading
import time
from contextlib import contextmanager

import dask
import pytest
from distributed import Client, LocalCluster

from mnistlib.base import UserError
from mnistlib.config import recipe
from mnistlib.runs import load_all
from mnistlib.study import study

RECIPES = {"one epoch": recipe("mlp", epochs=1), "two epochs": recipe("mlp", epochs=2)}
SEEDS = [0, 1]


@pytest.fixture(scope="module")
def on_loky(tiny, tmp_path_factory):
    """The records that a study on this machine's processes writes, by key and without times."""
    folder = tmp_path_factory.mktemp("loky")
    study(RECIPES, SEEDS, tiny, folder, jobs=2, progress=False)
    return without_times(folder)


def without_times(folder):
    return {
        run.key: {**vars(run), "history": {**run.history, "seconds": 0}} for run in load_all(folder)
    }


@contextmanager
def cluster(**options):
    """A client of a cluster of this machine."""
    given = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, **options}
    with LocalCluster(**given) as started, Client(started, set_as_default=False) as client:
        yield client


@contextmanager
def one_worker_killed(client):
    """Kill one worker's process at the first moment at which both have runs to make."""
    pids = client.run(os.getpid)
    killed = []

    def wait_and_kill():
        while len(busy := [worker for worker, runs in client.processing().items() if runs]) < 2:
            time.sleep(0.01)
        os.kill(pids[busy[0]], signal.SIGKILL)
        killed.append(busy[0])

    killer = threading.Thread(target=wait_and_kill, daemon=True)
    killer.start()
    yield
    killer.join(timeout=10)
    assert killed
    assert killed[0] not in client.nthreads()  # its successor has another address


def test_a_worker_killed_at_work_changes_no_record(tiny, tmp_path, on_loky):
    with cluster() as client, one_worker_killed(client):
        address = client.scheduler.address
        made = study(RECIPES, SEEDS, tiny, tmp_path, scheduler=address, progress=False)
    assert [(run.recipe, run.seed) for run in made] == [
        (recipe, seed) for seed in SEEDS for recipe in RECIPES.values()
    ]
    assert without_times(tmp_path) == on_loky


def test_runs_that_dask_gives_up_with_their_worker_are_made_again(tiny, tmp_path, on_loky, capsys):
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        cluster() as client,
        one_worker_killed(client),
    ):
        address = client.scheduler.address
        study(RECIPES, SEEDS, tiny, tmp_path, scheduler=address, progress=False)
    assert "workers were lost (KilledWorker" in capsys.readouterr().err
    assert without_times(tmp_path) == on_loky


def test_a_local_cluster_needs_no_scheduler_and_its_only_worker_makes_all_runs(
    tiny, tmp_path, on_loky, monkeypatch
):
    monkeypatch.setattr("mnistlib.train.fit", None)  # in this process, not in the worker's
    study(RECIPES, SEEDS, tiny, tmp_path, backend="dask", jobs=1, progress=False)
    assert without_times(tmp_path) == on_loky


def test_workers_of_several_threads_are_refused(tiny, tmp_path):
    with (
        cluster(n_workers=1, threads_per_worker=2, processes=False) as client,
        pytest.raises(UserError, match="--nthreads 1"),
    ):
        study(RECIPES, SEEDS, tiny, tmp_path, scheduler=client.scheduler.address)


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:9", "127.0.0.1:9"])
def test_a_scheduler_that_does_not_answer_is_a_users_mistake(
    scheduler, tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr("mnistlib.study.SECONDS_TO_ANSWER", 0.5)
    with pytest.raises(UserError, match="no scheduler answers"):
        study(RECIPES, SEEDS, tiny, tmp_path, scheduler=scheduler)


def test_a_cluster_without_workers_is_a_users_mistake(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("mnistlib.study.SECONDS_TO_ANSWER", 0.5)
    with (
        cluster(n_workers=0, processes=False) as client,
        pytest.raises(UserError, match=r"no workers; start them with: dask worker"),
    ):
        study(RECIPES, SEEDS, tiny, tmp_path, scheduler=client.scheduler.address)
