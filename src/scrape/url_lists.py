"""Lists of pictures' URLs in files, as rows of the ledger.

The rows are written to a file and read back from it where they are needed. So the length of a list
takes space on disk, and none in memory.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import overload

import pyarrow as pa

from src.errors import UserError, existing_path
from src.params import Urls
from src.progress import progress
from src.scrape.addresses import BLANKS, INNER_BLANKS, readable
from src.scrape.crawl import Crawl, Row
from src.scrape.file_lists import SIDES
from src.scrape.http.fetch_errors import without_password
from src.scrape.item_ids import item_id
from src.scrape.table_files import LINE, READERS, Record, find_tables, kind, read_records

BATCH_ROWS = 65536
GIVEN_SIDES = {**SIDES, "validation": "val", "valid": "val", "dev": "val"}
SPOOLED = pa.schema(
    [
        ("page", pa.int64()),
        ("position", pa.int64()),
        ("item_id", pa.string()),
        ("name", pa.string()),
        ("page_url", pa.string()),
        ("image_url", pa.string()),
        ("given_side", pa.string()),
    ]
)


class SpooledRows(Sequence[Row]):
    """Rows in an Arrow file, which the system maps into memory as they are read."""

    def __init__(self, file: Path):
        with pa.memory_map(str(file)) as mapped:
            self._table = pa.ipc.open_file(mapped).read_all()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[Row]:
        for batch in self._table.to_batches(BATCH_ROWS):
            for row in batch.to_pylist():
                yield {**row, "stated_total": None}

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        [row] = self._table.slice(place % len(self), 1).to_pylist()
        return {**row, "stated_total": None}


def list_urls(urls: Urls, max_items: int, folder: Path) -> Crawl:
    """List the rows of one file, or of all files of a folder.

    A row's page is the number of its file, its position the row in the file, and its page_url the
    file's name. A row without a URL is listed without a picture.

    Args:
        urls: The section `urls` of params.yaml.
        max_items: More rows are an error.
        folder: Where the rows are kept; it must last as long as they are read.

    Raises:
        UserError: There is no list, one cannot be read, lacks a column or holds a wrong value, or
            they have more than `max_items` rows.
    """
    if not urls.path:
        raise UserError("urls.path is empty: set it to a list of URLs, or a folder of lists")
    root = existing_path("urls.path", urls.path)
    files = find_tables(root)
    if not files:
        raise UserError(f"urls.path = {urls.path!r} holds no list ({', '.join(READERS)}, or .gz)")
    base = root.parent if root.is_file() else root
    listed = chain.from_iterable(
        _rows(file, file.relative_to(base).as_posix(), page, urls)
        for page, file in enumerate(progress(files, len(files), "reading lists of URLs"), 1)
    )
    spool = folder / "rows.arrow"
    if not _write(listed, spool, max_items):
        raise UserError(f"urls.path = {urls.path!r}: expected URLs, found none")
    rows = SpooledRows(spool)
    return Crawl(rows, pages=len(files), expected=len(rows))


def _write(rows: Iterator[Row], file: Path, max_items: int) -> int:
    """Write rows to an Arrow file; return how many there are."""
    count = 0
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, SPOOLED) as writer:
        while batch := list(islice(rows, BATCH_ROWS)):
            count += len(batch)
            if count > max_items:
                raise UserError(
                    f"the list has more items than scrape.max_items = {max_items} by the file "
                    f"{batch[-1]['page_url']}: raise it, or take a shorter list"
                )
            writer.write_batch(pa.RecordBatch.from_pylist(batch, SPOOLED))
    return count


def _rows(file: Path, name: str, page: int, urls: Urls) -> Iterator[Row]:
    keys = {
        key: column for key in ("url", "item", "name", "side") if (column := getattr(urls, key))
    }
    if kind(file) == ".txt":
        keys = {"url": LINE}  # a URL a line, and nothing else
    for record in read_records(file, list(keys.values())):
        values = _values(record, keys, file)
        yield {
            "page": page,
            "position": record.number,
            "item_id": values.get("item") or _item_id(values["url"], name, record.number),
            "name": values.get("name", ""),
            "page_url": name,
            "image_url": without_password(values["url"]) or None,
            "given_side": _side(values.get("side", ""), file, record.number),
        }


def _values(record: Record, keys: dict[str, str], file: Path) -> dict[str, str]:
    """Return a record's values as text, by the keys of params.yaml that name their columns."""
    values = {}
    for (key, column), value in zip(keys.items(), record.values, strict=True):
        if not isinstance(value, str | int | float | None):
            found = f"{type(value).__name__} in column {column!r}"
            raise UserError(f"{file}: row {record.number} has {found} (urls.{key}), expected text")
        missing = value is None or value != value  # NaN
        values[key] = "" if missing else readable(str(value)).strip(BLANKS)
    values["url"] = INNER_BLANKS.sub("", values["url"])
    return values


def _item_id(url: str, name: str, number: int) -> str:
    """Return the id of a picture that is known by its URL alone: no key of its query is ignored."""
    return item_id(url, "", ()) if url else f"{name}:{number}"


def _side(value: str, file: Path, number: int) -> str | None:
    if value and value not in GIVEN_SIDES:
        raise UserError(
            f"{file}: row {number} has the side {value!r} (urls.side), expected "
            f"{', '.join(GIVEN_SIDES)} or nothing"
        )
    return GIVEN_SIDES.get(value)
