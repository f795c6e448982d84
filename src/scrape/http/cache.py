"""What was fetched and what failed, by URL: survives a kill at any moment."""

import hashlib
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from src.errors import UserError
from src.scrape.http.fetch_errors import FetchError
from src.storage.atomic import atomic_write

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    url TEXT, snapshot TEXT,
    charset TEXT, etag TEXT, modified TEXT,  -- of what was fetched
    reason TEXT, message TEXT, runs INTEGER, -- of what failed; NULL: it was fetched
    PRIMARY KEY (url, snapshot)
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Body:
    """The body of an answer, in a file; `charset` as its Content-Type has it.

    ours: whether the file is our own and never changes, so that another name may be linked to it.
    """

    path: Path
    ours: bool = False
    charset: str | None = None
    etag: str | None = None
    modified: str | None = None

    def conditions(self) -> dict[str, str]:
        """Headers that ask for it only if it has changed since (RFC 9110, section 13)."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True)
class Failure:
    """Why a URL could not be had the last time, and in how many runs by now."""

    error: FetchError
    runs: int


@dataclass(frozen=True)
class State:
    """What is known of a URL: pending, where none of the first two is there.

    earlier: what the last of the other snapshots, by name, has for it.
    """

    fetched: Body | None
    failed: Failure | None
    earlier: Body | None


class HttpCache:
    """A folder with a file for each body, and a table of the state of every URL.

    A URL is pending (no row), fetched, or failed, with the reason and in how many runs. Raises
    UserError where the folder or the table cannot be used.
    """

    def __init__(self, folder: Path, snapshot: str):
        self.snapshot = snapshot
        self._bodies = folder / "bodies"
        self._table = folder / "answers.sqlite"
        self._lock = threading.Lock()
        try:
            self._bodies.mkdir(parents=True, exist_ok=True)
            for left in self._bodies.glob(".*"):  # half a body, of a run that was killed
                left.unlink()
        except OSError as error:
            raise UserError(f"cannot write {self._bodies}: {error.strerror}") from None
        with self._understood():
            self._rows = sqlite3.connect(self._table, isolation_level=None, check_same_thread=False)
            # a kill loses nothing in this mode, a power cut at worst the last few rows
            self._rows.execute("PRAGMA journal_mode=WAL")
            self._rows.execute("PRAGMA synchronous=NORMAL")
            self._rows.execute(SCHEMA)

    def state(self, url: str) -> State:
        """What is known of a URL."""
        fetched = earlier = failed = None
        query = "SELECT * FROM answers WHERE url = ? ORDER BY snapshot"
        for _, snapshot, *said, reason, message, runs in self._execute(query, _text(url)):
            body = None if runs else self._body(url, snapshot, said)
            if snapshot != self.snapshot:
                earlier = body or earlier
            elif runs:
                failed = Failure(FetchError(reason, message), runs)
            else:
                fetched = body
        return State(fetched, failed, earlier)

    def kept(self, url: str) -> AbstractContextManager[Path]:
        """A path to write a body to; it is kept if the block succeeds."""
        return atomic_write(self._path(url, self.snapshot))

    def remember(self, url: str, body: Body) -> None:
        """A URL was fetched: its body is kept."""
        self._put(url, body.charset, body.etag, body.modified, None, None, None)

    def fail(self, url: str, error: FetchError) -> int:
        """A URL failed; returns in how many runs by now."""
        before = self.state(url).failed
        runs = before.runs + 1 if before else 1
        self._put(url, None, None, None, error.reason, _text(str(error)), runs)
        return runs

    def _body(self, url: str, snapshot: str, said: list) -> Body | None:
        path = self._path(url, snapshot)
        return Body(path, True, *said) if path.exists() else None

    def _path(self, url: str, snapshot: str) -> Path:
        key = hashlib.sha256(f"{snapshot}\n{_text(url)}".encode())
        return self._bodies / key.hexdigest()[:40]

    def _put(self, url: str, *values: object) -> None:
        marks = ", ".join("?" * (2 + len(values)))
        query = f"INSERT OR REPLACE INTO answers VALUES ({marks})"
        self._execute(query, _text(url), self.snapshot, *values)

    def _execute(self, query: str, *values: object) -> list[tuple]:
        with self._understood(), self._lock:
            return self._rows.execute(query, values).fetchall()

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            refused = re.search("full|I/O|readonly|unable to open", str(error))  # by the disk
            remedy = "" if refused else "; delete its folder to fetch all anew"
            raise UserError(f"{self._table} cannot be used: {error}{remedy}") from None


def _text(url: str) -> str:
    """Text that UTF-8 can hold: JSON may bring half a surrogate pair."""
    return url.encode(errors="backslashreplace").decode()
