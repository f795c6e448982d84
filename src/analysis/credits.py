"""Where every kept picture comes from, as CSV: for credits, and for requests to take one down."""

import csv
from collections.abc import Iterable
from typing import Any, TextIO

import pandas as pd

from src.errors import printable
from src.storage.csv_cells import inert_cell

# of the ledger
COLUMNS = "row item_id name page_url image_url date licence side file sha256".split()


def write_credits(ledger: pd.DataFrame, file: TextIO) -> int:
    """Write the kept rows of a ledger after split with COLUMNS, a line each; return how many.

    A cell that a spreadsheet would compute gets an apostrophe in front. Control characters become
    question marks.
    """
    kept_rows = ledger[(ledger["verdict"] == "keep").fillna(False)]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    columns = (kept_rows[name] for name in COLUMNS)
    writer.writerows(map(_cells, zip(*columns, strict=True)))
    return len(kept_rows)


def _cells(values: Iterable[Any]) -> list[str]:
    return ["" if pd.isna(value) else printable(inert_cell(str(value))) for value in values]
