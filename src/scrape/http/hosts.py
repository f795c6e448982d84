"""A host's rules, and whether this run still asks it."""

import threading
import time

from protego import Protego

from src.params import Scrape
from src.scrape.http.fetch_errors import FetchError, HostUnavailableError, TransientError
from src.scrape.http.paces import Pace

MAX_FAILED_URLS = 5  # in a row, each after all its retries, until a host counts as gone
MAX_REFUSALS = 5  # HTTP 429 in a row, until a host is left alone


class Host:
    """An origin: scheme, host and port.

    Attributes:
        origin: Its name, such as `https://example.test`.
        pace: Of its host, which other origins may share.
        rules: Its robots.txt; None until it is read.
        reading: Held by the thread that reads the rules.
    """

    def __init__(self, origin: str, pace: Pace, scrape: Scrape):
        self.origin = origin
        self.pace = pace
        self.rules: Protego | None = None
        self.reading = threading.Lock()
        self._max_wait_s = scrape.deadline_s
        self._lock = threading.Lock()
        self._failed_urls = 0
        self._refusals = 0
        self._disabled_by: FetchError | None = None

    def slow_down(self, interval_s: float) -> None:
        """Leave at least `interval_s` between two requests; disable the host if that is too long."""
        if interval_s > self._max_wait_s:
            message = (
                f"its robots.txt asks for {interval_s:g} s between requests, by Crawl-delay or "
                "Request-rate (scrape.deadline_s)"
            )
            self.disable(FetchError("robots", message))
        else:
            self.pace.slow_down(interval_s)

    def wait_for_turn(self) -> None:
        """Sleep until the next request may be sent; raises as `raise_if_disabled` does."""
        while True:
            self.raise_if_disabled()
            wait_s = self.pace.take_turn()
            if not wait_s:
                return
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
        with self._lock:
            self._failed_urls = self._refusals = 0

    def record_failure(self, error: TransientError) -> None:
        """Note that a URL had no answer after all retries; disable the host if that is repeated."""
        with self._lock:
            self._failed_urls += 1
            if self._failed_urls >= MAX_FAILED_URLS:
                self.disable(error)

    def back_off(self, error: TransientError) -> None:
        """Leave it alone for as long as it asks; disable it if that is too long, or too often."""
        with self._lock:
            self._refusals = self._refusals + 1 if error.reason == "http_429" else 0
            if error.retry_after_s > self._max_wait_s or self._refusals >= MAX_REFUSALS:
                self.disable(error)
        self.pace.pause(min(error.retry_after_s, self._max_wait_s))
