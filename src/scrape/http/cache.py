"""A cache of bodies and failures by URL, which survives a kill at any moment."""

import hashlib
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from src.errors import UserError, print_on_stderr
from src.scrape.http.fetch_errors import FetchError
from src.storage.atomic import atomic_write, remove
from src.storage.checksums import file_sha256

# Of a body: charset, etag, modified, the URL that answered unless it is this one, the date, and the
# next page. Of a failure: reason, message, the number of runs, and the settings that decide it. Then
# the SHA-256 of the row and of its body.
COLUMNS = {
    "url": "TEXT",
    "snapshot": "TEXT",
    "reason": "TEXT",
    "message": "TEXT",
    "runs": "INTEGER",
    "charset": "TEXT",
    "etag": "TEXT",
    "modified": "TEXT",
    "answered": "TEXT",
    "date": "TEXT",
    "settings": "TEXT",
    "next_url": "TEXT",
    "sha256": "TEXT",
}
LATER_COLUMNS = {"answered", "date", "settings", "next_url", "sha256"}  # which version 0 lacks
SCHEMA = (
    f"CREATE TABLE answers ({', '.join(map(' '.join, COLUMNS.items()))}, "
    "PRIMARY KEY (url, snapshot)) WITHOUT ROWID"
)
NAMES = ", ".join(COLUMNS)
BODIES = "bodies"  # the folder of the files
VERSION = 1  # of the table, in its header; 0 had no checksums
# Errors of the table that say nothing of its content.
BY_DISK = "full|I/O|readonly|unable to open|locked"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Body:
    """The body of an answer, in a file.

    Attributes:
        path: The file.
        charset: As the Content-Type header states it.
        etag: The ETag header.
        modified: The Last-Modified header.
        url: The URL that answered after redirects; None if it is the one that was asked for.
        date: On which it was fetched, as 2026-11-22 (UTC); None if not from the web.
        next_url: Of the page after it, as the Link header states it.
    """

    path: Path
    charset: str | None = None
    etag: str | None = None
    modified: str | None = None
    url: str | None = None
    date: str | None = None
    next_url: str | None = None

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


def forget(folder: Path, urls: Iterable[str], snapshot: str) -> list[str]:
    """Delete what the cache in a folder holds of some URLs, of every snapshot.

    Of the current snapshot a killed run may have left bodies without a row.

    Returns:
        The other URLs of this snapshot whose bodies are equal to a deleted one, sorted.

    Raises:
        UserError: The folder or the table cannot be used.
    """
    file, bodies = folder / "answers.sqlite", folder / BODIES
    if not file.exists():
        return []
    deleted: dict[int, set[str]] = {}
    with (
        _database_errors_named(file),
        closing(sqlite3.connect(file, isolation_level=None)) as table,
    ):
        table.execute("PRAGMA secure_delete=ON")  # what was there is overwritten: an ETag is a hash
        for url in map(_escaped, urls):
            rows = table.execute("SELECT snapshot FROM answers WHERE url = ?", [url])
            for name in {snapshot, *(noted for (noted,) in rows)}:
                body = bodies / _body_name(url, name)
                if body.exists():
                    deleted.setdefault(body.stat().st_size, set()).add(file_sha256(body))
                    body.unlink()
            table.execute("DELETE FROM answers WHERE url = ?", [url])
        table.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not deleted:
            return []
        query = "SELECT url FROM answers WHERE snapshot = ? AND runs IS NULL ORDER BY url"
        return [
            url
            for (url,) in table.execute(query, [snapshot])
            if _has_content(bodies / _body_name(url, snapshot), deleted)
        ]


def _has_content(body: Path, digests: Mapping[int, set[str]]) -> bool:
    """Return whether a file has one of some contents, by size and SHA-256."""
    with suppress(FileNotFoundError):
        known = digests.get(body.stat().st_size)
        return known is not None and file_sha256(body) in known
    return False


def redirects(folder: Path) -> dict[str, str]:
    """Return the URLs that answered after redirects, each with one that was asked for.

    Raises:
        UserError: The table cannot be used.
    """
    file = folder / "answers.sqlite"
    if not file.exists():
        return {}
    query = "SELECT answered, url FROM answers WHERE answered IS NOT NULL ORDER BY url DESC"
    with (
        _database_errors_named(file),
        closing(sqlite3.connect(file, isolation_level=None)) as table,
    ):
        columns = {name for _, name, *_ in table.execute("PRAGMA table_info(answers)")}
        return dict(table.execute(query)) if "answered" in columns else {}  # version 0 lacks it


