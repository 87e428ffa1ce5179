"""Lines of progress for work of minutes."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(label: str, say: Callable[[str], None]) -> Iterator[None]:
    """Say when a page begins and ends; on a terminal, keep a clock running in between."""
    start = time.monotonic()
    stop = threading.Event()
    clock = threading.Thread(target=_tick, args=(label, start, stop), daemon=True)
    if sys.stderr.isatty():
        clock.start()
    else:
        say(f"{label} …")
    try:
        yield
    finally:
        stop.set()
        if clock.is_alive():
            clock.join()
    say(f"{label} done in {_clock(time.monotonic() - start)}")


def _tick(label: str, start: float, stop: threading.Event) -> None:
    while not stop.wait(1):
        sys.stderr.write(f"\r{label} … {_clock(time.monotonic() - start)} ")
        sys.stderr.flush()
    sys.stderr.write("\r\033[K")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
