"""What was fetched and what failed, by URL: survives a kill at any moment."""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from src.errors import UserError
from src.files import whole
from src.scrape.errors import FetchError

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    url TEXT, snapshot TEXT,
    etag TEXT, modified TEXT, charset TEXT,  -- of what was fetched
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


class Answers:
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

    def fetched(self, url: str) -> Body | None:
        """What this snapshot has for a URL."""
        return self._body("snapshot = ?", url)

    def earlier(self, url: str) -> Body | None:
        """What the last of the other snapshots, by name, has for it."""
        return self._body("snapshot <> ?", url)

    def failure(self, url: str) -> tuple[FetchError, int] | None:
        """Why a URL could not be had in this snapshot, and in how many runs."""
        query = "SELECT reason, message, runs FROM answers WHERE url = ? AND snapshot = ? AND runs"
        found = self._execute(query, _text(url), self.snapshot)
        return (FetchError(*found[0][:2]), found[0][2]) if found else None

    @contextmanager
    def kept(self, url: str) -> Iterator[Path]:
        """Yield a path to write a body to; it is kept if the block succeeds."""
        with whole(self._path(url, self.snapshot)) as temporary:
            yield temporary

    def remember(self, url: str, body: Body) -> None:
        """A URL was fetched: its body is kept."""
        self._put(url, body.etag, body.modified, body.charset, None, None, None)

    def fail(self, url: str, error: FetchError) -> int:
        """A URL failed; returns in how many runs by now."""
        before = self.failure(url)
        runs = before[1] + 1 if before else 1
        self._put(url, None, None, None, error.reason, _text(str(error)), runs)
        return runs

    def _body(self, condition: str, url: str) -> Body | None:
        query = (
            "SELECT snapshot, charset, etag, modified FROM answers "
            f"WHERE url = ? AND {condition} AND runs IS NULL ORDER BY snapshot DESC LIMIT 1"
        )
        for snapshot, *said in self._execute(query, _text(url), self.snapshot):
            path = self._path(url, snapshot)
            if path.exists():
                return Body(path, True, *said)
        return None

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
            raise UserError(
                f"{self._table} cannot be used: {error}; delete its folder to fetch all anew"
            ) from None


def _text(url: str) -> str:
    """Text that UTF-8 can hold: JSON may bring half a surrogate pair."""
    return url.encode(errors="backslashreplace").decode()
