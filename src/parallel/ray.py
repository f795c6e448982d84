"""Maps and actors on a Ray cluster.

A map's items become tasks of several items each; its results keep the items' order. Every node
has the same environment and sees the project's folder under the same path. Tasks are pure
functions: Ray repeats a task whose node is lost. A map that may be resumed saves each task's
results in .resume/map until it ends, and after a kill it starts from these.
"""

import atexit
import hashlib
import logging
import os
import pickle
import shutil
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from tqdm import tqdm

from src.errors import UserError, one_line
from src.parallel.local import THREADS, Actor, use_cluster
from src.params import Engine
from src.storage.checksums import checked_read, checked_write
from src.storage.fingerprint import fingerprint
from src.storage.slices import slices

ROOT = Path(__file__).parents[2]  # the project's folder
RESULTS_DIR = Path(".resume/map")
LIBRARIES = ("numpy", "opencv-python", "pillow")  # whose versions may change a result
MIN_TASKS = 64  # of a map, if it has as many items
TASKS_AHEAD = 3  # tasks per processor that are submitted at a time
MAX_RETRIES = 10  # of a task or call whose node is lost
MAX_END_S = 60.0  # for calls of actors to notice that these have ended
# An actor mostly waits, and maps need whole processors, so it reserves none. Ray would put an actor
# that reserves nothing on any node, so it reserves a little memory.
TOKEN_MEMORY_BYTES = 1_000_000

atexit.register(ray.shutdown)  # before Ray's own, which first waits
_nodes: Callable[[], list[dict[str, Any]]] = ray.nodes
_resources: Callable[[], dict[str, float]] = ray.cluster_resources


