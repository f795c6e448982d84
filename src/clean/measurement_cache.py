"""What was measured, kept by content: a file that was seen before is not decoded again.

Of the last run alone, so that another source starts anew, and of one version of the code that
measures and its libraries. It is an aid: it may be deleted at any time.
"""

from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pandas as pd
import PIL
import pyarrow as pa

from src.errors import UserError
from src.imaging import decoding, picture_files, resizing
from src.storage import archives
from src.storage.atomic import remove
from src.storage.fingerprint import fingerprint
from src.storage.ledger import read_table, write_table
from src.vision import alignment, bands, colorfulness, grayscale

COLUMNS = pa.schema(
    [
        ("sha256", pa.string()),
        ("layout", pa.string()),
        ("error", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("pixels", pa.string()),
        ("tone_residual", pa.float64()),
        ("colorfulness", pa.float64()),
        ("thumbnail", pa.binary()),
    ]
)
# Every module that a measurement comes from; a test compares them with the imports.
CODE = (
    Path(__file__).with_name("measure.py"),
    alignment,
    archives,
    bands,
    colorfulness,
    decoding,
    grayscale,
    picture_files,
    resizing,
)
LIBRARIES = (np, cv2, PIL)
Kept = TypeVar("Kept")


def read(folder: Path, kind: type[Kept]) -> dict[tuple[str, str], Kept]:
    """What the last run measured, by (SHA-256, layout); nothing where that cannot be read."""
    try:
        table = read_table(_file(folder), COLUMNS)
    except UserError:
        return {}
    table = table.astype(object).where(table.notna(), None)
    found = {}
    for row in table.to_dict("records"):
        if row["thumbnail"] is not None:
            shape = (alignment.THUMBNAIL_PX, alignment.THUMBNAIL_PX)
            row["thumbnail"] = np.frombuffer(row["thumbnail"], np.uint8).reshape(shape)
        key = row.pop("sha256"), row.pop("layout")
        found[key] = kind(**row)
    return found


def write(folder: Path, measured: dict[tuple[str, str], Kept]) -> None:
    """Keep what was measured, and forget what other versions of the code did."""
    rows = [
        {"sha256": sha256, "layout": layout}
        | {f.name: getattr(m, f.name) for f in fields(m) if f.name != "source"}
        | {"thumbnail": None if m.thumbnail is None else m.thumbnail.ravel().data}
        for (sha256, layout), m in measured.items()
    ]
    file = _file(folder)
    # the run does not need it
    with suppress(UserError, OSError):
        write_table(pd.DataFrame(rows, columns=COLUMNS.names), file, COLUMNS)
        for other in folder.glob("*.parquet"):
            if other != file:
                remove(other)


def _file(folder: Path) -> Path:
    versions = [library.__version__ for library in LIBRARIES]
    return folder / f"{fingerprint(CODE, versions)}.parquet"
