"""A host's rules and pace: who asks it, waits here first."""

import threading
import time
from urllib.parse import urlsplit

from protego import Protego

from src.params import Scrape
from src.scrape.http.fetch_errors import (
    FetchError,
    HostUnavailableError,
    TransientError,
    without_password,
)

LOST = 5  # URLs in a row that a host has no answer for, after all retries, until it counts as gone


class Host:
    """An origin (scheme, host and port): how often and by how many at once it may be asked.

    rules: its robots.txt, once it is read; whoever reads it holds `reading`.
    """

    def __init__(self, origin: str, scrape: Scrape, paced: bool = True):
        self.origin = origin
        self.rules: Protego | None = None
        self.reading = threading.Lock()
        self.slots = threading.Semaphore(scrape.per_host)
        self._patience = scrape.deadline_s
        self._interval = 1 / scrape.requests_per_second if paced else 0.0
        self._turn = threading.Lock()
        self._next_at = 0.0
        self._lost = 0
        self._closed: FetchError | None = None

    def slow_down(self, seconds: float) -> None:
        """Leave at least so many seconds between two requests; if that is too long, ask no more."""
        if seconds > self._patience:
            message = f"its robots.txt asks for {seconds:g} s between requests (scrape.deadline_s)"
            self.close(FetchError("robots", message))
        self._interval = max(self._interval, seconds)

    def wait_for_turn(self) -> None:
        """Sleep until it may be asked. Raises HostClosedError where it is asked no more."""
        while True:
            with self._turn:
                self.refuse_if_closed()
                now = time.monotonic()
                if now >= self._next_at:
                    self._next_at = now + self._interval
                    return
                wait = self._next_at - now
            time.sleep(wait)

    def refuse_if_closed(self) -> None:
        """Raise HostClosedError where it is asked no more, or FetchError where it never will be."""
        if self._closed:
            kind = HostUnavailableError if isinstance(self._closed, TransientError) else FetchError
            raise kind(self._closed.reason, f"{self.origin} is asked no more: {self._closed}")

    def close(self, error: FetchError) -> None:
        """Ask it no more in this run."""
        self._closed = self._closed or error

    def answered(self) -> None:
        """It is there, whatever it said."""
        self._lost = 0

    def rest(self, error: TransientError) -> None:
        """Leave it alone for as long as it asks; if that is too long, for the whole run."""
        if error.after > self._patience:
            self.close(error)
        with self._turn:
            self._next_at = max(self._next_at, time.monotonic() + error.after)

    def lost(self, error: TransientError) -> None:
        """A URL had no answer, after all retries."""
        self._lost += 1
        if self._lost >= LOST:
            self.close(error)


def origin(url: str) -> str:
    """Scheme, host and port of a URL that may be asked for."""
    try:
        parts = urlsplit(url)
        user = parts.username or parts.password
    except ValueError:
        parts, user = urlsplit(""), None
    if user:
        raise FetchError("unsupported_url", f"{without_password(url)} holds a user or password")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        message = f"{without_password(url)}: expected http or https"
        raise FetchError("unsupported_url", message)
    return f"{parts.scheme}://{parts.netloc}"