@contextmanager
def cluster(engine: Engine, resume: bool) -> Iterator[None]:
    """Run the block's maps and actors on the Ray cluster of `engine`, or on one started here.

    They may resume: start from the results that a killed map saved. The connection stays until this
    program ends, and a later block uses it whatever its address. Ray may crash a program that goes
    on after it has disconnected while one of the cluster's calls was under way.

    Raises:
        UserError: No Ray answers at engine.address, or the cluster breaks down.
    """
    # the code of this workspace, which may be that of an experiment
    variables = {"PYTHONPATH": str(ROOT)} | dict.fromkeys(THREADS, "1")
    try:
        ray.init(
            address=engine.address or "local",
            include_dashboard=None if engine.address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": variables},
            ignore_reinit_error=True,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        message = f"engine.address = {engine.address!r}: no Ray there: {one_line(error)}"
        raise UserError(message) from None
    registry = _ActorRegistry()
    try:
        with use_cluster(_RayCluster(engine.task_size, resume, registry)):
            yield
    except ray.exceptions.RayError as error:
        raise UserError(f"the cluster broke down: {one_line(error)[-300:]}") from None
    finally:
        registry.end()


@dataclass(frozen=True)
class _RayCluster:
    """The cluster that this process is connected to."""

    task_size: int
    resume: bool
    registry: "_ActorRegistry"

    def map(
        self, function: Callable[[Any], Any], items: Sequence[Any], bar: "tqdm[Any]"
    ) -> Iterator[Any]:
        """Yield each item's result, in the items' order."""
        size = max(1, min(self.task_size, len(items) // MIN_TASKS))
        shards = [items[part] for part in slices(len(items), size)]
        saved = _SavedResults(map_fingerprint(function, shards)) if self.resume else None
        _delete_results(keep=saved)
        task = ray.remote(_run_task).options(max_retries=MAX_RETRIES)
        # ray.put: large arrays in the function reach each node once
        submit = partial(task.remote, Path.cwd(), ray.put(function))
        unsubmitted = iter(enumerate(shards))
        # After an error those that are submitted run on, three per processor at most, until the program
        # ends: Ray aborts a program that cancels a task while it completes.
        pending: deque[Any] = deque()  # futures of the next shards, None for those that are saved
        for number, shard in enumerate(shards):
            limit = TASKS_AHEAD * max(1, int(_resources().get("CPU", 1)))
            for next_number, next_shard in islice(unsubmitted, max(0, limit - len(pending))):
                is_saved = saved and saved.file(next_number).exists()
                pending.append(None if is_saved else submit(next_shard))
            future = pending[0]
            results = saved.load(number) if saved and future is None else _result(future)
            if results is None:  # the saved file is damaged
                results = _result(submit(shard))
            pending.popleft()
            if saved:
                saved.save(number, results)
            bar.update(len(results))
            yield from results
        _delete_results(keep=None)

    def actors(self, make: Callable[[], Actor], threads: int) -> list[Actor]:
        """Return an actor for each processor; it starts at its first call."""
        handles = [_ActorHandle(make, threads, strategy) for strategy in _processor_strategies()]
        return [partial(self.registry.call, handle) for handle in handles]


def _processor_strategies() -> list[Any]:
    """Return a scheduling strategy for each processor.

    A cluster that grows on demand may have no processor yet: there is at least one strategy.
    """
    strategies: list[Any] = []
    for node in sorted(_nodes(), key=itemgetter("NodeID")):
        if node["Alive"]:
            strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
            strategies += [strategy] * int(node["Resources"].get("CPU", 0))
    return strategies or ["DEFAULT"]


class _ActorHandle:
    """An actor on one of the cluster's processors; it starts at its first call."""

    def __init__(self, make: Callable[[], Actor], threads: int, strategy: Any):
        self._make, self._threads, self._strategy = make, threads, strategy
        self._lock = threading.Lock()
        self._actor: Any = None

    def call(self, *arguments: Any) -> Any:
        with self._lock:
            self._actor = self._actor or self._start()
        return _result(self._actor.call.remote(Path.cwd(), *arguments))

    def end(self) -> None:
        with self._lock:
            if self._actor:
                ray.kill(self._actor)

    def _start(self) -> Any:
        remote_class = ray.remote(_RemoteActor).options(
            num_cpus=0,
            memory=TOKEN_MEMORY_BYTES,
            scheduling_strategy=self._strategy,
            max_concurrency=self._threads,
            max_restarts=-1,
            max_task_retries=MAX_RETRIES,
        )
        return remote_class.remote(self._make)


class _ActorRegistry:
    """All actors of a block. Ray crashes if it shuts down while a call waits, so `end` comes first.

    It gives up after MAX_END_S.
    """

    def __init__(self) -> None:
        self._started: set[_ActorHandle] = set()
        self._n_waiting = 0
        self._ended = False
        self._changed = threading.Condition()

    def call(self, handle: _ActorHandle, *arguments: Any) -> Any:
        with self._changed:
            if self._ended:
                raise RuntimeError("an actor was called after its cluster ended")
            self._started.add(handle)
            self._n_waiting += 1
        try:
            return handle.call(*arguments)
        finally:
            with self._changed:
                self._n_waiting -= 1
                self._changed.notify_all()

    def end(self) -> None:
        """End all actors; calls that still wait raise an error."""
        with self._changed:
            self._ended = True
        for handle in self._started:
            handle.end()
        with self._changed:
            self._changed.wait_for(lambda: not self._n_waiting, MAX_END_S)


class _RemoteActor:
    """The process of an actor on its node."""

    def __init__(self, make: Callable[[], Actor]):
        self._actor = make()

    def call(self, folder: Path, *arguments: Any) -> Any:
        _change_folder(folder)
        return self._actor(*arguments)


def _run_task(folder: Path, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    _change_folder(folder)
    return [function(item) for item in items]


def _change_folder(folder: Path) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be used on the node {socket.gethostname()}: {error.strerror}; the "
            "project's folder has to be at the same path on every node"
        ) from None


def _result(future: Any) -> Any:
    try:
        return ray.get(future)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # what the function itself raised


@dataclass(frozen=True)
class _SavedResults:
    """The results of a map's tasks, as files."""

    fingerprint: str

    @property
    def folder(self) -> Path:
        return RESULTS_DIR / self.fingerprint

    def file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.pickle"

    def load(self, number: int) -> list[Any] | None:
        """Return a task's results, or None if their file is damaged."""
        content = checked_read(self.file(number), "its part of the work is done again")
        if content is None:
            return None
        results: list[Any] = pickle.load(content)
        return results

    def save(self, number: int, results: list[Any]) -> None:
        with checked_write(self.file(number)) as temporary:
            temporary.write_bytes(pickle.dumps(results))


def _delete_results(keep: _SavedResults | None) -> None:
    """Delete the results of all maps but `keep`: no later map can use them."""
    for folder in RESULTS_DIR.glob("*"):
        if not keep or folder != keep.folder:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Sink:
    """A file that passes its content on and stores nothing."""

    write: Callable[[bytes], object]


def map_fingerprint(function: Callable[[Any], Any], shards: list[Sequence[Any]]) -> str:
    """Return the name of exactly this map: its function and arrays, items, code and libraries."""
    digest = hashlib.sha256()
    pickle.Pickler(_Sink(digest.update)).dump((function, shards))
    versions = sys.version, *map(version, LIBRARIES)
    return fingerprint(sorted((ROOT / "src").rglob("*.py")), versions, digest.hexdigest())
