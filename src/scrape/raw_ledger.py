"""The ledger of scrape while it grows. It lies on disk: the length of a list takes no memory."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from weakref import finalize

import pyarrow as pa

from src.errors import UserError
from src.scrape.crawl import Row, Rows
from src.storage.ledger import BATCH_ROWS, ledger_columns, write_batches

LABEL_STATUS = "label_"  # before the reason why a label map cannot be used
# The same bytes for this many different items show none of them.
PLACEHOLDER_ITEMS = 3


class StoredPicture(NamedTuple):
    """A picture's columns of the ledger; all but `status` are empty if there is no picture.

    Attributes:
        status: `ok`, or why there is no file.
        file: The file's path below data/raw.
        date: On which it was fetched from the web, as 2026-11-22 (UTC).
    """

    status: str
    file: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    animated: bool | None = None
    date: str | None = None


LISTED = ["page", "position", "item_id", "name", "page_url", "image_url", "stated_total"]
LISTED += ["given_side", "layout", "licence", "label_url", "status"]
# `picture` and `label` are the URLs to fetch, and nothing is fetched of a row that has a status.
SCHEMA = f"""
    PRAGMA journal_mode=OFF;
    CREATE TABLE listed (row INTEGER PRIMARY KEY, {", ".join(LISTED)}, picture, label);
    CREATE TABLE stored (url PRIMARY KEY, host, {", ".join(StoredPicture._fields)}) WITHOUT ROWID;
    CREATE TABLE turns (number INTEGER PRIMARY KEY, url);
    CREATE TABLE files (number INTEGER PRIMARY KEY, file);
    CREATE VIEW ledger AS
        SELECT listed.*, photo.sha256, photo.bytes, photo.width, photo.height, photo.format,
            photo.animated, photo.date, map.sha256 AS label_sha256,
            IIF(listed.status = 'ok', photo.file, NULL) AS file,
            IIF(listed.status = 'ok', map.file, NULL) AS label_file
        FROM listed LEFT JOIN stored AS photo ON photo.url = picture
            LEFT JOIN stored AS map ON map.url = label;
    BEGIN;
"""
SELECT_URLS = """
    SELECT url FROM (SELECT picture AS url FROM listed UNION SELECT label FROM listed)
    WHERE url IS NOT NULL ORDER BY url
"""
# Hosts in turn: threads should not all wait for one host.
INSERT_TURNS = """
    INSERT INTO turns (url) SELECT url
    FROM (SELECT url, ROW_NUMBER() OVER (PARTITION BY host ORDER BY url) AS turn FROM stored)
    ORDER BY turn, url
"""
SET_STORED = (
    f"UPDATE stored SET {', '.join(f'{name} = ?' for name in StoredPicture._fields)} WHERE url = ?"
)
SET_STATUS = f"""
    UPDATE listed SET status = COALESCE(
        IIF(picture IS NULL, 'no_image', NULL),
        (SELECT NULLIF(status, 'ok') FROM stored WHERE url = picture),
        (SELECT '{LABEL_STATUS}' || status FROM stored WHERE url = label AND status <> 'ok'),
        'ok')
    WHERE status IS NULL
"""
# Files on disk are each an item of their own: copies there are a matter of clean.
SET_PLACEHOLDER = f"""
    UPDATE listed SET status = 'placeholder' WHERE picture IN (
        SELECT url FROM stored WHERE sha256 IN (
            SELECT sha256 FROM ledger WHERE status = 'ok' AND page_url IS NOT NULL
            GROUP BY sha256 HAVING COUNT(DISTINCT item_id) >= {PLACEHOLDER_ITEMS}))
"""
# Row by row, a picture before its label map.
INSERT_FILES = """
    INSERT INTO files (file) SELECT file FROM (
        SELECT file, 2 * row AS place FROM ledger WHERE file IS NOT NULL
        UNION ALL SELECT label_file, 2 * row + 1 FROM ledger WHERE label_file IS NOT NULL)
    GROUP BY file ORDER BY MIN(place)
