"""How many requests and bytes a run may use."""

import threading
from dataclasses import dataclass

from src.errors import UserError
from src.params import Scrape


@dataclass(frozen=True)
class Usage:
    """Requests sent, and bytes received."""

    requests: int = 0
    bytes: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.requests + other.requests, self.bytes + other.bytes)


class Budget:
    """A run's usage, held against scrape.max_requests and scrape.max_total_bytes.

    Threads may share it.
    """

    def __init__(self, scrape: Scrape):
        self._scrape = scrape
        self._lock = threading.Lock()
        self._total = self._unreported = Usage()

    def spend(self, requests: int = 0, bytes: int = 0) -> None:
        """Count usage; raise UserError if it exceeds the budget."""
        self.add(Usage(requests, bytes))
        self.raise_if_exceeded()

    def add(self, usage: Usage) -> None:
        """Count usage that a downloader reported."""
        with self._lock:
            self._total += usage
            self._unreported += usage

    def raise_if_exceeded(self) -> None:
        """Raise UserError if the run has used more than its budget."""
        for key, limit, amount in (
            ("max_requests", self._scrape.max_requests, self._total.requests),
            ("max_total_bytes", self._scrape.max_total_bytes, self._total.bytes),
        ):
            if amount > limit:
                raise UserError(
                    f"scrape.{key} = {limit} is used up for this run. What was fetched is kept: run "
                    "the same command to continue, or raise it"
                )

    def take_report(self) -> Usage:
        """Return the usage since the last report."""
        with self._lock:
            usage, self._unreported = self._unreported, Usage()
            return usage
