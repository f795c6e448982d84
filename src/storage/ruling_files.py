"""CSV files in which a person rules on pictures, such as those in rulings/."""

import csv
from collections.abc import Sequence
from pathlib import Path

from src.errors import UserError, one_line
from src.storage.csv_cells import text_of_cell
from src.user_paths import require_bounded

PAIR_COLUMNS = ("a", "b")  # of a file that rules on pairs of pictures
Line = tuple[str, dict[str, str]]  # the file and line, for messages; the values by column


def read_lines(path: Path, parameter: str, columns: Sequence[str], rows: str) -> list[Line]:
    """Return a file's lines below the head, with stripped values of some columns.

    A value may be a cell of `lineage --csv`, with a quote before what a spreadsheet would compute.

    Args:
        path: Of the file.
        parameter: Names the file in params.yaml.
        columns: Those that are read; the file may have more.
        rows: What a line is about, in the plural.

    Raises:
        UserError: The file is missing, no CSV in UTF-8, or lacks a column or has it twice.
    """
    head = ",".join(columns)
    try:
        require_bounded(path)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="more", strict=True)
            names = list(reader.fieldnames or [])
            lines = [(f"{path}, line {reader.line_num}", values) for values in reader]
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing, which {parameter} names: expected a CSV file of {rows}; "
            f"for no {rows}, one with the line {head} alone"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"{path} ({parameter}) cannot be read as CSV in UTF-8: {one_line(error)}"
        raise UserError(message) from None
    if missing := [name for name in columns if name not in names]:
        expected = f"columns {head}, separated by a comma" if len(columns) > 1 else f"column {head}"
        raise UserError(
            f"{path}, line 1: the column {missing[0]} is missing in {','.join(names)!r}, "
            f"expected the {expected}; others are ignored"
        )
    if repeated := [name for name in columns if names.count(name) > 1]:
        raise UserError(f"{path}, line 1: several columns {repeated[0]}, expected one")
    return [
        (place, {name: text_of_cell((values[name] or "").strip()) for name in columns})
        for place, values in lines
    ]