"""


class RawLedger:
    """The listed rows, and what is stored of their URLs, in a temporary SQLite database.

    A row's status is set when all URLs are stored; only rows that are `ok` then have files.

    Raises:
        UserError: The disk refuses.
    """

    def __init__(self, rows: Rows):
        # without a name it is deleted by itself, and small ones stay in memory
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        finalize(self, self._database.close)
        with _database_errors_named():
            self._database.executescript(SCHEMA)
            marks = ", ".join("?" * (len(LISTED) + 3))
            self._database.executemany(f"INSERT INTO listed VALUES ({marks})", _values(rows))
            # not by a function in SQL, in which a Ctrl-C would be an error of the database
            hosts = ((url, _host(url)) for (url,) in self._rows(SELECT_URLS))
            self._database.executemany("INSERT INTO stored (url, host) VALUES (?, ?)", hosts)
            self._database.execute(INSERT_TURNS)

    def __len__(self) -> int:
        return self._number("SELECT COUNT(*) FROM listed")

    @property
    def n_urls(self) -> int:
        return self._number("SELECT COUNT(*) FROM stored")

    @property
    def n_hosts(self) -> int:
        return self._number("SELECT COUNT(DISTINCT host) FROM stored")

    @property
    def n_stored(self) -> int:
        """How many URLs are done, with or without a picture."""
        return self._number("SELECT COUNT(status) FROM stored")

    @property
    def is_online(self) -> bool:
        """Whether any URL is on the web."""
        web = "SELECT 1 FROM stored WHERE url GLOB 'http:*' OR url GLOB 'https:*'"
        return bool(self._number(f"SELECT EXISTS ({web})"))

    def urls(self) -> Iterator[str]:
        """Yield what is to be fetched: each URL once, sorted, with the hosts in turn."""
        return (url for (url,) in self._rows("SELECT url FROM turns ORDER BY number"))

    def store(self, url: str, stored: StoredPicture) -> None:
        """Note what is stored of a URL."""
        self._execute(SET_STORED, *stored, url)

    def set_statuses(self) -> None:
        """Set each row's status, when all URLs are stored."""
        self._execute(SET_STATUS)
        self._execute(SET_PLACEHOLDER)
        slivers = "layout <> 'single' AND picture IN (SELECT url FROM stored WHERE width < 2)"
        self._execute(f"UPDATE listed SET status = 'not_a_pair' WHERE status = 'ok' AND {slivers}")

    def pairs(self) -> list[tuple[int, str, str, str]]:
        """Return the row, file, label file and label URL of each picture with a label map."""
        columns = "row, file, label_file, label_url"
        query = f"SELECT {columns} FROM ledger WHERE label_file IS NOT NULL ORDER BY row"
        return list(self._rows(query))

    def set_status(self, row: int, status: str) -> None:
        """Change a row's status."""
        self._execute("UPDATE listed SET status = ? WHERE row = ?", status, row)

    def number_files(self) -> int:
        """Number the files of rows that are `ok`, in the rows' order; return how many there are."""
        self._execute(INSERT_FILES)
        return self._number("SELECT COUNT(*) FROM files")

    def files(self, numbers: slice) -> list[str]:
        """Return the files with some numbers, which `number_files` gave them."""
        query = "SELECT file FROM files WHERE number > ? AND number <= ? ORDER BY number"
        return [file for (file,) in self._rows(query, numbers.start, numbers.stop)]

    def unused_files(self) -> list[str]:
        """Return stored files that no row with the status `ok` has."""
        query = "SELECT file FROM stored WHERE file IS NOT NULL EXCEPT SELECT file FROM files"
        return [file for (file,) in self._rows(query)]

    def move_files(self, places: dict[str, str]) -> None:
        """Note that files, the keys, are in other places now."""
        self._execute("CREATE INDEX IF NOT EXISTS stored_files ON stored (file)")
        for file, place in places.items():
            self._execute("UPDATE stored SET file = ? WHERE file = ?", place, file)

    def failures(self) -> list[tuple[str, int, str | None]]:
        """Return statuses beside `ok`, the most frequent first, each with its rows and a URL."""
        query = """
            SELECT status, COUNT(*), (
                SELECT COALESCE(image_url, label_url) AS url FROM listed AS other
                WHERE other.status = listed.status AND url IS NOT NULL ORDER BY row LIMIT 1)
            FROM listed WHERE status <> 'ok' GROUP BY status ORDER BY COUNT(*) DESC, MIN(row)"""
        return list(self._rows(query))

    def unusable_files(self) -> dict[str, list[str]]:
        """Return the names of files on disk that give no picture or no pair, by status."""
        query = """
            SELECT status, COALESCE(image_url, label_url, item_id) FROM listed
            WHERE page_url IS NULL AND status <> 'ok' ORDER BY status, row"""
        groups = groupby(self._rows(query), itemgetter(0))
        return {status: [name for _, name in rows] for status, rows in groups}

    def counts(self) -> dict[str, int]:
        """Return the numbers of rows, items, and rows with a picture, also with a moving one."""
        query = """
            SELECT COUNT(*), COUNT(DISTINCT item_id), COUNT(*) FILTER (WHERE status = 'ok'),
                COUNT(*) FILTER (WHERE animated) FROM ledger"""
        [counts] = self._rows(query)
        return dict(zip(("listed", "unique_items", "downloaded", "animated"), counts, strict=True))

    def write(self, path: Path) -> None:
        """Write the ledger as Parquet; equal ledgers give equal bytes."""
        columns = ledger_columns("raw", self._has_values)
        query = f"SELECT {', '.join(columns.names)} FROM ledger ORDER BY row"
        write_batches(_batches(self._rows(query), columns), len(self), path, columns)

    def _has_values(self, names: list[str]) -> bool:
        filled = " OR ".join(f"{name} IS NOT NULL" for name in names)
        return bool(self._number(f"SELECT EXISTS (SELECT 1 FROM ledger WHERE {filled})"))

    def _number(self, query: str) -> int:
        [(number,)] = self._rows(query)
        return int(number)

    def _execute(self, query: str, *values: object) -> None:
        with _database_errors_named():
            self._database.execute(query, values)

    def _rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        with _database_errors_named():
            cursor = self._database.execute(query, values)
            while rows := cursor.fetchmany(1000):  # one by one, to close would reach the database
                yield from rows


@contextmanager
def _database_errors_named() -> Iterator[None]:
    """Turn errors of the temporary database into a UserError that names its folder."""
    try:
        yield
    except sqlite3.Error as error:
        raise UserError(
            f"the list's temporary database cannot be written: {error}; it lies where the variable "
            "TMPDIR says, or in /var/tmp"
        ) from None


def _values(rows: Iterable[Row]) -> Iterator[list[Any]]:
    """Yield each row of the table `listed`."""
    for number, row in enumerate(rows):
        to_fetch = row if "status" not in row else {}
        listed = ({"layout": "single"} | row).get
        urls = [to_fetch.get(name) or None for name in ("image_url", "label_url")]
        yield [number, *map(listed, LISTED), *urls]


def _host(url: str) -> str:
    return url.split("/", 3)[:3][-1]


def _batches(rows: Iterator[tuple[Any, ...]], columns: pa.Schema) -> Iterator[pa.Table]:
    """Yield rows as tables of BATCH_ROWS, and the rest."""
    while batch := list(islice(rows, BATCH_ROWS)):
        values = map(pa.array, zip(*batch, strict=True))
        arrays = [array.cast(kind) for array, kind in zip(values, columns.types, strict=True)]
        yield pa.table(arrays, columns)
