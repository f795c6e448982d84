"""Map a pure function over a list, in order, with a progress bar."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")


def progress(items: Iterable[Item], total: int, title: str) -> Iterable[Item]:
    """A progress bar on a terminal; silent in a log file."""
    return tqdm(items, total=total, desc=title, disable=not sys.stderr.isatty())


def map_processes(
    function: Callable[[Item], Result], items: Sequence[Item], title: str
) -> list[Result]:
    """Apply a picklable `function` to each item, in processes; results in the items' order."""
    workers = len(os.sched_getaffinity(0))
    if workers == 1 or len(items) < 32:
        return [function(item) for item in progress(items, len(items), title)]
    # spawn: a forked child may inherit a lock held by one of OpenCV's or Arrow's threads
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        chunk = max(1, min(32, len(items) // (4 * workers)))
        return _collect(pool, function, items, title, chunk)


def map_threads(
    function: Callable[[Item], Result], items: Sequence[Item], title: str, workers: int
) -> list[Result]:
    """The same in threads, for work that waits on the network."""
    with ThreadPoolExecutor(workers) as pool:
        return _collect(pool, function, items, title, 1)


def _collect(
    pool: Executor,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    title: str,
    chunk: int,
) -> list[Result]:
    try:
        results = pool.map(function, items, chunksize=chunk)
        return list(progress(results, len(items), title))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
