"""Texts as the cells of a table that a spreadsheet opens."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def inert_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: of one, a quote is put before it."""
    # blanks before it do not keep a spreadsheet from computing
    formula = text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)
    return f"'{text}" if formula else text


def text_of_cell(cell: str) -> str:
    """Return the text of which `inert_cell` made a cell, for one that a person has copied."""
    return cell[1:] if cell.startswith("'") and inert_cell(cell[1:]) == cell else cell
