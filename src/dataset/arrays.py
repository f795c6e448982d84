"""The aligned arrays of the pairs: written by pair, read by every later stage.

The folder photo holds the photographs and which ledger row each is, and each task has a folder with
its inputs, so that DVC trains again only if what the task reads has changed. Inside, there is one
folder per side: train, val, and probe (training pictures prepared as validation's are). The uint8
arrays are photo (N, H, W, 3), gray (N, H, W), canny (N, H, W) and, if the source has label maps,
labels (N, H, W, 3). An array is a file, photo/train/photo.npy; beyond a shard it continues in
photo.00001.npy, ….
"""

import hashlib
import mmap
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from src.dataset.picture_parts import Face
from src.errors import REBUILD, UserError
from src.storage.atomic import atomic_write
from src.storage.ledger import read_table, write_table
from src.storage.slices import slices

INPUTS = {"colorize": "gray", "sketch": "canny", "labels": "labels"}  # by task
PHOTO = "photo"  # the array of the targets, and its folder, which has the index too
FOLDERS = {PHOTO: PHOTO} | {array: task for task, array in INPUTS.items()}  # by array
INDEX = pa.schema([("row", pa.int64()), ("item_id", pa.string()), ("name", pa.string())])
# Where faces were looked for: those of the picture, the largest first; each has left, top, right
# and bottom, in shares of its width and height.
FACES = pa.schema([("faces", pa.list_(pa.list_(pa.float64())))])
MADVISE_AFTER_BYTES = 4_000_000  # mapped, after which the pages are given back
FAULT_AROUND_BYTES = 65_536  # that Linux maps where one is read (fault_around_bytes)
BLOCK = 256  # pictures read at a time


class Shards:
    """Pictures, (N, …) uint8, in memory-mapped files: read as copies, by index, slice or indices.

    However many are read, they take no more memory than the last of the copies.

    Attributes:
        shape: Of all files together.
        dtype: Of the pictures.
        nbytes: Of all files together.
    """

    def __init__(self, files: list[np.memmap]):
        self._files = files
        self._starts = np.cumsum([0, *map(len, files)])
        self._mapped_bytes = 0
        self.shape: tuple[int, ...] = (int(self._starts[-1]), *files[0].shape[1:])
        self.dtype = files[0].dtype
        self.nbytes = sum(file.nbytes for file in files)

    def __reduce__(self) -> tuple[Any, ...]:
        # another process maps the files itself
        return _map_files, ([Path(str(file.filename)) for file in self._files],)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, indices: int | slice | Iterable[int]) -> np.ndarray:
        if isinstance(indices, slice):
            return self._copy(range(len(self))[indices])
        if isinstance(indices, int | np.integer):
            return np.asarray(self._copy([range(len(self))[indices]])[0])
        return self._copy([range(len(self))[index] for index in indices])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _copy(self, indices: range | list[int]) -> np.ndarray:
        pictures = np.empty((len(indices), *self.shape[1:]), self.dtype)
        for position, index in enumerate(indices):
            number = int(np.searchsorted(self._starts, index, "right")) - 1
            pictures[position] = self._files[number][index - self._starts[number]]
        runs = 1 + int(np.count_nonzero(np.diff(indices) != 1))
        self._mapped_bytes += pictures.nbytes + runs * FAULT_AROUND_BYTES
        if self._mapped_bytes > MADVISE_AFTER_BYTES:
            self._mapped_bytes = 0
            for file in self._files:
                # the pages stay in the system's own cache
                cast(mmap.mmap, file.base).madvise(mmap.MADV_DONTNEED)
        return pictures


Pictures = Shards | np.ndarray


@dataclass(frozen=True)
class Pairs:
    """One side's pairs.

    Attributes:
        photo: (N, H, W, 3) uint8.
        gray: (N, H, W) uint8.
        canny: (N, H, W) uint8, 0 or 255.
        labels: (N, H, W, 3) uint8, or None if the source has none.
        index: The ledger row, item_id and name of each of the N; maybe faces, see FACES.
    """

    photo: Pictures
    gray: Pictures
    canny: Pictures
    labels: Pictures | None
    index: pd.DataFrame

    def __len__(self) -> int:
        return len(self.photo)

    @property
    def faces(self) -> list[list[Face]] | None:
        """The faces of each of the N pictures, the largest first; None if none were looked for."""
        if "faces" not in self.index:
            return None
        return [[Face(*map(float, face)) for face in faces] for faces in self.index["faces"]]

    def inputs(self, task: str) -> Pictures:
        """Return the task's input pictures, (N, H, W) or (N, H, W, 3) uint8.

        Raises:
            UserError: If the source does not have them.
        """
        array: Pictures | None = getattr(self, INPUTS[task])
        if array is None:
            raise UserError(f"task {task!r} needs {INPUTS[task]}, which this source does not have")
        return array


def blocks(pictures: Pictures) -> Iterator[np.ndarray]:
    """Yield all pictures in order, up to BLOCK at a time."""
    for block in slices(len(pictures), BLOCK):
        yield np.ascontiguousarray(pictures[block])


