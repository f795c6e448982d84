"""A thread pool that the end of the program does not wait for."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class DaemonThreadPool(Executor):
    """An executor whose running calls do not delay the end of the program.

    `ThreadPoolExecutor` joins its threads at exit: Ctrl-C would wait for each running call.

    Args:
        workers: How many threads.
        processors: The numbers of those that they may use; None for all.
    """

    def __init__(self, workers: int, processors: set[int] | None = None):
        self._workers = workers
        self._processors = processors
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        for _ in range(workers):
            threading.Thread(target=self._run_jobs, daemon=True).start()

    def submit(
        self,
        function: Callable[Parameters, Result],
        /,
        *arguments: Parameters.args,
        **keywords: Parameters.kwargs,
    ) -> Future[Result]:
        """Queue a call of `function` for the next free thread."""
        future: Future[Result] = Future()
        self._jobs.put(partial(_resolve, future, partial(function, *arguments, **keywords)))
        return future

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Let the threads end; after an error without the calls that are still queued."""
        self.shutdown(cancel_futures=error is not None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end after the queued calls, or with `cancel_futures` before them.

        It returns at once, whatever `wait` says.
        """
        if cancel_futures:
            with suppress(Empty):
                while True:
                    self._jobs.get_nowait()
        for _ in range(self._workers):
            self._jobs.put(None)

    def _run_jobs(self) -> None:
        if self._processors is not None:
            with suppress(OSError):  # a container may have lost it by now
                os.sched_setaffinity(0, self._processors)  # of this thread alone
        for job in iter(self._jobs.get, None):
            job()


def _resolve(future: Future[Result], call: Callable[[], Result]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
