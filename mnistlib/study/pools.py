"""Where a study's runs are made: processes of this machine, or the workers of a Dask cluster."""

import asyncio
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import joblib

from mnistlib.base import UserError, pick
from mnistlib.dataset import DigitData

if TYPE_CHECKING:
    from distributed import Client

BACKENDS = ("loky", "dask")
SECONDS_TO_ANSWER = 15
ADDRESS = r"inproc://\S+|((tcp|tls|ucx|wss?)://)?([\w.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"


@dataclass(frozen=True)
class Pool:
    """Workers that joblib can use.

    Attributes:
        workers: how many runs are made at a time.
        backend: gives joblib's backend for these digits; a new one after workers were lost.
        parent: process that the workers must not outlive; None where they are not this machine's.
    """

    workers: int
    backend: Callable[[DigitData], object]
    parent: int | None = None


def open_pool(
    backend: str | None, jobs: int | None, scheduler: str | None
) -> AbstractContextManager[Pool]:
    """The pool that the options of a study describe.

    Raises:
        UserError: they contradict each other, or the cluster does not answer.
    """
    backend = check_options(backend, jobs, scheduler)
    jobs = jobs or joblib.cpu_count()
    if scheduler:
        return _cluster(scheduler)
    return _local_cluster(jobs) if backend == "dask" else nullcontext(_processes(jobs))


def check_options(
    backend: str | None = None, jobs: int | None = None, scheduler: str | None = None
) -> str:
    """The backend that the options of a study mean; starts nothing and asks nobody.

    Raises:
        UserError: they contradict each other, or are not of the form that is expected.
    """
    backend = pick("backend", backend or ("dask" if scheduler else "loky"), BACKENDS)
    if jobs is not None and jobs < 1:
        raise UserError(f"jobs={jobs}; give a number from 1")
    if scheduler and backend != "dask":
        raise UserError("a scheduler is for the backend 'dask'; leave one of the two out")
    if scheduler and jobs:
        raise UserError("jobs is for this machine; a cluster makes one run a worker, so start more")
    if scheduler and not re.fullmatch(ADDRESS, scheduler):
        raise UserError(f"{scheduler}: no address of a scheduler; give one like tcp://host:8786")
    return backend


def _processes(jobs: int) -> Pool:
    # joblib puts the digits into a file once, which all workers map into memory
    return Pool(jobs, lambda data: "loky", os.getpid())


@contextmanager
def _local_cluster(jobs: int) -> Iterator[Pool]:
    from distributed import LocalCluster

    with _children_leave_ctrl_c():
        cluster = LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
    with cluster, _cluster(cluster.scheduler_address) as pool:
        yield pool


@contextmanager
def _children_leave_ctrl_c() -> Iterator[None]:
    """Processes started in here ignore Ctrl-C, which a terminal sends to all; the driver acts."""
    if threading.current_thread() is not threading.main_thread():  # Python sets signals there only
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _cluster(scheduler: str) -> Iterator[Pool]:
    client = _connect(scheduler)
    with client:
        threads = _threads(client, scheduler)
        # The digits are sent to each worker once, so that the cluster needs no shared disk.
        yield Pool(len(threads), lambda data: _dask_backend(client, data))


def _connect(scheduler: str) -> "Client":
    from distributed import Client

    try:
        return Client(scheduler, timeout=SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{scheduler}: no scheduler answers ({error}); start one with: dask scheduler"
        ) from None


def _threads(client: "Client", scheduler: str) -> dict[str, int]:
    """The number of threads of each worker, which must be 1: torch has one random state."""
    start = f"dask worker {scheduler} --nworkers auto --nthreads 1"
    try:
        client.wait_for_workers(1, timeout=SECONDS_TO_ANSWER)
    except asyncio.TimeoutError:  # not yet Python's own in 3.10
        raise UserError(f"{scheduler}: no workers; start them with: {start}") from None
    threads = client.nthreads()
    several = [address for address, n in threads.items() if n != 1]
    if several:
        found = f"{several[0]} makes {threads[several[0]]} runs in one process"
        raise UserError(f"{found}; start the workers with: {start}")
    return threads


def _dask_backend(client: "Client", data: DigitData) -> object:
    from joblib._dask import DaskDistributedBackend

    class Dask(DaskDistributedBackend):
        """joblib's, where a run that Dask gives up is an error (joblib 1.6 waits for it for ever)
        and the only worker of a cluster is not passed over for the driver."""

        def effective_n_jobs(self, n_jobs):
            return max(2, super().effective_n_jobs(n_jobs))

        def submit(self, func, callback=None):
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: done.exception() and callback(done.exception()))
            return future

        def retrieve_result_callback(self, out):
            if isinstance(out, BaseException):
                raise out
            return super().retrieve_result_callback(out)

    return Dask(client=client, scatter=[data])
