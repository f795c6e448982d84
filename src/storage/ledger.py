"""The ledger: one row per listed image, through the whole pipeline. Rows are never dropped.

Each stage adds columns; a removed image keeps its row and the reason it was removed for.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import UserError
from src.storage.atomic import atomic_folder, atomic_write, remove

ROWS = 1_000_000  # of a file
SCRAPED = pa.schema(
    [
        ("row", pa.int64()),  # 0, 1, …: the image's name in every later stage
        ("page", pa.int64()),  # the list page it stood on, from 1
        ("position", pa.int64()),  # on that page, from 1
        ("item_id", pa.string()),  # the person or thing, as the site names it
        ("name", pa.string()),
        ("page_url", pa.string()),
        ("image_url", pa.string()),
        ("stated_total", pa.int64()),  # how many items the page says the list has
        ("given_side", pa.string()),  # the source's own split, where it has one
        ("layout", pa.string()),  # single | photo_left | photo_right
        ("file", pa.string()),  # below data/raw
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("format", pa.string()),
        ("animated", pa.bool_()),  # of which the first frame is taken
        ("status", pa.string()),  # ok, or why there is no file
    ]
)
CLEANED = pa.schema(
    [
        ("fingerprint", pa.string()),  # 256 bits as 64 hex digits
        ("tone_residual", pa.float64()),  # Lab units
        ("colorfulness", pa.float64()),
        ("duplicate_of", pa.int64()),  # the row of the picture kept instead
        ("similarity", pa.float64()),  # to that picture, -1…1
        ("hash_distance", pa.int64()),  # to that picture, bits of 256
        ("transform", pa.string()),  # what made a copy of it: exact, mirrored, cropped, …
        ("cluster", pa.int64()),  # the row of the cluster's survivor
        ("verdict", pa.string()),
    ]
)
SPLIT = pa.schema([("group", pa.int64()), ("side", pa.string())])

_STAGES = {"raw": [SCRAPED], "clean": [SCRAPED, CLEANED], "split": [SCRAPED, CLEANED, SPLIT]}


def schema(stage: str) -> pa.Schema:
    """The ledger's columns after `stage` (raw, clean or split)."""
    return pa.schema([field for part in _STAGES[stage] for field in part])


def write_ledger(table: pd.DataFrame, path: Path, stage: str) -> None:
    """Write the ledger as Parquet; equal tables give equal bytes.

    Raises ValueError where columns are missing or rows are not numbered 0, 1, ….
    """
    if list(table["row"]) != list(range(len(table))):
        raise ValueError("ledger rows must be numbered 0, 1, … without gaps")
    write_table(table, path, schema(stage))


def write_table(table: pd.DataFrame, path: Path, columns: pa.Schema) -> None:
    """Write any table of the pipeline as Parquet with exactly the given columns.

    One of more than ROWS rows becomes a folder of that name, with so many in each of its files.
    Raises ValueError where columns are missing.
    """
    if missing := [name for name in columns.names if name not in table.columns]:
        raise ValueError(f"{path}: the table lacks the columns {', '.join(missing)}")
    arrow = pa.Table.from_pandas(table[columns.names], schema=columns, preserve_index=False)
    arrow = arrow.replace_schema_metadata(None)
    if len(arrow) > ROWS:
        with atomic_folder(path) as folder:
            for number, at in enumerate(range(0, len(arrow), ROWS)):
                with atomic_write(folder / f"{number:05d}.parquet") as temporary:
                    pq.write_table(arrow.slice(at, ROWS), temporary)
        return
    if path.is_dir():
        remove(path)
    with atomic_write(path) as temporary:
        pq.write_table(arrow, temporary)


def read_ledger(path: Path, stage: str) -> pd.DataFrame:
    """Read a ledger as nullable columns; UserError where it is missing or lacks columns."""
    return read_table(path, schema(stage))


def read_table(path: Path, columns: pa.Schema) -> pd.DataFrame:
    """Read a table written by `write_table`; UserError names the file and what it lacks."""
    try:
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        arrow = pa.concat_tables([pq.read_table(file) for file in files])
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro` to make it") from None
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read as Parquet: {reason}") from None
    missing = [name for name in columns.names if name not in arrow.column_names]
    if missing:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}")
    nullable = {
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    return arrow.select(columns.names).to_pandas(types_mapper=nullable.get)
