"""Which rows of the ledger a person means."""

from pathlib import Path

import pandas as pd

from src.errors import UserError
from src.storage.file_names import utf8_name

MAX_DIGITS = 12  # of a row number
NAMED_ROWS = 5  # in an error


def find_rows(ledger: pd.DataFrame, identifier: str) -> list[int]:
    """Return the rows of a number, an item's id, or a file of data/raw or data/predictions.

    Raises:
        UserError: It names no row.
    """
    identifier = utf8_name(identifier)  # as the ledger spells it
    names = ledger["file"].dropna().map(lambda file: Path(file).name)
    stems = names.map(lambda name: Path(name).stem)
    files = names.index[(names == Path(identifier).name) | (stems == identifier)]
    matches = (ledger["item_id"] == identifier).fillna(False) | ledger.index.isin(files)
    number = identifier
    if not matches.any():
        # data/predictions names its pictures by row, with leading zeros
        number = Path(identifier).name.removesuffix(".png")
    if number.isdecimal() and len(number) <= MAX_DIGITS:
        matches |= ledger["row"] == int(number)
    rows = [int(row) for row in ledger.loc[matches, "row"]]
    if not rows:
        raise UserError(
            f"{identifier!r} is no row (0 to {len(ledger) - 1}), item id or file of the ledger"
        )
    return rows


def find_row(ledger: pd.DataFrame, identifier: str) -> int:
    """Return the row of the one picture that an identifier names, as for `find_rows`.

    Of equal files the first row is taken.

    Raises:
        UserError: It names no row, or rows of several files, as a number may that is a row and the
            id of another.
    """
    rows = find_rows(ledger, identifier)
    named = ledger[ledger["row"].isin(rows)]
    count = len(named.drop_duplicates(["file", "layout"]))
    if count > 1:
        more = ", …" if len(rows) > NAMED_ROWS else ""
        raise UserError(
            f"{identifier!r} names {count} pictures, of the rows "
            f"{', '.join(map(str, rows[:NAMED_ROWS]))}{more}: name one by its file"
        )
    return rows[0]
