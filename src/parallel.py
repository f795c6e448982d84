"""Map a pure function over a list, in order, with a progress bar."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from queue import SimpleQueue
from typing import TypeVar

from tqdm import tqdm

WORTH_S = 6.0  # seconds of work left from which processes are started
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
TELLING_S = 1.0  # of work done before that is told

Item = TypeVar("Item")
Result = TypeVar("Result")


def progress(items: Iterable[Item] | None, total: int, title: str) -> tqdm:
    """A progress bar on a terminal; silent in a log file, or where there is no title."""
    return tqdm(items, total=total, desc=title, disable=not (title and sys.stderr.isatty()))


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def map_processes(
    function: Callable[[Item], Result], items: Sequence[Item], title: str
) -> list[Result]:
    """Apply a picklable `function` to each item; results in the items' order.

    Work begins in this process, and what is left goes to several as soon as that is worth their
    start, which takes seconds.
    """
    workers, began = cores(), time.monotonic()
    results: list[Result] = []
    with progress(None, len(items), title) as bar:
        for item in items:
            if workers > 1 and _left_s(began, len(results), len(items)) > WORTH_S:
                break
            results.append(function(item))
            bar.update()
        rest = items[len(results) :]
        if not rest:
            return results
        # spawn: a forked child may inherit a lock held by one of OpenCV's or Arrow's threads
        context = get_context("spawn")
        with _single_threaded(), ProcessPoolExecutor(workers, mp_context=context) as pool:
            chunk = max(1, min(32, len(rest) // (4 * workers)))
            try:
                for result in pool.map(function, rest, chunksize=chunk):
                    results.append(result)
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return results


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes started here leave a core each to the others: libraries' threads would fight."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _left_s(began: float, done: int, count: int) -> float:
    """Seconds that the rest will take, as far as can be told; the first steps tell too little."""
    elapsed = time.monotonic() - began
    return elapsed * (count / done - 1) if done and elapsed > TELLING_S else 0.0


def map_threads(
    function: Callable[[Item], Result], items: Sequence[Item], title: str, workers: int
) -> list[Result]:
    """The same in threads, for work that waits on the network or is compiled code.

    An error, or Ctrl-C, is raised at once: who is still waiting for the network is not waited for.
    """
    todo = iter(enumerate(items))
    done: SimpleQueue[tuple[int, Result | None, BaseException | None]] = SimpleQueue()
    stopped, taking = threading.Event(), threading.Lock()

    def work() -> None:
        while not stopped.is_set():
            with taking:
                number, item = next(todo, (None, None))
            if number is None:
                return
            try:
                done.put((number, function(item), None))
            except BaseException as error:
                done.put((number, None, error))

    # daemons: a pool's own threads would hold up the end of the program
    for _ in range(min(workers, len(items))):
        threading.Thread(target=work, daemon=True).start()
    results: list[Result | None] = [None] * len(items)
    try:
        for _ in progress(range(len(items)), len(items), title):
            number, result, error = done.get()
            if error is not None:
                raise error
            results[number] = result
    finally:
        stopped.set()
    return results
