"""The study on a real Dask cluster: two worker processes of this machine."""

import os
import signal
import threading
import time
from contextlib import contextmanager
from multiprocessing import forkserver

import dask
import pytest
from distributed import Client, LocalCluster

from mnistlib.base import UserError
from mnistlib.config import recipe
from mnistlib.runs import load_all
from mnistlib.study import study
from mnistlib.train import fit
from tests.same import untimed

RECIPES = [recipe("mlp", epochs=10), recipe("mlp", epochs=20)]
SEEDS = [0, 1]
STARTS_BY = "distributed.worker.multiprocessing-method"


@contextmanager
def cluster(**options):
    """A client of a cluster of this machine; by TCP: within a process Dask needs a network."""
    usual = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "protocol": "tcp"}
    options = usual | options
    with LocalCluster(**options) as started, Client(started, set_as_default=False) as client:
        yield client


@pytest.fixture(scope="module")
def client():
    """One whose workers are forks of a process that has imported all, which takes each seconds."""
    forkserver.set_forkserver_preload(["mnistlib.train", "torch._dynamo", "distributed"])
    forkserver.ensure_running()
    with dask.config.set({STARTS_BY: "forkserver"}), cluster() as client:
        yield client


@pytest.fixture(scope="module")
def wanted(tiny):
    """The runs as this process makes them."""
    return [untimed(fit(given, tiny, seed)) for seed in SEEDS for given in RECIPES]


@contextmanager
def one_worker_killed(client):
    """Kill one worker's process at the first moment at which both have runs to make."""
    client.wait_for_workers(2, timeout=60)
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


@pytest.mark.parametrize("gives_up", [False, True])
def test_a_worker_killed_at_work_changes_no_record(
    gives_up, client, tiny, tmp_path, wanted, monkeypatch, capsys
):
    if gives_up:  # Dask gives up the runs of a lost worker, and study() makes them again
        monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    with one_worker_killed(client):
        address = client.scheduler.address
        made = study(RECIPES, SEEDS, tiny, tmp_path, scheduler=address, progress=False)
    assert ("workers were lost (KilledWorker" in capsys.readouterr().err) == gives_up
    assert list(map(untimed, made)) == wanted
    assert sorted(run.key for run in load_all(tmp_path)) == sorted(run.key for run in wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_workers": 1, "threads_per_worker": 2}, "several threads; .* --nthreads 1"),
        ({"n_workers": 0}, "no workers; start them with: dask worker"),
    ],
)
def test_a_cluster_without_workers_of_one_thread_is_a_users_mistake(
    options, message, tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr("mnistlib.study.SECONDS_TO_ANSWER", 0.5)
    with cluster(processes=False, **options) as client, pytest.raises(UserError, match=message):
        study(RECIPES, SEEDS, tiny, tmp_path, scheduler=client.scheduler.address)
