"""Values of tables and of JSON as the texts of the ledger."""

import re
from pathlib import Path

from src.errors import UserError
from src.scrape.addresses import readable

MAX_EXACT = 2**53  # whole numbers below it are exact as floats
WHOLE = re.compile(r"(-?\d+)\.0")


def value_text(value: object) -> str:
    """Return a value as text: "" for none and for NaN; different bytes are different texts."""
    if value is None or value != value:
        return ""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return readable(text)


def id_text(value: object) -> str:
    """Return an id as text; a whole number is the same text however it is stored or written.

    Pandas makes 7.0 of 7 in a column that has gaps, and one person must not become two.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT:
        value = int(value)
    text = value_text(value)
    whole = WHOLE.fullmatch(text)
    return whole[1] if whole else text


def cell_text(value: object, setting: str, column: str, file: Path, row: int) -> str:
    """Return a table's cell as text; a setting, such as `urls.item`, names its column.

    Raises:
        UserError: It holds an object, a list or a picture.
    """
    if isinstance(value, dict | list | tuple):
        raise UserError(
            f"{file}: row {row} has {type(value).__name__} in column {column!r} ({setting}), "
            "expected text"
        )
    return (id_text if setting.endswith(".item") else value_text)(value)
