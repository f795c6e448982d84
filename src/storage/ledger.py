"""The ledger: one row per listed picture, through the pipeline. No row is ever dropped.

Each stage adds columns. A removed picture keeps its row, and the reason why it was removed.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import REBUILD, UserError, one_line
from src.storage.atomic import atomic_folder, atomic_write, remove
from src.storage.slices import slices

BATCH_ROWS = 10_000  # of a Parquet row group; as Python's objects they take 50 MB
ROWS_PER_FILE = 100 * BATCH_ROWS
SCRAPED = pa.schema(
    [
        ("row", pa.int64()),  # 0, 1, …: identifies the picture in every later stage
        ("page", pa.int64()),  # of the list, from 1
        ("position", pa.int64()),  # on that page, from 1
        ("item_id", pa.string()),  # the person or thing, as the site identifies it
        ("name", pa.string()),
        ("page_url", pa.string()),
        ("image_url", pa.string()),
        ("stated_total", pa.int64()),  # the length of the list, by the page's own words
        ("given_side", pa.string()),  # the source's own split, if it has one
        ("layout", pa.string()),  # single | photo_left | photo_right
        ("file", pa.string()),  # below data/raw
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("format", pa.string()),
        ("animated", pa.bool_()),  # the first frame is used
        ("status", pa.string()),  # ok, or why there is no file
    ]
)
OF_ROWS = ("page", "position", "item_id", "status")  # columns that are always set
OF_PICTURES = ("file", "sha256", "layout")  # and those that are set where the status is ok
WORDS = {  # that a column may hold
    "given_side": ("train", "val"),
    "side": ("train", "val"),
    "layout": ("single", "photo_left", "photo_right"),
}
NUMBERS = ("row_a", "row_b")  # that are never missing in a table of copies
# Of label maps that are files of their own. A ledger without any is written without these columns.
LABEL_FILES = pa.schema(
    [
        ("label_url", pa.string()),  # as image_url
        ("label_file", pa.string()),  # below data/raw
        ("label_sha256", pa.string()),
    ]
)
# Of what comes from the web. A column without any value is not written.
ORIGIN = pa.schema(
    [
        ("date", pa.string()),  # on which it was fetched, as 2026-11-22 (UTC)
        ("licence", pa.string()),  # as the source states it
    ]
)
CLEANED = pa.schema(
    [
        ("fingerprint", pa.string()),  # 256 bits as 64 hex digits
        ("tone_residual", pa.float64()),  # Lab units
        ("colorfulness", pa.float64()),
        ("sharpness", pa.float64()),  # 0…1
        ("highlights", pa.int64()),  # level that 99 % of the pixels do not exceed, 0…255
        ("shadows", pa.int64()),  # level that 5 % of the pixels do not exceed, 0…255
        ("entropy", pa.float64()),  # of the levels, bits
        ("aspect_ratio", pa.float64()),  # the photograph's shorter side over the longer one, 0…1
        ("duplicate_of", pa.int64()),  # the survivor's row
        ("similarity", pa.float64()),  # to the survivor, -1…1
        ("hash_distance", pa.int64()),  # to the survivor, bits of 256
        ("transform", pa.string()),  # how it differs from the survivor: exact, mirrored, cropped, …
        ("certainty", pa.float64()),  # that it is a copy, 0…1; null if a person ruled it
        ("excluded", pa.string()),  # rows that a person ruled to be no copies of it, as "7 40"
        ("forced", pa.string()),  # rows that a person ruled to be copies of it, as "7 40"
        ("cluster", pa.int64()),  # the row of the cluster's survivor
        ("verdict", pa.string()),
    ]
)
COPIES = pa.schema(  # the proven pairs of copies, whatever their verdicts
    [
        ("row_a", pa.int64()),
        ("row_b", pa.int64()),  # a later row
        ("hash_distance", pa.int64()),  # bits of 256
        ("similarity", pa.float64()),  # -1…1
        ("transform", pa.string()),  # how b differs from a: exact, mirrored, cropped, …, or forced
        ("certainty", pa.float64()),  # 0…1: the smallest margin above the limits; null if forced
    ]
)
NO_COLUMNS = pa.schema([])
OPTIONAL = pa.schema([*LABEL_FILES, *ORIGIN])
SPLIT = pa.schema([("group", pa.int64()), ("side", pa.string())])

_STAGES = {"raw": [SCRAPED], "clean": [SCRAPED, CLEANED], "split": [SCRAPED, CLEANED, SPLIT]}
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def schema(stage: str) -> pa.Schema:
    """Return the columns of every ledger after `stage` (raw, clean or split)."""
    return pa.schema([field for part in _STAGES[stage] for field in part])


def write_ledger(table: pd.DataFrame, path: Path, stage: str) -> None:
    """Write the ledger after raw, clean or split as Parquet; equal tables give equal bytes.

    Columns beside the stage's and OPTIONAL are not written.

    Raises:
        ValueError: If columns are missing, or rows are not numbered 0, 1, ….
    """
    if list(table["row"]) != list(range(len(table))):
        raise ValueError("ledger rows must be numbered 0, 1, … without gaps")
    write_table(table, path, ledger_columns(stage, partial(_has_values, table)))


def ledger_columns(stage: str, has_values: Callable[[list[str]], bool]) -> pa.Schema:
    """Return the stage's columns, and those of OPTIONAL of which `has_values` is true."""
    parts = LABEL_FILES, *(pa.schema([column]) for column in ORIGIN)
    filled = [part for part in parts if has_values(part.names)]
    return pa.schema([*schema(stage), *(column for part in filled for column in part)])


