"""Work side by side in processes of this machine, which end with the one that began it."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from joblib import Parallel, delayed
from tqdm import tqdm


def side_by_side(work: Callable, items: Sequence, jobs: int) -> Iterator:
    """Yield work(item) of each item as it is done, `jobs` at a time, each in another process; where
    `jobs` is 1, in this one.

    Arrays that `work` holds are put into a file once, which all processes map into memory. Closed
    before its end, this ends what is still running. BrokenProcessPool where a process was lost,
    such as one that was killed for its memory.
    """
    parallel = Parallel(
        n_jobs=min(jobs, max(2, len(items))),  # a single item too gets a process of its own
        backend="loky",
        return_as="generator_unordered",
        pre_dispatch="all",
        batch_size=1,  # a result is handed back as soon as it is there
        initializer=belong_to,
        initargs=(os.getpid(),),
    )
    made = parallel(delayed(work)(item) for item in items)
    try:
        yield from made
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice against stopping it, which is on purpose
            made.close()


@cache  # once a process
def belong_to(parent: int) -> None:
    """Make this process leave Ctrl-C to its parent, and end when that does, even by a kill."""
    tqdm.set_lock(threading.RLock())  # its usual one is a semaphore, which no killed process frees
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
