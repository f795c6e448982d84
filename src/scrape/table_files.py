"""Tables in files, row by row: text, CSV, TSV, JSON, JSON lines and Parquet, also gzipped.

A file is read as a stream. No more than a block of it is in memory.
"""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import UserError, one_line
from src.imaging.picture_folders import Contents
from src.scrape.page_text import encoding_by_mark
from src.scrape.source_paths import lfs_remedy, visible_files

BLOCK_CHARS = 1 << 20  # of a JSON file that are read at a time
MAX_OBJECT_CHARS = 1 << 24  # of one row in a JSON file
BATCH_ROWS = 65536  # of a Parquet file that are read at a time
# What reading a damaged file raises, or a date of the year 10000.
DAMAGE = (EOFError, OSError, ValueError, OverflowError, zlib.error, pa.ArrowException)
BETWEEN_OBJECTS = re.compile(r"[\s,\[\]]*")
GZIP_MARK = b"\x1f\x8b"
OTHER_ENCODING = 'it is not in UTF-8: save it so, in Excel as "CSV UTF-8"'
LINE = "line"  # the one column of a text file
DELIMITERS = (",", ";", "\t")  # of Excel, in one language or another


class Record(NamedTuple):
    """A row of a table: its number in the file, from 1, and the wanted columns' values."""

    number: int
    values: Sequence[Any]


class TableError(Exception):
    """A file that is not the table that its name promises; the message says what was expected."""


def find_tables(path: Path) -> tuple[list[Path], Contents]:
    """Return the tables in a folder and below, sorted by name, and what else is there.

    A file is the only one itself. Names that begin with a dot or `_` count for nothing.
    """
    contents = Contents()
    if path.is_file():
        return [path], contents
    files = []
    for file, fault in visible_files(path, contents):
        if file.name.startswith("_"):
            continue
        reason = fault or ("" if kind(file) in READERS else "other_format")
        if reason:
            contents.pass_over(reason, file.relative_to(path).as_posix())
        else:
            files.append(file)
    return files, contents


def kind(file: Path) -> str:
    """Return the suffix that says how a file is read, such as `.csv` for `a.csv.gz`."""
    name = file.name.lower().removesuffix(".gz")
    return Path(name).suffix


def read_records(file: Path, columns: Sequence[str]) -> Iterator[Record]:
    """Yield the rows of a table. Blank lines of text, CSV and TSV are passed over.

    Args:
        file: Its suffix says how it is read: one of READERS, or with `.gz` behind it.
        columns: The names of the wanted ones. A text file has the column `line` alone.

    Raises:
        UserError: The file lacks a column, is broken, or of another kind.
    """
    try:
        if kind(file) not in READERS:
            raise TableError(f"expected a name that ends in {', '.join(READERS)} (.gz)")
        yield from READERS[kind(file)](file, columns)
    except UnicodeDecodeError:
        remedy = OTHER_ENCODING if kind(file) != ".parquet" else "a text in it is not in UTF-8"
        raise UserError(f"{file} cannot be read as a list: {remedy}") from None
    except (TableError, *DAMAGE) as error:
        message = f"{file} cannot be read as a list: {one_line(error)}{lfs_remedy(file)}"
        raise UserError(message) from None


def _opened(file: Path) -> TextIO:
    open_file = gzip.open if _is_gzipped(file) else open
    with open_file(file, "rb") as begun:
        start = begun.read(4)
    encoding = encoding_by_mark(start[:2])
    if b"\0\0" in start or (b"\0" in start and encoding != "utf-16"):
        raise TableError(OTHER_ENCODING)  # UTF-16 without its mark, or UTF-32
    return cast(TextIO, open_file(file, "rt", encoding=encoding, newline=""))


def _is_gzipped(file: Path) -> bool:
    # by its content: browsers unpack a download, and leave .gz in its name
    with file.open("rb") as stream:
        return stream.read(len(GZIP_MARK)) == GZIP_MARK


def _read_text(file: Path, columns: Sequence[str]) -> Iterator[Record]:
    _places(columns, [LINE])
    with _opened(file) as lines:
        for number, line in enumerate(lines, 1):
            if stripped := line.strip():
                yield Record(number, [stripped] * len(columns))


def _read_delimited(file: Path, columns: Sequence[str], usual: str) -> Iterator[Record]:
    with _opened(file) as lines:
        csv.field_size_limit(MAX_OBJECT_CHARS)
        delimiter = _delimiter(_first_text(lines), columns, usual)
        lines.seek(0)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        first_line = 1  # of the row that is read
        try:
            header = next((values for values in reader if not _is_blank(values)), [])
            places = _places(columns, header)
            first_line = reader.line_num + 1
            for values in reader:
                first_line = reader.line_num + 1
                if _is_blank(values):
                    continue
                if len(values) != len(header):
                    raise TableError(
                        f"line {reader.line_num} has {len(values)} values, expected {len(header)} "
                        "as in the header"
                    )
                yield Record(reader.line_num, [values[place] for place in places])
        except csv.Error as error:
            raise TableError(f"the row at line {first_line} is broken: {error}") from None


