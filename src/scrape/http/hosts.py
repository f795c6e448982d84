"""A host's rules and pace."""

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

MAX_FAILED_URLS = 5  # in a row, each after all its retries, until a host counts as gone


class Host:
    """An origin (scheme, host and port): how often and how many at a time may ask it.

    Attributes:
        origin: Its name, such as `https://example.test`.
        rules: Its robots.txt; None until it is read.
        reading: Held by the thread that reads the rules.
        slots: Held by each running request, at most scrape.per_host at a time.
    """

    def __init__(self, origin: str, scrape: Scrape, paced: bool = True):
        self.origin = origin
        self.rules: Protego | None = None
        self.reading = threading.Lock()
        self.slots = threading.Semaphore(scrape.per_host)
        self._max_wait_s = scrape.deadline_s
        self._interval_s = 1 / scrape.requests_per_second if paced else 0.0
        self._turn = threading.Lock()
        self._next_turn = 0.0
        self._failed_urls = 0
        self._disabled_by: FetchError | None = None

    def slow_down(self, interval_s: float) -> None:
        """Leave at least `interval_s` between two requests; disable the host if that is too long."""
        if interval_s > self._max_wait_s:
            message = (
                f"its robots.txt asks for {interval_s:g} s between requests (scrape.deadline_s)"
            )
            self.disable(FetchError("robots", message))
        self._interval_s = max(self._interval_s, interval_s)

    def wait_for_turn(self) -> None:
        """Sleep until the next request may be sent; raises as `raise_if_disabled` does."""
        while True:
            with self._turn:
                self.raise_if_disabled()
                now = time.monotonic()
                if now >= self._next_turn:
                    self._next_turn = now + self._interval_s
                    return
                wait_s = self._next_turn - now
            time.sleep(wait_s)

    def raise_if_disabled(self) -> None:
        """Raise if this run sends the host no more requests.

        Raises:
            HostUnavailableError: The next run may ask it.
            FetchError: Its rules forbid to ask it.
        """
        if error := self._disabled_by:
            kind = HostUnavailableError if isinstance(error, TransientError) else FetchError
            raise kind(error.reason, f"{self.origin} is asked no more: {error}")

    def disable(self, error: FetchError) -> None:
        """Send it no more requests in this run; the first error is the one that is reported."""
        self._disabled_by = self._disabled_by or error

    def record_success(self) -> None:
        """Note that it answered, whatever it said."""
        self._failed_urls = 0

    def record_failure(self, error: TransientError) -> None:
        """Note that a URL had no answer after all retries; disable the host if that is repeated."""
        self._failed_urls += 1
        if self._failed_urls >= MAX_FAILED_URLS:
            self.disable(error)

    def back_off(self, error: TransientError) -> None:
        """Leave it alone for as long as it asks; disable it if that is too long."""
        if error.retry_after_s > self._max_wait_s:
            self.disable(error)
        with self._turn:
            self._next_turn = max(self._next_turn, time.monotonic() + error.retry_after_s)


def origin(url: str) -> str:
    """Return a URL's scheme, host and port.

    Raises:
        FetchError: `unsupported_url`: no http or https URL, or one that holds a password.
    """
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
