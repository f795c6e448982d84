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

from tqdm import tqdm

from src.errors import UserError
from src.files import write_bytes
from src.parallel import THREADS, Resident, elsewhere
from src.params import Engine

KEPT = Path(".resume/map")
LIBRARIES = ("numpy", "opencv-python", "pillow")
TASKS = 64  # of a map at least, where it has so many items
AHEAD = 3  # tasks a processor that are handed out at a time
# An actor waits more than it works, and maps need whole processors; but one that asks for nothing at
# all is put on any node.
LITTLE = 1_000_000  # bytes
TIMEOUT_S = 10  # for a cluster to answer
TRIES = 10  # of a task whose node is lost
QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}  # Ray would tell its makers about each cluster
# A cluster of this machine alone is not to be reached from outside: Ray takes its address for the
# loopback's only where it believes that there are no clusters on the system.
INSIDE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@contextmanager
def joined(engine: Engine, keep: bool = False) -> Iterator[None]:
    """Let the block's maps run on the cluster of params.yaml; here where the engine is local.

    keep: go on where a killed run was, for maps whose results depend on code and items alone.
    Raises UserError where Ray is not installed or the cluster cannot be reached or breaks down.
    """
    if engine.kind == "local":
        yield
        return
    os.environ |= QUIET
    if not engine.address or engine.address.startswith(("127.0.0.1:", "localhost:")):
        os.environ |= INSIDE
    try:
        import ray
    except ImportError:
        raise UserError(
            "engine.kind = 'ray' needs Ray: pip install -r requirements-scale.txt"
        ) from None
    started = {"address": "local", "include_dashboard": False}
    where = {"address": engine.address} if engine.address else started
    if engine.address:
        _refuse_silence(engine.address)  # Ray itself would try for minutes
    # the code that runs here, in whichever workspace of an experiment that is
    variables = {"PYTHONPATH": str(Path(__file__).parents[1])} | dict.fromkeys(THREADS, "1")
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        ray.init(**where, **quiet, runtime_env={"env_vars": variables})
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"engine.address = {engine.address!r}: no Ray there: {reason}") from None
    actors = _Actors()
    try:
        with elsewhere(_Ray(engine.batch, keep, actors)):
            yield
    except ray.exceptions.RayError as error:
        raise UserError(f"the cluster gave up: {' '.join(str(error).split())[:300]}") from None
    finally:
        actors.end()
        ray.shutdown()


def _refuse_silence(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"engine.address = {address!r}: expected host:port")
    try:
        socket.create_connection((host, int(port)), TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"engine.address = {address!r}: no Ray there: {error}") from None


@dataclass(frozen=True)
class _Ray:
    """The cluster that is joined."""

    batch: int
    keep: bool
    actors: "_Actors"

    def map(self, function: Callable[[Any], Any], items: Sequence[Any], bar: tqdm) -> Iterator[Any]:
        import ray

        batch = max(1, min(self.batch, len(items) // TASKS))
        shards = [items[at : at + batch] for at in range(0, len(items), batch)]
        kept = KEPT / _fingerprint(function, shards) if self.keep else None
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

    def residents(self, make: Callable[[], Resident], threads: int) -> list[Resident]:
        return [self.actors.begin(make, threads, place) for place in _processors()]


def _processors() -> list[Any]:
    """Where each of them is; at least one, for a cluster that grows may have none yet."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    found = []
    for node in sorted(ray.nodes(), key=itemgetter("NodeID")):
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
            found += [there] * int(node["Resources"].get("CPU", 0))
    return found or ["DEFAULT"]


class _Actors:
    """Those of a block. No thread may still wait for one when Ray is shut down: it would crash."""

    def __init__(self) -> None:
        self._begun: list[Any] = []
        self._asking = 0
        self._ended = False
        self._changed = threading.Condition()

    def begin(self, make: Callable[[], Resident], threads: int, place: Any) -> Resident:
        """One more, on a processor."""
        import ray

        where = {"num_cpus": 0, "memory": LITTLE, "scheduling_strategy": place}
        tries = {"max_restarts": TRIES, "max_task_retries": TRIES}
        kind = ray.remote(_Resident).options(max_concurrency=threads, **where, **tries)
        self._begun.append(kind.remote(Path.cwd(), make))
        return partial(self._ask, self._begun[-1])

    def _ask(self, actor: Any, *arguments: Any) -> Any:
        with self._changed:
            if self._ended:
                raise RuntimeError("asked after the end")
            self._asking += 1
        try:
            return _got(actor.ask.remote(*arguments))
        finally:
            with self._changed:
                self._asking -= 1
                self._changed.notify_all()

    def end(self) -> None:
        """Whoever still waits for an answer gets an error instead."""
        import ray

        with self._changed:
            self._ended = True
        for actor in self._begun:
            ray.kill(actor)
        with self._changed:
            self._changed.wait_for(lambda: not self._asking)


class _Resident:
    """An actor, on a node."""

    def __init__(self, folder: Path, make: Callable[[], Resident]):
        os.chdir(folder)
        self._made = make()

    def ask(self, *arguments: Any) -> Any:
        return self._made(*arguments)


def _forget_all_but(kept: Path | None) -> None:
    """What killed runs of other maps left is of no use."""
    for other in KEPT.glob("*"):
        if other != kept:
            shutil.rmtree(other, ignore_errors=True)


def _work(folder: Path, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """A task, on a node."""
    os.chdir(folder)
    return [function(item) for item in items]


def _got(handed_out: Any) -> Any:
    import ray

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


def _fingerprint(function: Callable[[Any], Any], shards: list[Sequence[Any]]) -> str:
    """Of exactly this map: the function with what it holds, the items, the code, the libraries."""
    digest = hashlib.sha256(repr((sys.version, *map(version, LIBRARIES))).encode())
    pickle.Pickler(_Written(digest.update)).dump((function, shards))
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]
