"""Map a pure function over a list, in order and with a progress bar.

The work runs in threads or processes of this machine, or on the cluster that `use_cluster` names.
Actors are objects that remember their earlier calls.
"""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice, takewhile
from multiprocessing import active_children, get_context, resource_tracker
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from src.errors import FEWER_WORKERS, UserError
from src.parallel.daemon_threads import DaemonThreadPool
from src.progress import progress_bar
from src.storage.environment import environment
from src.storage.slices import slices

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
SPAWN_COST_S = 3.0  # until new processes have imported this project's libraries
MIN_SAMPLE_S = 1.0  # of finished work, before its waiting times say anything
TICK_S = 0.5  # a wait that never ends would not notice a Ctrl-C that came just before it
WINDOW = 4  # results per worker, or chunks of them, that are computed before they are needed
MAX_CHUNK = 32  # items that a process gets at a time

Item = TypeVar("Item")
Result = TypeVar("Result")

# An object that lives on in a worker process and is called like a function. Its arguments and
# results can be pickled.
Actor = Callable[..., Any]


class Cluster(Protocol):
    """Workers on other machines."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], bar: "tqdm[Any]"
    ) -> Iterator[Result]:
        """Yield a picklable function's result of each item, in the items' order."""

    def actors(self, make: Callable[[], Actor], threads: int) -> list[Actor]:
        """Return one actor for each processor, which `make` creates there."""


_clusters: list[Cluster] = []  # the last one is used; none: this machine


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _own_processor() -> int:
    """Return the number of a processor that this process may use, by the process's id."""
    numbers = sorted(os.sched_getaffinity(0))
    return numbers[os.getpid() % len(numbers)]


@contextmanager
def use_cluster(cluster: Cluster) -> Iterator[None]:
    """Let `cluster` run the block's maps and hold its actors; `map_threads` stays here."""
    _clusters.append(cluster)
    try:
        yield
    finally:
        _clusters.pop()


def actors(make: Callable[[], Actor], threads: int) -> list[Actor]:
    """Return one actor on this machine, or on a cluster one for each processor.

    An actor ends with the block of `use_cluster`. If its machine is lost, the cluster creates it
    again and repeats the call.

    Args:
        make: Creates the actor, where it lives.
        threads: How many threads may call an actor at a time.
    """
    return _clusters[-1].actors(make, threads) if _clusters else [make()]


def map_processes(
    function: Callable[[Item], Result], items: Sequence[Item], title: str
) -> list[Result]:
    """Return a function's result of each item, in the items' order.

    Args:
        function: Picklable, and safe to call from several threads.
        items: Its arguments.
        title: The progress bar's; "" for none.
    """
    return list(stream_processes(function, items, title))


def stream_processes(
    function: Callable[[Item], Result], items: Sequence[Item], title: str
) -> Iterator[Result]:
    """Yield the results of `map_processes` one by one: all of them may be larger than memory."""
    with progress_bar(None, len(items), title) as bar:
        yield from (_clusters[-1].map if _clusters else _map_local)(function, items, bar)


def map_compiled(
    function: Callable[[Item], Result], items: Sequence[Item], title: str
) -> list[Result]:
    """Return the results of `map_processes` for compiled code over large arrays.

    On this machine, threads share the arrays that the function, a `partial`, holds; a cluster sends
    them to each node once.
    """
    if _clusters:
        return map_processes(function, items, title)
    with threadpool_limits(1, "blas"):
        return map_threads(function, items, title, cores())


def map_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    title: str,
    workers: int,
    one_core: bool = False,
) -> list[Result]:
    """Return a function's result of each item; for compiled code, or work that waits on a network.

    See `stream_completed`.
    """
    completed = stream_completed(function, items, len(items), title, workers, one_core)
    with closing(completed):
        results = dict(completed)
    return [results[number] for number in range(len(items))]


def stream_completed(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    count: int,
    title: str,
    workers: int,
    one_core: bool = False,
) -> Generator[tuple[int, Result], None, None]:
    """Yield each item's number from 0 and a function's result of it, as results come.

    An error, or Ctrl-C, is raised at once: calls that still wait for the network do not delay it.

    Args:
        function: Safe to call from several threads.
        items: Its arguments. They are read as they are needed, by the caller's thread.
        count: How many they are.
        title: The progress bar's; "" for none.
        workers: How many threads.
        one_core: Whether the threads share one processor. Those that run Python's own code gain by
            it: on several they hand its lock from one to another, which doubles their work.
    """
    processors = {_own_processor()} if one_core else None
    with DaemonThreadPool(min(workers, count), processors) as pool:
        yield from progress_bar(
            _as_completed(pool, function, items, WINDOW * workers), count, title
        )


def stream_threads(
    function: Callable[[Item], Result], items: Sequence[Item], title: str
) -> Iterator[Result]:
    """Yield a function's result of each item, in the items' order; for compiled code.

    Each core has a thread, which computes no more than WINDOW results before they are needed.
    """
    with threadpool_limits(1, "blas"), DaemonThreadPool(cores()) as pool:
        results = _in_order(pool, function, items, cores())
        yield from progress_bar(results, len(items), title)


