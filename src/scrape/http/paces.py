"""How often, and by how many requests at a time, a host is asked, under all its names."""

import threading
import time

from src.params import Scrape
from src.scrape.http.resolver import Resolver


class Pace:
    """The pace of a host.

    Attributes:
        slots: Held by each running request, at most scrape.per_host at a time.
    """

    def __init__(self, interval_s: float, per_host: int):
        self.slots = threading.Semaphore(per_host)
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._next_turn = 0.0
        self._begun = False

    def begin(self) -> bool:
        """Return True for the first call, and False for all later ones."""
        with self._lock:
            first, self._begun = not self._begun, True
            return first

    def take_turn(self) -> float:
        """Take the next turn and return 0, or return the seconds until there is one."""
        with self._lock:
            now = time.monotonic()
            if now < self._next_turn:
                return self._next_turn - now
            self._next_turn = now + self._interval_s
            return 0.0

    def slow_down(self, interval_s: float) -> None:
        """Leave at least `interval_s` between two requests."""
        with self._lock:
            self._interval_s = max(self._interval_s, interval_s)

    def pause(self, seconds: float) -> None:
        """Give no turn for some seconds."""
        with self._lock:
            self._next_turn = max(self._next_turn, time.monotonic() + seconds)


class Paces:
    """The paces of all hosts. Names that share an address share a pace."""

    def __init__(self, scrape: Scrape, resolver: Resolver):
        self._scrape = scrape
        self._resolver = resolver
        self._lock = threading.Lock()
        self._paces: dict[str, Pace] = {}  # by name, and by address

    def of(self, host: str) -> Pace:
        """Return the pace of a host, as `host_name` spells it."""
        with self._lock:
            if pace := self._paces.get(host):
                return pace
        keys = [host, *self._resolver.look_up(host)]  # other hosts do not wait for this
        with self._lock:
            shared = next((self._paces[key] for key in keys if key in self._paces), None)
            pace = shared or Pace(1 / self._scrape.requests_per_second, self._scrape.per_host)
            for key in keys:
                self._paces.setdefault(key, pace)
            return pace
