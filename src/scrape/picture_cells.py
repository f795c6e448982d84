"""Pictures in the cells of Arrow and Parquet files, as Hugging Face's datasets store them."""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import UserError, one_line
from src.scrape.http.fetch_errors import FetchError
from src.scrape.source_paths import file_below, lfs_remedy
from src.scrape.table_files import DAMAGE, rows_of_batches
from src.storage.file_names import utf8_name

KEPT_BLOCKS = 4  # row groups of Parquet, and Arrow files, that stay open
BATCH_ROWS = 4096
ARROW_MARK = b"ARROW1\0\0"


class CellFile:
    """An Arrow stream or file, whose name ends in .arrow, or a Parquet file.

    Raises UserError if it cannot be read.
    """

    def __init__(self, path: Path):
        self.path = path
        self._is_parquet = path.suffix.lower() == ".parquet"
        try:
            if self._is_parquet:
                with pq.ParquetFile(path) as file:
                    self._schema = file.schema_arrow
                    sizes = [
                        file.metadata.row_group(number).num_rows
                        for number in range(file.num_row_groups)
                    ]
            else:
                table = _read_arrow(path)
                self._schema, sizes = table.schema, [table.num_rows]
        except UnicodeEncodeError:
            raise UserError(f"{utf8_name(str(path))} is no name in UTF-8: rename it") from None
        except DAMAGE as error:
            raise self.refusal(error) from None
        self._sizes = sizes
        self.n_rows = sum(sizes)
        self.names = list(self._schema.names)

    def other_type(self, column: str) -> str:
        """Return a column's type if no picture can be in its cells, else nothing."""
        kind = self._schema.field(column).type
        if pa.types.is_struct(kind) and {"bytes", "path"} & {field.name for field in kind}:
            return ""
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        types = pa.types
        tests = (
            types.is_binary,
            types.is_large_binary,
            types.is_binary_view,
            types.is_fixed_size_binary,
            types.is_null,  # a split may have no labels
        )
        return "" if any(test(kind) for test in tests) else str(kind)

    def refusal(self, error: Exception) -> UserError:
        """Return the message on an error in the file."""
        return UserError(f"{self.path} cannot be read: {one_line(error)}{lfs_remedy(self.path)}")

    def values(self, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        """Yield the rows' values of some columns, classes by their names.

        Raises:
            UserError: A value cannot be read.
        """
        if not columns:
            yield from ([] for _ in range(self.n_rows))
            return
        classes = list(map(self._class_names, columns))
        try:
            for values in rows_of_batches(self._batches(list(dict.fromkeys(columns))), columns):
                yield list(map(_named, values, classes))
        except DAMAGE as error:
            raise self.refusal(error) from None

    def file_names(self, column: str) -> Iterator[str]:
        """Yield the names of files that a column's cells have, beside or instead of their bytes."""
        kind = self._schema.field(column).type
        if not pa.types.is_struct(kind) or kind.get_field_index("path") < 0:
            return
        # of Parquet the bytes beside the name are not read
        leaf = f"{column}.path" if self._is_parquet else column
        try:
            for batch in self._batches([leaf]):
                names = batch.column(column).field("path").to_pylist()
                yield from (name for name in names if isinstance(name, str))
        except DAMAGE as error:
            raise self.refusal(error) from None

    def block(self, row: int) -> tuple[int, int]:
        """Return the number of the block that a row is in, and its place there."""
        for number, size in enumerate(self._sizes):
            if row < size:
                return number, row
            row -= size
        raise IndexError(row)

    def read_block(self, number: int, column: str) -> pa.ChunkedArray:
        """Return a column of a block."""
        if self._is_parquet:
            with pq.ParquetFile(self.path) as file:
                return file.read_row_group(number, columns=[column]).column(column)
        return _read_arrow(self.path).column(column)

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        if self._is_parquet:
            with pq.ParquetFile(self.path) as file:
                yield from file.iter_batches(BATCH_ROWS, columns=columns)
        else:
            yield from _read_arrow(self.path).select(columns).to_batches(BATCH_ROWS)

    def _class_names(self, column: str) -> list[str]:
        """Return the names of a ClassLabel's classes, if the column is one."""
        stated = (self._schema.metadata or {}).get(b"huggingface", b"{}")
        try:
            names = json.loads(stated)["info"]["features"][column]["names"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return []
        return list(map(str, names)) if isinstance(names, list) else []


def _read_arrow(path: Path) -> pa.Table:
    """Return a table that the system maps into memory as it is read."""
    with pa.memory_map(str(path)) as mapped:
        is_file = mapped.read(len(ARROW_MARK)) == ARROW_MARK  # as Feather writes it
        mapped.seek(0)
        return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(mapped).read_all()


def _named(value: Any, names: list[str]) -> Any:
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


class PictureCells:
    """Reads single pictures; threads may share it. The last KEPT_BLOCKS blocks stay in memory.

    Pictures outside the data set's folder or larger than `max_bytes` are not read.
    """

    def __init__(self, root: Path, max_bytes: int):
        self._root, self._max_bytes = root, max_bytes
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[Path, int, str], pa.ChunkedArray] = OrderedDict()

    def read(self, file: CellFile, row: int, column: str) -> bytes:
        """Return the bytes of a picture.

        Raises:
            FetchError: `no_image` or `too_large`.
            OSError: It is a file of its own, which cannot be read.
        """
        number, place = file.block(row)
        try:
            cell = self._block(file, number, column)[place].as_py()
        except DAMAGE as error:
            raise OSError(str(file.refusal(error))) from None
        cell = cell if isinstance(cell, dict) else {"bytes": cell}
        data = cell.get("bytes") or self._beside(file.path.parent, cell.get("path"))
        if not isinstance(data, bytes):
            raise FetchError("no_image", f"row {row} of {file.path} has no picture in {column!r}")
        if len(data) > self._max_bytes:
            message = f"row {row} of {file.path} has {len(data)} bytes (scrape.max_bytes)"
            raise FetchError("too_large", message)
        return data

    def _block(self, file: CellFile, number: int, column: str) -> pa.ChunkedArray:
        key = (file.path, number, column)
        with self._lock:  # threads that want the same block wait for the first
            if key not in self._blocks:
                self._blocks[key] = file.read_block(number, column)
                while len(self._blocks) > KEPT_BLOCKS:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end(key)
            return self._blocks[key]

    def _beside(self, folder: Path, name: object) -> bytes | None:
        """Return a file that a cell names instead of holding its bytes."""
        if not isinstance(name, str) or not name:
            return None
        paths = (file_below(base, self._root, name) for base in (folder, self._root))
        path = next(filter(None, paths), None)
        return path.read_bytes() if path else None
