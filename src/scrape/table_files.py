"""Tables in files, row by row: text, CSV, TSV, JSON, JSON lines and Parquet, also gzipped.

A file is read as a stream. No more than a block of it is in memory.
"""

import csv
import gzip
import json
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
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
MAX_NAMED_COLUMNS, MAX_COLUMN_CHARS = 12, 40  # of a table's header, in a message
BETWEEN_OBJECTS = re.compile(r"[\s,\[\]]*")
GZIP_MARK = b"\x1f\x8b"
OTHER_ENCODING = 'it is not in UTF-8: save it so, in Excel as "CSV UTF-8"'
# What files of other kinds begin with, whatever their names promise.
OTHER_CONTENTS = {
    b"PAR1": "it is a Parquet file: name it so, with the suffix .parquet",
    b"PK\3\4": "it is a ZIP archive or an Excel file: unpack it, or save it as CSV",
    GZIP_MARK: "it is compressed twice: unpack it once",
}
LINE = "line"  # the one column of a text file
DELIMITERS = (",", ";", "\t")  # of Excel, in one language or another
Line = tuple[int, list[str]]  # the number of a row's last line, and the row's values


class Record(NamedTuple):
    """A row of a table: its number in the file, from 1, and the wanted columns' values."""

    number: int
    values: Sequence[Any]


class TableError(Exception):
    """A file that is not the table that its name promises; the message says what was expected."""


class MissingColumnError(TableError):
    """A table that lacks a column, of a name that the user chose."""

    def __init__(self, column: str, header: Sequence[str]):
        super().__init__(f"it has no column {column!r}")
        self.column, self.header = column, header

    def remedy(self, settings: Mapping[str, str]) -> str:
        """Return what to do; settings are the parameters' names by their columns."""
        if setting := settings.get(self.column):
            return f" ({setting}): set it to one of its columns, {named_columns(self.header)}"
        return f"; its columns are {named_columns(self.header)}"


def find_tables(path: Path) -> tuple[list[Path], Contents]:
    """Return the tables in a folder and below, sorted by name, and what else is there.

    A file is the only one itself. Names that begin with a dot or `_` are hidden.
    """
    contents = Contents()
    if path.is_file():
        return [path], contents
    files = []
    for file, fault in visible_files(path, contents):
        reason = fault or ("" if kind(file) in READERS else "other_format")
        if file.name.startswith("_"):
            reason = "hidden"
        if reason:
            contents.pass_over(reason, file.relative_to(path).as_posix())
        else:
            files.append(file)
    return files, contents


def kind(file: Path) -> str:
    """Return the suffix that says how a file is read, such as `.csv` for `a.csv.gz`."""
    name = file.name.lower().removesuffix(".gz")
    return Path(name).suffix


def read_records(
    file: Path, columns: Sequence[str], settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Record]:
    """Yield the rows of a table. Blank lines of text, CSV and TSV are passed over.

    Args:
        file: Its suffix says how it is read: one of READERS, or with `.gz` behind it.
        columns: The names of the wanted ones. A text file has the column `line` alone.
        settings: The parameters that name columns, by the columns.

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
        remedy = error.remedy(settings) if isinstance(error, MissingColumnError) else ""
        message = f"{file} cannot be read as a list: {one_line(error)}{remedy}{lfs_remedy(file)}"
        raise UserError(message) from None


def _opened(file: Path) -> TextIO:
    open_file = gzip.open if _is_gzipped(file) else open
    with open_file(file, "rb") as begun:
        start = begun.read(4)
    for mark, remedy in OTHER_CONTENTS.items():
        if start.startswith(mark):
            raise TableError(remedy)
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
        parted = _parted_by_tabs if delimiter == "\t" else partial(_parted, delimiter=delimiter)
        rows = ((number, values) for number, values in parted(lines) if not _is_blank(values))
        _, header = next(rows, (0, []))
        places = _places(columns, header)
        for number, values in rows:
            if len(values) != len(header):
                raise TableError(
                    f"line {number} has {len(values)} values, expected {len(header)} as in the header"
                )
            yield Record(number, [values[place] for place in places])


def _parted(lines: Iterable[str], delimiter: str, begun: int = 0) -> Iterator[Line]:
    """Yield the rows of CSV (RFC 4180), after as many lines as are `begun`."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    first_line = begun + 1  # of the row that is read
    try:
        for values in reader:
            yield begun + reader.line_num, values
            first_line = begun + reader.line_num + 1
    except csv.Error as error:
        reason = str(error)
        if "expected after" in reason:
            reason = 'text follows a value in quotation marks: write each mark inside it twice, ""'
        elif reason == "unexpected end of data":
            reason = "a quotation mark begins a value, and none ends it"
        raise TableError(f"the row at line {first_line} is broken: {reason}") from None


def _parted_by_tabs(lines: Iterator[str]) -> Iterator[Line]:
    """Yield the rows of tab-separated values.

    Some programs write quotation marks as they are, and some as CSV does. So a line with as many
    values as the header is a row, unless a mark opens in it and the next line is none. In others,
    marks may enclose tabs and line ends.
    """
    count, number, following = 0, 0, deque(islice(lines, 1))

    def rest() -> Iterator[str]:
        while following:
            following.extend(islice(lines, 1))
            yield following.popleft()

    unread = rest()
    for line in unread:
        number += 1
        values = [_unquoted(value) for value in _between_tabs(line)]
        if count and '"' in line:
            next_line = following[0].strip("\r\n") if following else ""
            goes_on = next_line and len(_between_tabs(next_line)) != count
            if len(values) != count or (goes_on and any(value[:1] == '"' for value in values)):
                number, values = next(_parted(chain([line], unread), "\t", number - 1))
        if not _is_blank(values):
            count = count or len(values)
        yield number, values


def _between_tabs(line: str) -> list[str]:
    text = line.rstrip("\r\n")
    return text.split("\t") if text else []


def _unquoted(value: str) -> str:
    """Return a value without the marks that enclose all of it."""
    inner = value[1:-1]
    is_quoted = (
        len(value) > 1 and value[0] == value[-1] == '"' and '"' not in inner.replace('""', "")
    )
    return inner.replace('""', '"') if is_quoted else value


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
        raise MissingColumnError(missing[0], header)
    if repeated := [name for name in columns if list(header).count(name) > 1]:
        raise TableError(f"it has several columns {repeated[0]!r}, expected one")
    return [list(header).index(name) for name in columns]


def named_columns(header: Sequence[str]) -> str:
    """Return a header's columns for a message, the first of many."""
    names = [
        repr(name if len(name) <= MAX_COLUMN_CHARS else f"{name[:MAX_COLUMN_CHARS]}…")
        for name in header[:MAX_NAMED_COLUMNS]
    ]
    more = len(header) - len(names)
    return (", ".join(names) or "none") + (f" and {more} more" if more else "")


READERS: dict[str, Callable[[Path, Sequence[str]], Iterator[Record]]] = {
    ".txt": _read_text,
    ".csv": partial(_read_delimited, usual=","),
    ".tsv": partial(_read_delimited, usual="\t"),
    ".json": _read_json,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".parquet": _read_parquet,
}
