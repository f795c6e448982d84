"""The same maps on a Ray cluster: batches of items as tasks, results in the items' order; and
residents, which are actors.

Every node sees the project's folder under the same path (a shared file system) and has the same
environment. Tasks are pure: one whose node is lost is done again. Results may be kept in .resume/map
until a map is done, so that a run that was killed goes on where it was.
"""

import hashlib
import os
import pickle
import shutil
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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

from src.errors import UserError
from src.parallel.local import THREADS, TICK_S, Actor, use_cluster
from src.params import Engine
from src.storage.atomic import write_bytes
from src.storage.fingerprint import fingerprint
from src.storage.slices import slices

ROOT = Path(__file__).parents[2]  # the project's folder
KEPT = Path(".resume/map")
LIBRARIES = ("numpy", "opencv-python", "pillow")
TASKS = 64  # of a map at least, where it has so many items
AHEAD = 3  # tasks a processor that are handed out at a time
# An actor waits more than it works, and maps need whole processors; but one that asks for nothing at
# all is put on any node.
LITTLE = 1_000_000  # bytes
TRIES = 10  # of a task whose node is lost


@contextmanager
def cluster(engine: Engine, keep: bool) -> Iterator[None]:
    """Run the block's maps and actors on the Ray cluster of `engine`, or on one started here.

    Raises:
        UserError: No Ray answers at engine.address, or the cluster breaks down.
    """
    own = {"address": "local", "include_dashboard": False}
    where = {"address": engine.address} if engine.address else own
    # the code that runs here, in whichever workspace of an experiment that is
    variables = {"PYTHONPATH": str(ROOT)} | dict.fromkeys(THREADS, "1")
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        ray.init(**where, **quiet, runtime_env={"env_vars": variables})
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"engine.address = {engine.address!r}: no Ray there: {reason}") from None
    actors = _Actors()
    try:
        with use_cluster(_Ray(engine.task_size, keep, actors)):
            yield
    except ray.exceptions.RayError as error:
        raise UserError(f"the cluster gave up: {' '.join(str(error).split())[-300:]}") from None
    finally:
        try:
            actors.end()
        finally:
            ray.shutdown()


@dataclass(frozen=True)
class _Ray:
    """The cluster that is joined."""

    task_size: int
    keep: bool
    actors: "_Actors"

    def map(self, function: Callable[[Any], Any], items: Sequence[Any], bar: tqdm) -> Iterator[Any]:
        size = max(1, min(self.task_size, len(items) // TASKS))
        shards = [items[part] for part in slices(len(items), size)]
        kept = KEPT / _map_fingerprint(function, shards) if self.keep else None
        _forget_all_but(kept)
        shared = ray.put(function)  # large arrays in it reach each node once
        task = ray.remote(_work).options(max_retries=TRIES)
        waiting: deque[tuple[int, ray.ObjectRef | None]] = deque()
        todo = iter(enumerate(shards))
        for _ in shards:
            most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            for number, content in islice(todo, max(0, most - len(waiting))):
                done = kept and _file(kept, number).exists()
                waiting.append((number, None if done else task.remote(Path.cwd(), shared, content)))
            number, handed_out = waiting.popleft()
            results = _read(_file(kept, number)) if handed_out is None else _got(handed_out)
            if results is None:  # what a killed run left cannot be read
                results = _got(task.remote(Path.cwd(), shared, shards[number]))
            if kept:
                write_bytes(_file(kept, number), pickle.dumps(results))
            bar.update(len(results))
            yield from results
        _forget_all_but(None)

    def residents(self, make: Callable[[], Actor], threads: int) -> list[Actor]:
        return [partial(self.actors.ask, _Actor(make, threads, at)) for at in _processors()]


def _processors() -> list[Any]:
    """Where each of them is; at least one, for a cluster that grows may have none yet."""
    found = []
    for node in sorted(ray.nodes(), key=itemgetter("NodeID")):
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
            found += [there] * int(node["Resources"].get("CPU", 0))
    return found or ["DEFAULT"]


class _Actor:
    """A resident on one of the cluster's processors, where it begins when it is first asked."""

    def __init__(self, make: Callable[[], Actor], threads: int, place: Any):
        self._make, self._threads, self._place = make, threads, place
        self._beginning = threading.Lock()
        self._handle: Any = None

    def ask(self, *arguments: Any) -> Any:
        with self._beginning:
            self._handle = self._handle or self._begun()
        return _got(self._handle.ask.remote(Path.cwd(), *arguments))

    def end(self) -> None:
        with self._beginning:
            if self._handle:
                ray.kill(self._handle)

    def _begun(self) -> Any:
        where = {"num_cpus": 0, "memory": LITTLE, "scheduling_strategy": self._place}
        tries = {"max_restarts": -1, "max_task_retries": TRIES}
        kind = ray.remote(_Resident).options(max_concurrency=self._threads, **where, **tries)
        return kind.remote(self._make)


class _Actors:
    """The actors of a block. None may still be waited for when Ray is shut down: it would crash."""

    def __init__(self) -> None:
        self._asked: set[_Actor] = set()
        self._waiting = 0
        self._ended = False
        self._changed = threading.Condition()

    def ask(self, actor: _Actor, *arguments: Any) -> Any:
        with self._changed:
            if self._ended:
                raise RuntimeError("asked after the end")
            self._asked.add(actor)
            self._waiting += 1
        try:
            return actor.ask(*arguments)
        finally:
            with self._changed:
                self._waiting -= 1
                self._changed.notify_all()

    def end(self) -> None:
        """Whoever still waits for an answer gets an error instead."""
        with self._changed:
            self._ended = True
        for actor in self._asked:
            actor.end()
        with self._changed:
            while self._waiting:
                self._changed.wait(TICK_S)


class _Resident:
    """What an actor is on its node."""

    def __init__(self, make: Callable[[], Actor]):
        self._made = make()

    def ask(self, folder: Path, *arguments: Any) -> Any:
        _enter(folder)
        return self._made(*arguments)


def _forget_all_but(kept: Path | None) -> None:
    """What killed runs of other maps left is of no use."""
    for other in KEPT.glob("*"):
        if other != kept:
            shutil.rmtree(other, ignore_errors=True)


def _work(folder: Path, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """A task, on a node."""
    _enter(folder)
    return [function(item) for item in items]


def _enter(folder: Path) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be used on the node {socket.gethostname()}: {error.strerror}; the "
            "project's folder has to be at the same path on every node"
        ) from None


def _got(handed_out: Any) -> Any:
    try:
        return ray.get(handed_out)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # what the function itself raised


def _read(path: Path) -> list[Any] | None:
    with suppress(OSError, EOFError, pickle.UnpicklingError):
        return pickle.loads(path.read_bytes())
    return None


def _file(kept: Path, number: int) -> Path:
    return kept / f"{number:06d}.pickle"


@dataclass(frozen=True)
class _Written:
    """A file whose content is used as it is written, and not kept."""

    write: Callable[[bytes], object]


def _map_fingerprint(function: Callable[[Any], Any], shards: list[Sequence[Any]]) -> str:
    """Name exactly this map: the function with what it holds, the items, code and libraries."""
    pickled = hashlib.sha256()
    pickle.Pickler(_Written(pickled.update)).dump((function, shards))
    versions = sys.version, *map(version, LIBRARIES)
    return fingerprint(sorted((ROOT / "src").rglob("*.py")), versions, pickled.hexdigest())