def content_digest(pictures: Pictures) -> str:
    """Return the SHA-256 of the pictures' shape and pixels."""
    digest = hashlib.sha256(str(pictures.shape).encode())
    for block in blocks(pictures):
        digest.update(block.data)
    return digest.hexdigest()


def save(folder: Path, side: str, arrays: dict[str, np.ndarray], index: pd.DataFrame) -> None:
    """Write one side's arrays, (N, …) uint8 by name and a file each, and its index of N rows."""
    for name, array in arrays.items():
        path = _array_file(folder, side, name)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.save(file, array)
    _write_index(folder, side, index)


def stream(
    folder: Path,
    side: str,
    pictures: Iterator[dict[str, np.ndarray]],
    index: pd.DataFrame,
    shard_size: int,
) -> None:
    """Write one side's arrays, picture by picture, and its index with a row for each picture.

    A picture is the uint8 pixels of each array, by its name. A file holds `shard_size` of them.

    Raises:
        ValueError: If there are more or fewer pictures than rows.
    """
    for number, shard in enumerate(slices(len(index), shard_size)):
        _write_shard(folder, side, number, pictures, shard.stop - shard.start)
    if next(pictures, None) is not None:
        raise ValueError(
            f"{side} of {folder}: more pictures than the {len(index)} rows of the index"
        )
    _write_index(folder, side, index)


def _write_index(folder: Path, side: str, index: pd.DataFrame) -> None:
    columns = pa.schema([*INDEX, *FACES]) if "faces" in index else INDEX
    write_table(index, _index_file(folder, side), columns)


def _read_index(folder: Path, side: str) -> pd.DataFrame:
    index = read_table(_index_file(folder, side), INDEX, FACES)
    if index["row"].isna().any():
        raise UserError(f"{_index_file(folder, side)} has pictures without a row: {REBUILD}")
    return index if index["faces"].notna().any() else index.drop(columns="faces")


def _write_shard(
    folder: Path, side: str, number: int, pictures: Iterator[dict[str, np.ndarray]], count: int
) -> None:
    """Write the next `count` pictures of each array to its file of that number."""
    with ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}
        written = 0
        for arrays in islice(pictures, count):
            written += 1
            for name, picture in arrays.items():
                if name not in files:
                    path = stack.enter_context(
                        atomic_write(_array_file(folder, side, name, number))
                    )
                    files[name] = stack.enter_context(path.open("wb"))
                    header = {"descr": "|u1", "fortran_order": False}
                    shape = {"shape": (count, *picture.shape)}
                    np.lib.format.write_array_header_1_0(files[name], header | shape)
                files[name].write(np.ascontiguousarray(picture, np.uint8).data)
        if written < count:
            raise ValueError(
                f"{side} of {folder}: {written} pictures where there should be {count}"
            )


def _array_file(folder: Path, side: str, array: str, number: int = 0) -> Path:
    name = f"{array}.{number:05d}.npy" if number else f"{array}.npy"
    return folder / FOLDERS[array] / side / name


def _index_file(folder: Path, side: str) -> Path:
    return folder / PHOTO / side / "index.parquet"


def load(folder: Path, side: str) -> Pairs:
    """Open one side's pairs, memory-mapped.

    Raises:
        UserError: If a file is missing or broken, or the arrays differ in length.
    """
    has_labels = _array_file(folder, side, "labels").exists()
    pairs = Pairs(
        photo=_open_array(folder, side, PHOTO),
        gray=_open_array(folder, side, "gray"),
        canny=_open_array(folder, side, "canny"),
        labels=_open_array(folder, side, "labels") if has_labels else None,
        index=_read_index(folder, side),
    )
    parts = (pairs.photo, pairs.gray, pairs.canny, pairs.labels, pairs.index)
    lengths = {len(part) for part in parts if part is not None}
    if len(lengths) > 1:
        raise UserError(
            f"{side} of {folder}: arrays and index differ in length: {sorted(lengths)}; {REBUILD}"
        )
    sizes = {part.shape[1:3] for part in parts[:-1] if part is not None}
    if len(sizes) > 1:
        raise UserError(f"{side} of {folder}: arrays differ in size: {sorted(sizes)}; {REBUILD}")
    return pairs


def _open_array(folder: Path, side: str, name: str) -> Shards:
    paths = [_array_file(folder, side, name)]
    while (path := _array_file(folder, side, name, len(paths))).exists():
        paths.append(path)
    return _map_files(paths)


def _map_files(paths: list[Path]) -> Shards:
    files = []
    for path in paths:
        try:
            file = np.load(path, mmap_mode="r")
            if file.ndim not in (3, 4) or file.dtype != np.uint8:
                shape = f"{file.dtype} {list(file.shape)}"
                raise ValueError(f"it holds {shape}, expected uint8 [N, H, W] or [N, H, W, 3]")
            files.append(file)
        except FileNotFoundError:
            raise UserError(f"{path} is missing: run `dvc repro` to make it") from None
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path} cannot be read as an array: {error}; {REBUILD}") from None
    if len({(file.shape[1:], file.dtype) for file in files}) > 1:
        raise UserError(f"{paths[0]} and its other files hold pictures of different shapes")
    return Shards(files)
