"""Values of tables and of JSON as the texts of the ledger."""

import re

from src.scrape.addresses import readable

MAX_EXACT = 2**53  # whole numbers below it are exact as floats
WHOLE = re.compile(r"(-?\d+)\.0")


def value_text(value: object) -> str:
    """Return a value as text: "" for none and for NaN.

    A whole number is the same text however it is stored or written: pandas makes 7.0 of 7 in a
    column that has gaps, and what is one person must not become two.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT:
        value = int(value)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    whole = WHOLE.fullmatch(text)
    return readable(whole[1] if whole else text)
