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
    """scrape.max_requests and scrape.max_total_bytes of one run, shared by threads."""

    def __init__(self, scrape: Scrape):
        self._most = {
            "max_requests": scrape.max_requests,
            "max_total_bytes": scrape.max_total_bytes,
        }
        self._lock = threading.Lock()
        self._spent = self._untold = Spent()

    def spend(self, requests: int = 0, bytes: int = 0) -> None:
        """Count them. Raises UserError where the budget is used up."""
        with self._lock:
            self._spent += Spent(requests, bytes)
            self._untold += Spent(requests, bytes)
            spent = self._spent
        for (name, most), amount in zip(self._most.items(), spent, strict=True):
            if amount > most:
                raise UserError(
                    f"scrape.{name} = {most} is used up for this run. What was fetched is kept: run "
                    "the same command to go on, or raise it"
                )

    def untold(self) -> Spent:
        """What was spent since this was last asked."""
        with self._lock:
            told, self._untold = self._untold, Spent()
            return told