class HttpCache:
    """A folder with one file for each body, and a table with the state of every URL.

    A body or row that does not match its checksum counts as missing, and a line on stderr names it.
    A damaged table is replaced by an empty one in the same way. A failure is forgotten when the
    settings that decide it change: see `deciding_settings`.

    Raises:
        UserError: The folder or the table cannot be used.
    """

    def __init__(
        self, folder: Path, snapshot: str, deciding: Callable[[str], str] = lambda reason: ""
    ):
        self.snapshot = snapshot
        self._deciding = deciding
        self._bodies = folder / BODIES
        self._file = folder / "answers.sqlite"
        self._lock = threading.Lock()
        try:
            self._bodies.mkdir(parents=True, exist_ok=True)
            for half in self._bodies.glob(".*"):  # of a run that was killed
                half.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {self._bodies}: {error.strerror}") from None
        with _database_errors_named(self._file):
            try:
                self._open()
            except sqlite3.DatabaseError as error:
                if re.search(BY_DISK, str(error)):
                    raise
                print_on_stderr(f"{self._file} is damaged ({error}): everything is fetched again")
                self._table.close()
                for file in folder.glob(f"{self._file.name}*"):
                    remove(file)
                self._open()

    def _open(self) -> None:
        self._table = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        self._table.text_factory = lambda text: text.decode(errors="replace")
        # a kill loses nothing in this mode, a power cut at worst the last rows
        self._table.execute("PRAGMA journal_mode=WAL")
        self._table.execute("PRAGMA synchronous=NORMAL")
        if not self._table.execute("SELECT name FROM sqlite_master").fetchall():
            self._table.executescript(f"BEGIN; {SCHEMA}; PRAGMA user_version={VERSION}; COMMIT")
        for (problem,) in self._table.execute("PRAGMA quick_check(1)"):
            if problem != "ok":
                raise sqlite3.DatabaseError(" ".join(problem.split()))
        columns = self._table.execute("SELECT name FROM pragma_table_info('answers')")
        present = {name for (name,) in columns}
        missing = [name for name in COLUMNS if name not in present]
        [(version,)] = self._table.execute("PRAGMA user_version")
        if version == 0 and "sha256" in missing and LATER_COLUMNS.issuperset(missing):
            self._upgrade(missing)
        elif version == VERSION and missing == ["next_url"]:
            self._add_columns(missing)
        elif missing or version != VERSION:
            raise sqlite3.DatabaseError("it is of another version")

    def _upgrade(self, columns: list[str]) -> None:
        """Add columns to a table of an earlier version, and checksums to its rows."""
        self._table.execute("BEGIN")
        self._add_columns(columns)
        for *values, _ in self._table.execute(f"SELECT {NAMES} FROM answers").fetchall():
            if values[4] or self._path(values[0], values[1]).exists():
                self._replace(values)
        self._table.execute(f"PRAGMA user_version={VERSION}")
        self._table.execute("COMMIT")

    def _add_columns(self, names: list[str]) -> None:
        for name in names:
            self._table.execute(f"ALTER TABLE answers ADD COLUMN {name} {COLUMNS[name]}")

    def entry(self, url: str) -> CacheEntry:
        """Return what is known of a URL."""
        current = earlier = failure = None
        query = f"SELECT {NAMES} FROM answers WHERE url = ? ORDER BY snapshot"
        for *values, sha256 in self._execute(query, _escaped(url)):
            _, snapshot, reason, message, runs, *headers, settings, next_url = values
            headers.append(next_url)
            path = self._path(url, snapshot)
            if not runs and not path.exists():
                continue
            if not self._matches(values, sha256):
                file = self._file if runs else path
                print_on_stderr(f"{file} is damaged: {url} is fetched again")
            elif snapshot != self.snapshot:
                earlier = earlier if runs else Body(path, *headers)
            elif not runs:
                current = Body(path, *headers)
            elif settings == self._deciding(reason):
                failure = Failure(FetchError(reason, message), runs)
        return CacheEntry(current, failure, earlier)

    def writing(self, url: str) -> AbstractContextManager[Path]:
        """Yield a path to write a URL's body to; the file stays if the block succeeds."""
        # what a power cut damages does not match its checksum, and is fetched again
        return atomic_write(self._path(url, self.snapshot), sync=False)

    def record_body(self, url: str, body: Body) -> None:
        """Note that a URL was fetched, with its body's headers."""
        answered, next_url = (
            _escaped(address) if address else None for address in (body.url, body.next_url)
        )
        headers = body.charset, body.etag, body.modified, answered, body.date
        self._replace([_escaped(url), self.snapshot, *[None] * 3, *headers, None, next_url])

    def record_failure(self, url: str, error: FetchError) -> int:
        """Note that a URL failed; return in how many runs by now."""
        earlier = self.entry(url).failure
        runs = earlier.runs + 1 if earlier else 1
        failure = error.reason, _escaped(str(error)), runs
        settings = self._deciding(error.reason)
        self._replace([_escaped(url), self.snapshot, *failure, *[None] * 5, settings, None])
        return runs

    def _path(self, url: str, snapshot: str) -> Path:
        return self._bodies / _body_name(_escaped(url), snapshot)

    def _checksum(self, values: list[Any]) -> str:
        """Return the SHA-256 of a row without its last column, and of its body if it has one."""
        url, snapshot, _, _, runs, *_, next_url = values
        # rows from before there was a next_url keep their checksums
        digest = hashlib.sha256(repr(values if next_url else values[:-1]).encode())
        if not runs:
            with self._path(url, snapshot).open("rb") as body:
                hashlib.file_digest(body, lambda: digest)
        return digest.hexdigest()

    def _matches(self, values: list[Any], sha256: object) -> bool:
        with suppress(OSError):  # a body that may not be read
            return self._checksum(values) == sha256
        return False

    def _replace(self, values: list[Any]) -> None:
        marks = ", ".join("?" * len(COLUMNS))
        query = f"INSERT OR REPLACE INTO answers ({NAMES}) VALUES ({marks})"
        self._execute(query, *values, self._checksum(values))

    def _execute(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with _database_errors_named(self._file), self._lock:
            return self._table.execute(query, values).fetchall()


@contextmanager
def _database_errors_named(file: Path) -> Iterator[None]:
    """Turn errors of the table into a UserError that names its file and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        remedy = "" if re.search(BY_DISK, str(error)) else "; run the same command again"
        raise UserError(f"{file} cannot be used: {error}{remedy}") from None


def _body_name(escaped_url: str, snapshot: str) -> str:
    return hashlib.sha256(f"{snapshot}\n{escaped_url}".encode()).hexdigest()[:40]


def _escaped(text: str) -> str:
    """Return a text with lone surrogates, which JSON may bring, escaped: UTF-8 cannot hold them.

    Different texts stay different, because they are keys.
    """
    return text.encode(errors="backslashreplace").decode()
