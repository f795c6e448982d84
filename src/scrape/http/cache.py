"""What was fetched and what failed, by URL. It survives a kill at any moment."""

import hashlib
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from src.errors import UserError
from src.scrape.http.fetch_errors import FetchError
from src.storage.atomic import atomic_write

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    url TEXT, snapshot TEXT,
    charset TEXT, etag TEXT, modified TEXT,  -- of what was fetched
    reason TEXT, message TEXT, runs INTEGER, -- of what failed; NULL: it was fetched
    answered TEXT,                           -- the URL that answered; NULL: this one
    PRIMARY KEY (url, snapshot)
) WITHOUT ROWID
"""

COLUMNS = "url, snapshot, reason, message, runs, charset, etag, modified, answered"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Body:
    """The body of an answer, in a file.

    Attributes:
        path: The file.
        immutable: Whether the file belongs to the cache and never changes, so that another name
            may be linked to it.
        charset: As the Content-Type header states it.
        etag: The ETag header.
        modified: The Last-Modified header.
        url: The URL that answered after redirects; None if it is the one that was asked for.
    """

    path: Path
    immutable: bool = False
    charset: str | None = None
    etag: str | None = None
    modified: str | None = None
    url: str | None = None

    def conditions(self) -> dict[str, str]:
        """Return headers that ask for a body only if it has changed (RFC 9110, section 13)."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in headers.items() if value}


ParseBody = Callable[[Body], Result]


@dataclass(frozen=True)
class Failure:
    """Why a URL failed in the last run that tried it, and in how many runs it has failed."""

    error: FetchError
    runs: int


@dataclass(frozen=True)
class CacheEntry:
    """What is known of a URL; it is pending if it has neither a body nor a failure.

    Attributes:
        body: What was fetched.
        failure: Why it could not be fetched.
        earlier: What the last of the other snapshots, by name, holds.
    """

    body: Body | None
    failure: Failure | None
    earlier: Body | None


class HttpCache:
    """A folder with one file for each body, and a table with the state of every URL.

    Raises UserError if the folder or the table cannot be used.
    """

    def __init__(self, folder: Path, snapshot: str):
        self.snapshot = snapshot
        self._bodies = folder / "bodies"
        self._file = folder / "answers.sqlite"
        self._lock = threading.Lock()
        try:
            self._bodies.mkdir(parents=True, exist_ok=True)
            for half in self._bodies.glob(".*"):  # of a run that was killed
                half.unlink()
        except OSError as error:
            raise UserError(f"cannot write {self._bodies}: {error.strerror}") from None
        with self._explained():
            self._table = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
            # a kill loses nothing in this mode, a power cut at worst the last few rows
            self._table.execute("PRAGMA journal_mode=WAL")
            self._table.execute("PRAGMA synchronous=NORMAL")
            self._table.execute(SCHEMA)
            columns = self._table.execute("SELECT name FROM pragma_table_info('answers')")
            if ("answered",) not in columns.fetchall():  # a cache of an earlier version
                self._table.execute("ALTER TABLE answers ADD COLUMN answered TEXT")

    def entry(self, url: str) -> CacheEntry:
        """Return what is known of a URL."""
        current = earlier = failure = None
        query = f"SELECT {COLUMNS} FROM answers WHERE url = ? ORDER BY snapshot"
        for _, snapshot, reason, message, runs, *headers in self._execute(query, _escaped(url)):
            body = None if runs else self._body(url, snapshot, headers)
            if snapshot != self.snapshot:
                earlier = body or earlier
            elif runs:
                failure = Failure(FetchError(reason, message), runs)
            else:
                current = body
        return CacheEntry(current, failure, earlier)

    def writing(self, url: str) -> AbstractContextManager[Path]:
        """Yield a path to write a URL's body to; the file stays if the block succeeds."""
        return atomic_write(self._path(url, self.snapshot))

    def record_body(self, url: str, body: Body) -> None:
        """Note that a URL was fetched, with its body's headers."""
        answered = _escaped(body.url) if body.url else None
        self._replace(url, None, None, None, body.charset, body.etag, body.modified, answered)

    def record_failure(self, url: str, error: FetchError) -> int:
        """Note that a URL failed; return in how many runs by now."""
        earlier = self.entry(url).failure
        runs = earlier.runs + 1 if earlier else 1
        self._replace(url, error.reason, _escaped(str(error)), runs, None, None, None, None)
        return runs

    def _body(self, url: str, snapshot: str, headers: list[str | None]) -> Body | None:
        path = self._path(url, snapshot)
        return Body(path, True, *headers) if path.exists() else None

    def _path(self, url: str, snapshot: str) -> Path:
        key = hashlib.sha256(f"{snapshot}\n{_escaped(url)}".encode())
        return self._bodies / key.hexdigest()[:40]

    def _replace(self, url: str, *values: object) -> None:
        marks = ", ".join("?" * (2 + len(values)))
        query = f"INSERT OR REPLACE INTO answers ({COLUMNS}) VALUES ({marks})"
        self._execute(query, _escaped(url), self.snapshot, *values)

    def _execute(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._explained(), self._lock:
            return self._table.execute(query, values).fetchall()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors of the table into a UserError that names its file and the remedy."""
        try:
            yield
        except sqlite3.Error as error:
            by_disk = re.search("full|I/O|readonly|unable to open", str(error))
            remedy = "" if by_disk else "; delete its folder to fetch everything again"
            raise UserError(f"{self._file} cannot be used: {error}{remedy}") from None


def _escaped(text: str) -> str:
    """Return a text with lone surrogates, which JSON may bring, escaped: UTF-8 cannot hold them.

    Different texts stay different, because they are keys.
    """
    return text.encode(errors="backslashreplace").decode()
