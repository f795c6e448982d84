"""Where every kept picture comes from, as CSV: for credits, and for requests to take one down."""

import csv
from collections.abc import Iterable
from typing import Any, TextIO

import pandas as pd

from src.errors import printable

COLUMNS = (  # of the ledger
    "row",
    "item_id",
    "name",
    "page_url",
    "image_url",
    "date",
    "licence",
    "side",
    "file",
    "sha256",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what begins a formula in a spreadsheet


def write_credits(ledger: pd.DataFrame, file: TextIO) -> None:
    """Write the kept rows of a ledger with COLUMNS, a line each below the head.

    A cell that a spreadsheet would compute gets an apostrophe in front. Control characters become
    question marks.

    Args:
        ledger: After split.
        file: Is open for text.
    """
    kept = ledger[(ledger["verdict"] == "keep").fillna(False)]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    columns = (kept[name] for name in COLUMNS)
    writer.writerows(map(_cells, zip(*columns, strict=True)))


def _cells(values: Iterable[Any]) -> list[str]:
    return ["" if pd.isna(value) else _cell(str(value)) for value in values]


def _cell(text: str) -> str:
    # blanks before it do not keep a spreadsheet from computing
    formula = text.startswith(FORMULA) or text.lstrip().startswith(FORMULA)
    return printable(f"'{text}" if formula else text)
