"""Map a pure function over a list, in order, with a progress bar.

In processes or threads of this machine, or where `elsewhere` says: on a cluster. And residents,
which remember what they were asked before.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from src.storage.environment import environment

WORTH_S = 3.0  # of waiting left from which processes are started, which takes as long
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
TELLING_S = 1.0  # of work done before that is told
TICK_S = 0.5  # a Ctrl-C that comes just before a wait is noticed only when the wait ends
WINDOW = 4  # results, or chunks of them, a worker that are made before the first is asked for

Item = TypeVar("Item")
Result = TypeVar("Result")


# An object that lives on in a worker process and is called like a function; what it is given, and
# what it returns, can be pickled.
Actor = Callable[..., Any]


class Cluster(Protocol):
    """Work on other machines."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], bar: tqdm
    ) -> Iterator[Result]:
        """A picklable function of each item; results in the items' order."""

    def residents(self, make: Callable[[], Actor], threads: int) -> list[Actor]:
        """One for each processor, made there; so many threads may call it at a time."""


_clusters: list[Cluster] = []  # the last one is used; none: this machine


def progress(items: Iterable[Item] | None, total: int, title: str) -> tqdm:
    """A progress bar on a terminal; silent in a log file, or where there is no title."""
    return tqdm(items, total=total, desc=title, disable=not (title and sys.stderr.isatty()))


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


@contextmanager
def use_cluster(cluster: Cluster) -> Iterator[None]:
    """Let `cluster` do the work of every map in the block but of `map_threads`, and have residents."""
    _clusters.append(cluster)
    try:
        yield
    finally:
        _clusters.pop()


def actors(make: Callable[[], Actor], threads: int) -> list[Actor]:
    """One object here, or on a cluster one for each processor, which `make` makes there.

    So many threads may call it at a time. It ends with the block of `elsewhere`; one whose machine
    is lost is made anew, and asked again.
    """
    return _clusters[-1].residents(make, threads) if _clusters else [make()]


def map_processes(
    function: Callable[[Item], Result], items: Sequence[Item], title: str
) -> list[Result]:
    """Apply a picklable `function` that threads may share to each item; results in their order."""
    return list(stream_processes(function, items, title))


def stream_processes(
    function: Callable[[Item], Result], items: Sequence[Item], title: str
) -> Iterator[Result]:
    """The same, each result as it is asked for: together they may be larger than memory."""
    with progress(None, len(items), title) as bar:
        yield from (_clusters[-1].map if _clusters else _here)(function, items, bar)


def map_compiled(
    function: Callable[[Item], Result], items: Sequence[Item], title: str
) -> list[Result]:
    """The same for compiled code over large arrays, which a `function` of partial() holds.

    Here in threads, which share them; a cluster's machines get them once.
    """
    if _clusters:
        return map_processes(function, items, title)
    with threadpool_limits(1, "blas"):
        return map_threads(function, items, title, cores())


def _here(function: Callable[[Item], Result], items: Sequence[Item], bar: tqdm) -> Iterator[Result]:
    """Work begins in threads, and what is left goes to processes where threads would wait for one
    another longer than these take to start: Python's own code runs in one thread at a time."""
    workers, done, spent, waited = cores(), 0, 0.0, 0.0

    def begun() -> Iterator[Item]:
        for item in items:
            # what is known after little work tells little
            left = (len(items) - done) / (done - workers) if spent > TELLING_S else 0
            if workers > 1 and waited * left / workers > WORTH_S:
                return
            yield item

    with threadpool_limits(1, "blas"), _Daemons(workers) as pool:
        timed = _ahead(pool, partial(_timed, function), begun(), WINDOW * workers)
        for result, own_spent, own_waited in timed:
            if done >= workers:  # the first ones also load what compiled code needs
                spent, waited = spent + own_spent, waited + own_waited
            done += 1
            bar.update()
            yield result
    rest = items[done:]
    if not rest:
        return
    chunk = max(1, min(32, len(rest) // (4 * workers)))
    chunks = [rest[at : at + chunk] for at in range(0, len(rest), chunk)]
    # spawn: a forked child may inherit a lock held by one of OpenCV's or Arrow's threads
    context = get_context("spawn")
    # and with a core each: libraries' threads would fight
    alone = environment(**dict.fromkeys(THREADS, "1"))
    with alone, ProcessPoolExecutor(workers, mp_context=context) as pool:
        for results in _ahead(pool, partial(_each, function), chunks, WINDOW * workers):
            for result in results:
                bar.update()
                yield result


def _ahead(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], most: int
) -> Iterator[Result]:
    """Results in the items' order; no more than `most` wait in memory until they are asked for."""
    running: deque[Future[Result]] = deque()
    try:
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) == most:
                yield _result(running.popleft())
        while running:
            yield _result(running.popleft())
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _result(future: Future[Result]) -> Result:
    while not wait([future], TICK_S).done:
        pass
    return future.result()


def _as_completed(futures: list[Future[Result]]) -> Iterator[Future[Result]]:
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    left = len(futures)
    while left:
        with suppress(Empty):
            yield done.get(timeout=TICK_S)
            left -= 1


class _Daemons(Executor):
    """Threads that nobody waits for: a library's pool would hold up Ctrl-C until they are done."""

    def __init__(self, workers: int):
        self._todo: SimpleQueue[tuple[Future, Callable, Any] | None] = SimpleQueue()
        self._workers = workers
        for _ in range(workers):
            threading.Thread(target=self._work, daemon=True).start()

    def submit(self, function: Callable[[Item], Result], item: Item) -> Future[Result]:
        future: Future[Result] = Future()
        self._todo.put((future, function, item))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with suppress(Empty):
            while cancel_futures:
                self._todo.get_nowait()
        for _ in range(self._workers):
            self._todo.put(None)

    def _work(self) -> None:
        for future, function, item in iter(self._todo.get, None):
            try:
                future.set_result(function(item))
            except BaseException as error:
                future.set_exception(error)


def _timed(function: Callable[[Item], Result], item: Item) -> tuple[Result, float, float]:
    """The result, the seconds it took, and how many of these its thread was not running."""
    began, running = time.monotonic(), time.thread_time()
    result = function(item)
    spent = time.monotonic() - began
    return result, spent, spent - (time.thread_time() - running)


def _each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def map_threads(
    function: Callable[[Item], Result], items: Sequence[Item], title: str, workers: int
) -> list[Result]:
    """The same in threads, for work that waits on the network or is compiled code.

    An error, or Ctrl-C, is raised at once: who is still waiting for the network is not waited for.
    """
    with _Daemons(min(workers, len(items))) as pool:
        try:
            running = [pool.submit(function, item) for item in items]
            for future in progress(_as_completed(running), len(items), title):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in running]