def _has_values(table: pd.DataFrame, names: list[str]) -> bool:
    return set(names) <= set(table) and bool(table[names].notna().any(axis=None))


def write_table(table: pd.DataFrame, path: Path, columns: pa.Schema) -> None:
    """Write a table as Parquet: a file, or beyond ROWS_PER_FILE rows a folder of files.

    Columns beside `columns` are not written. What was at the path is replaced.

    Raises:
        ValueError: If columns are missing.
    """
    if missing := [name for name in columns.names if name not in table.columns]:
        raise ValueError(f"{path}: the table lacks the columns {', '.join(missing)}")
    arrow = pa.Table.from_pandas(table[columns.names], schema=columns, preserve_index=False)
    batches = (arrow[rows] for rows in slices(len(arrow), BATCH_ROWS))
    write_batches(batches, len(arrow), path, columns)


def write_batches(batches: Iterator[pa.Table], n_rows: int, path: Path, columns: pa.Schema) -> None:
    """Write the tables of BATCH_ROWS that one of `n_rows` is cut into, as `write_table` does."""
    if not n_rows:
        batches = iter([columns.empty_table()])
    if n_rows > ROWS_PER_FILE:
        with atomic_folder(path) as folder:
            for number in range(len(slices(n_rows, ROWS_PER_FILE))):
                batches_of_file = islice(batches, ROWS_PER_FILE // BATCH_ROWS)
                _write_file(batches_of_file, folder / f"{number:05d}.parquet", columns)
        return
    if path.is_dir():
        remove(path)
    _write_file(batches, path, columns)


def _write_file(batches: Iterator[pa.Table], path: Path, columns: pa.Schema) -> None:
    with atomic_write(path) as temporary, pq.ParquetWriter(temporary, columns) as writer:
        for batch in batches:
            writer.write_table(batch.replace_schema_metadata(None))


def read_ledger(path: Path, stage: str) -> pd.DataFrame:
    """Read the ledger as it is after `stage`, with OPTIONAL: as `read_table`.

    Raises:
        UserError: As `read_table`; or rows are missing, repeated or in another order, or lack what
            every row or picture has.
    """
    table = read_table(path, schema(stage), OPTIONAL)
    numbers = table["row"]
    if numbers.isna().any() or list(numbers) != list(range(len(table))):
        raise UserError(f"{path} has rows that are not numbered 0, 1, … without gaps: {REBUILD}")
    for rows, names in ((table, OF_ROWS), (table[table["status"] == "ok"], OF_PICTURES)):
        if lacking := [name for name in names if rows[name].isna().any()]:
            raise UserError(f"{path} has rows without {' and '.join(lacking)}: {REBUILD}")
    for name, words in WORDS.items():
        values = table[name].dropna() if name in table else table["row"][:0]
        if strange := sorted(set(values) - set(words)):
            expected = ", ".join(words)
            raise UserError(f"{path} has the {name} {strange[0]!r}, expected {expected}: {REBUILD}")
    return table


def read_table(path: Path, columns: pa.Schema, optional: pa.Schema = NO_COLUMNS) -> pd.DataFrame:
    """Return a table that `write_table` has written, with nullable columns.

    An optional column has nulls where the file has none.

    Raises:
        UserError: If the file is missing, broken, or has other columns or types.
    """
    read_columns = pa.schema([*columns, *optional])
    try:
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        arrow = pa.concat_tables([pq.read_table(file) for file in files])
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro` to make it") from None
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read as Parquet: {one_line(error)}; {REBUILD}") from None
    if missing := [name for name in columns.names if name not in arrow.column_names]:
        names = ", ".join(missing)
        raise UserError(f"{path} lacks the columns {names}: {REBUILD}")
    for column in optional:
        if column.name not in arrow.column_names:
            arrow = arrow.append_column(column, pa.nulls(len(arrow), column.type))
    try:
        table = to_nullable(arrow.select(read_columns.names).cast(read_columns))
    except pa.ArrowException as error:  # another program has written it
        raise UserError(
            f"{path} has a column of another type ({one_line(error)}): {REBUILD}"
        ) from None
    if lacking := [name for name in NUMBERS if name in table and table[name].isna().any()]:
        raise UserError(f"{path} has rows without {' and '.join(lacking)}: {REBUILD}")
    return table


def to_nullable(arrow: pa.Table) -> pd.DataFrame:
    """Convert to pandas with nullable columns: integers stay integers beside nulls."""
    table: pd.DataFrame = arrow.to_pandas(types_mapper=_NULLABLE.get)
    return table
