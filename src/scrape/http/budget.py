"""What a run may take of the web."""

import threading
from typing import NamedTuple

from src.errors import UserError
from src.params import Scrape


class Spent(NamedTuple):
    """Requests sent, and bytes received."""

    requests: int = 0
    bytes: int = 0

    def __add__(self, more: "Spent") -> "Spent":
        return Spent(self.requests + more.requests, self.bytes + more.bytes)


class Budget:
    """What may be spent by scrape.max_requests and scrape.max_total_bytes; shared by threads."""

    def __init__(self, scrape: Scrape):
        self._most = {
            "max_requests": scrape.max_requests,
            "max_total_bytes": scrape.max_total_bytes,
        }
        self._lock = threading.Lock()
        self._spent = self._unreported = Spent()

    def spend(self, requests: int = 0, bytes: int = 0) -> None:
        """Count them. Raises UserError where that is more than the budget has."""
        self.count(Spent(requests, bytes))
        self.refuse()

    def count(self, spent: Spent) -> None:
        """Count what was spent already."""
        with self._lock:
            self._spent += spent
            self._unreported += spent

    def refuse(self) -> None:
        """Raise UserError where more was spent than the budget has."""
        for (name, most), amount in zip(self._most.items(), self._spent, strict=True):
            if amount > most:
                raise UserError(
                    f"scrape.{name} = {most} is used up for this run. What was fetched is kept: run "
                    "the same command to go on, or raise it"
                )

    def report(self) -> Spent:
        """What was spent since the last report."""
        with self._lock:
            spent, self._unreported = self._unreported, Spent()
            return spent