def _is_blank(values: list[str]) -> bool:
    return not values or (len(values) == 1 and values[0].isspace())


def _first_text(lines: TextIO) -> str:
    """Return the first line that is not blank, or ""."""
    while line := lines.readline(MAX_OBJECT_CHARS):
        if line.strip():
            return line
    return ""


def _delimiter(header: str, columns: Sequence[str], usual: str) -> str:
    """Return what parts a header into the most of the columns; the usual delimiter if equal."""

    def present(delimiter: str) -> int:
        with suppress(csv.Error):
            return len(set(columns) & set(next(csv.reader([header], delimiter=delimiter), [])))
        return 0

    return max((usual, *DELIMITERS), key=present)


def _read_json(file: Path, columns: Sequence[str]) -> Iterator[Record]:
    """Yield objects, one behind the other or in a list; a key may be missing in some of them."""
    known: dict[str, None] = {}
    number = 0
    for number, value in enumerate(_json_values(file), 1):
        if not isinstance(value, dict):
            raise TableError(f"row {number} is {json.dumps(value)[:80]}, expected an object")
        known |= dict.fromkeys(value)
        yield Record(number, [value.get(name) for name in columns])
    if number:
        _places(columns, list(known))


def _json_values(file: Path) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    text, start, step, at_end = "", 0, BLOCK_CHARS, False
    depth = 0  # of lists around the objects
    count = 0  # of objects
    with _opened(file) as stream:
        while True:
            between = BETWEEN_OBJECTS.match(text, start)
            if between:
                start, marks = between.end(), between[0]
                depth += marks.count("[") - marks.count("]")
            try:
                value, start = decoder.raw_decode(text, start)
                step = BLOCK_CHARS
                count += 1
                yield value
                continue
            except (ValueError, RecursionError) as error:
                if at_end and start == len(text):
                    if depth > 0:
                        raise TableError(
                            "it ends within a list, before `]`: get all of it"
                        ) from None
                    return
                if at_end or len(text) - start > MAX_OBJECT_CHARS:
                    # a position would count from somewhere in the file
                    reason = str(getattr(error, "msg", error)).removesuffix(" at")
                    excerpt = text[start : start + 80]
                    is_cut = at_end and (depth or excerpt[0] == "{")
                    cut = "; if the file was cut short, get all of it" if is_cut else ""
                    raise TableError(
                        f"{reason} behind row {count}; expected objects, found {excerpt!r}{cut}"
                    ) from None
            block = stream.read(step)
            step *= 2  # or a large object would be begun again too often
            text, start, at_end = text[start:] + block, 0, not block


def _read_parquet(file: Path, columns: Sequence[str]) -> Iterator[Record]:
    if _is_gzipped(file):
        raise TableError("Parquet is compressed in itself: unpack it with gunzip")
    with file.open("rb") as stream, pq.ParquetFile(stream) as table:
        _places(columns, table.schema_arrow.names)
        batches = table.iter_batches(BATCH_ROWS, columns=list(dict.fromkeys(columns)))
        for number, values in enumerate(rows_of_batches(batches, columns), 1):
            yield Record(number, values)


def rows_of_batches(
    batches: Iterable[pa.RecordBatch], columns: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows' values of some columns, which may repeat."""
    for batch in batches:
        lists = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        yield from zip(*(lists[name] for name in columns), strict=True)


def _places(columns: Sequence[str], header: Sequence[str]) -> list[int]:
    """Return where the columns stand in a header.

    Raises:
        TableError: It lacks one of them, or has it more than once.
    """
    if missing := [name for name in columns if name not in header]:
        names = ", ".join(map(repr, header)) or "none"
        raise TableError(f"it has no column {missing[0]!r}; its columns are {names}")
    if repeated := [name for name in columns if list(header).count(name) > 1]:
        raise TableError(f"it has several columns {repeated[0]!r}, expected one")
    return [list(header).index(name) for name in columns]


READERS: dict[str, Callable[[Path, Sequence[str]], Iterator[Record]]] = {
    ".txt": _read_text,
    ".csv": partial(_read_delimited, usual=","),
    ".tsv": partial(_read_delimited, usual="\t"),
    ".json": _read_json,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".parquet": _read_parquet,
}