@dataclass
class _ThreadTimes:
    """How long threads worked on the finished items, and how much of that they only waited.

    Python's own code runs in one thread at a time, so its threads wait for each other.
    """

    n_items: int
    workers: int
    finished: int = 0
    spent_s: float = 0.0
    waited_s: float = 0.0

    def add(self, spent_s: float, waited_s: float) -> None:
        """Count a finished item."""
        # each thread's first item also loads what compiled code needs
        if self.finished >= self.workers:
            self.spent_s += spent_s
            self.waited_s += waited_s
        self.finished += 1

    def favour_processes(self) -> bool:
        """Say whether threads would still wait for longer than processes take to start."""
        sampled = self.finished - self.workers if self.spent_s > MIN_SAMPLE_S else 0
        remaining = (self.n_items - self.finished) / sampled if sampled else 0
        return self.workers > 1 and self.waited_s * remaining / self.workers > SPAWN_COST_S


def _map_local(
    function: Callable[[Item], Result], items: Sequence[Item], bar: "tqdm[Any]"
) -> Iterator[Result]:
    """Yield each item's result, from threads first and from processes if these pay off.

    Threads start at once, but Python code runs in one of them at a time. When the time that they
    would still lose to this exceeds the start of processes, processes take the remaining items.
    """
    times = _ThreadTimes(len(items), cores())
    with threadpool_limits(1, "blas"), DaemonThreadPool(times.workers) as pool:
        for_threads = takewhile(lambda _: not times.favour_processes(), items)
        timed_results = _in_order(pool, partial(_timed, function), for_threads, times.workers)
        for result, spent_s, waited_s in timed_results:
            times.add(spent_s, waited_s)
            bar.update()
            yield result
    if times.finished < len(items):
        yield from _map_in_processes(function, items[times.finished :], bar)


def _map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], bar: "tqdm[Any]"
) -> Iterator[Result]:
    workers = cores()
    size = max(1, min(MAX_CHUNK, len(items) // (4 * workers)))
    chunks = [items[part] for part in slices(len(items), size)]
    # spawn: a forked child may inherit a lock held by one of OpenCV's or Arrow's threads
    context = get_context("spawn")
    # each process gets one core: more threads of its libraries would compete
    single_threaded = environment(**dict.fromkeys(THREADS, "1"))
    pool = _Processes(workers, mp_context=context)
    # the pool waits for its own thread, beside whose end Python would print errors
    with single_threaded, pool, _killed_on_error():
        for results in _in_order(pool, partial(_apply, function), chunks, workers):
            for result in results:
                bar.update()
                yield result


class _Processes(ProcessPoolExecutor):
    """Processes to which a Ctrl-C, which a terminal sends to all, does nothing.

    They inherit the mask of signals, and so hold it back from before their first import.
    """

    def submit(self, *call: Any, **named: Any) -> Future[Any]:
        """Start a process if none is idle, and return the call's future."""
        resource_tracker.ensure_running()  # its start would lift the mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*call, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _killed_on_error() -> Iterator[None]:
    """Kill the processes that the block has started if it fails: their work would be waited for.

    Raises:
        UserError: One of them was killed from outside.
    """
    others = set(active_children())
    try:
        yield
    except BaseException as error:
        for process in set(active_children()) - others:
            process.kill()
        if isinstance(error, BrokenProcessPool):
            raise UserError(
                f"a process of this program was killed: was memory short? {FEWER_WORKERS}"
            ) from None
        raise


def _in_order(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield results in the items' order; at most WINDOW per worker wait for the caller."""
    futures: deque[Future[Result]] = deque()
    for item in items:
        futures.append(pool.submit(function, item))
        if len(futures) == WINDOW * workers:
            yield _result(futures.popleft())
    while futures:
        yield _result(futures.popleft())


def _result(future: Future[Result]) -> Result:
    while not wait([future], TICK_S).done:
        pass
    return future.result()


def _as_completed(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], window: int
) -> Iterator[tuple[int, Result]]:
    """Yield the number and the result of each item as it comes; `window` calls are under way."""
    completed: SimpleQueue[tuple[int, Future[Result]]] = SimpleQueue()
    numbered = enumerate(items)

    def submit(number: int, item: Item) -> None:
        future = pool.submit(function, item)
        future.add_done_callback(lambda done: completed.put((number, done)))

    pending = 0
    while True:
        for each in islice(numbered, window - pending):
            submit(*each)
            pending += 1
        if not pending:
            return
        try:
            number, future = completed.get(timeout=TICK_S)
        except Empty:
            continue
        pending -= 1
        yield number, future.result()


def _timed(function: Callable[[Item], Result], item: Item) -> tuple[Result, float, float]:
    """Return the result, the seconds it took, and for how many of these its thread stood still."""
    start, thread_start = time.monotonic(), time.thread_time()
    result = function(item)
    spent_s = time.monotonic() - start
    return result, spent_s, spent_s - (time.thread_time() - thread_start)


def _apply(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]
