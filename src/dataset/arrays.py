"""The aligned arrays of the pairs: written by pair, read by every later stage.

One folder per side (train, val, and probe: training pictures prepared as validation's are),
each with uint8 arrays photo (N, S, S, 3), gray (N, S, S), canny (N, S, S) and, where the source
has them, labels (N, S, S, 3), and index.parquet: which ledger row each is. An array is a file,
photo.npy, and where it has more pictures than a file may hold goes on in photo.00001.npy, ….
"""

import hashlib
import mmap
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from src.errors import UserError
from src.storage.atomic import atomic_write
from src.storage.ledger import read_table, write_table
from src.storage.slices import slices

INPUTS = {"colorize": "gray", "sketch": "canny", "labels": "labels"}  # by task
INDEX = pa.schema([("row", pa.int64()), ("item_id", pa.string()), ("name", pa.string())])
MADVISE_AFTER_BYTES = 4_000_000  # bytes mapped after which their pages are given back
FAULT_AROUND_BYTES = (
    65_536  # bytes that the system maps where one is read (Linux: fault_around_bytes)
)
BLOCK = 256  # pictures read at a time


class Shards:
    """Pictures, (N, …) uint8, in memory-mapped files: read as copies, by place or slice.

    However many are read, the memory they take is that of what was asked for last.
    """

    def __init__(self, files: list[np.memmap]):
        self._files = files
        self._starts = np.cumsum([0, *map(len, files)])
        self._mapped = 0
        self.shape = (int(self._starts[-1]), *files[0].shape[1:])
        self.dtype = files[0].dtype
        self.nbytes = sum(file.nbytes for file in files)

    def __reduce__(self) -> tuple:
        # another process maps the files itself
        return _mapped, ([Path(file.filename) for file in self._files],)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: int | slice | Iterable[int]) -> np.ndarray:
        if isinstance(places, slice):
            return self._copied(range(len(self))[places])
        if isinstance(places, int | np.integer):
            return self._copied([range(len(self))[places]])[0]
        return self._copied([range(len(self))[place] for place in places])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _copied(self, places: range | list[int]) -> np.ndarray:
        made = np.empty((len(places), *self.shape[1:]), self.dtype)
        for to, place in enumerate(places):
            number = int(np.searchsorted(self._starts, place, "right")) - 1
            made[to] = self._files[number][place - self._starts[number]]
        runs = 1 + np.count_nonzero(np.diff(places) != 1)
        self._mapped += made.nbytes + runs * FAULT_AROUND_BYTES
        if self._mapped > MADVISE_AFTER_BYTES:
            self._mapped = 0
            for file in self._files:
                file.base.madvise(mmap.MADV_DONTNEED)  # they stay in the system's own cache
        return made


@dataclass(frozen=True)
class Pairs:
    """One side's pairs; `index` names the ledger row of each position in the arrays."""

    photo: Shards | np.ndarray
    gray: Shards | np.ndarray
    canny: Shards | np.ndarray
    labels: Shards | np.ndarray | None
    index: pd.DataFrame

    def __len__(self) -> int:
        return len(self.photo)

    def inputs(self, task: str) -> Shards | np.ndarray:
        """The task's input pictures, (N, S, S) or (N, S, S, 3) uint8."""
        array = getattr(self, INPUTS[task])
        if array is None:
            raise UserError(f"task {task!r} needs {INPUTS[task]}, which this source does not have")
        return array


def blocks(pictures: Shards | np.ndarray) -> Iterator[np.ndarray]:
    """Yield all pictures in order, up to 256 at a time."""
    for block in slices(len(pictures), BLOCK):
        yield np.ascontiguousarray(pictures[block])


def content_digest(pictures: Shards | np.ndarray) -> str:
    """Return the SHA-256 of the pictures' shape and pixels."""
    digest = hashlib.sha256(str(pictures.shape).encode())
    for block in blocks(pictures):
        digest.update(block)
    return digest.hexdigest()


def save(folder: Path, side: str, arrays: dict[str, np.ndarray], index: pd.DataFrame) -> None:
    """Write one side's arrays and index, each file whole or not at all."""
    for name, array in arrays.items():
        with atomic_write(folder / side / f"{name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, array)
    write_table(index, folder / side / "index.parquet", INDEX)


def stream(
    folder: Path, side: str, made: Iterator[dict[str, np.ndarray]], index: pd.DataFrame, shard: int
) -> None:
    """The same for pictures that come one by one, as many as `index` has rows; `shard` a file."""
    for number, left in enumerate(range(len(index), 0, -shard)):
        _write_shard(folder / side, number, islice(made, min(left, shard)), min(left, shard))
    if next(made, None) is not None:
        raise ValueError(f"{folder / side}: more pictures than the {len(index)} rows of the index")
    write_table(index, folder / side / "index.parquet", INDEX)


def _write_shard(
    folder: Path, number: int, made: Iterator[dict[str, np.ndarray]], count: int
) -> None:
    with ExitStack() as opened:
        files, written = {}, 0
        for pictures in made:
            written += 1
            for name, picture in pictures.items():
                if name not in files:
                    path = opened.enter_context(atomic_write(folder / _file(name, number)))
                    files[name] = opened.enter_context(path.open("wb"))
                    header = {"descr": "|u1", "fortran_order": False}
                    shape = {"shape": (count, *picture.shape)}
                    np.lib.format.write_array_header_1_0(files[name], header | shape)
                files[name].write(np.ascontiguousarray(picture, np.uint8))
        if written < count:
            raise ValueError(f"{folder}: {written} pictures where there should be {count}")


def _file(name: str, number: int) -> str:
    return f"{name}.{number:05d}.npy" if number else f"{name}.npy"


def load(folder: Path, side: str) -> Pairs:
    """Open one side, memory-mapped; UserError where a file is missing or lengths differ."""
    here = folder / side
    labels = _opened(here, "labels") if (here / "labels.npy").exists() else None
    index = read_table(here / "index.parquet", INDEX)
    pairs = Pairs(*(_opened(here, name) for name in ("photo", "gray", "canny")), labels, index)
    lengths = {len(pairs.photo), len(pairs.gray), len(pairs.canny), len(index)}
    lengths |= {len(labels)} if labels is not None else set()
    if len(lengths) > 1:
        raise UserError(f"{here}: arrays and index differ in length: {sorted(lengths)}")
    return pairs


def _opened(folder: Path, name: str) -> Shards:
    paths = [folder / _file(name, 0)]
    while (more := folder / _file(name, len(paths))).exists():
        paths.append(more)
    return _mapped(paths)


def _mapped(paths: list[Path]) -> Shards:
    files = []
    for path in paths:
        try:
            files.append(np.load(path, mmap_mode="r"))
        except FileNotFoundError:
            raise UserError(f"{path} is missing: run `dvc repro` to make it") from None
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path} cannot be read as an array: {error}") from None
    if len({(file.shape[1:], file.dtype) for file in files}) > 1:
        raise UserError(f"{paths[0]} and its other files hold pictures of different shapes")
    return Shards(files)
