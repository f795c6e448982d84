"""A polite and careful web client: what was fetched and what failed is remembered.

Each host, also one that a page or picture redirects to, is asked by one downloader alone, which
knows its rules and keeps its pace: there is one here, or one for each processor of a cluster.
"""

import threading
from collections import Counter
from functools import partial
from pathlib import Path

from src.errors import UserError
from src.parallel.local import Actor, actors
from src.params import Scrape
from src.scrape.http.budget import Budget
from src.scrape.http.cache import Body, HttpCache
from src.scrape.http.downloader import Answer, Downloader, ParseBody, Result, follow
from src.scrape.http.fetch_errors import FetchError, HostUnavailableError
from src.scrape.http.hosts import origin


class Client:
    """Fetches URLs over http and https.

    folder: where answers are kept, by scrape.snapshot.
    local: origins that are served by this very process, each with its port on 127.0.0.1; they
        are not paced.
    """

    def __init__(self, scrape: Scrape, folder: Path, local: dict[str, int] | None = None):
        self.scrape = scrape
        self.answers = HttpCache(folder, scrape.snapshot)
        self._lock = threading.Lock()
        self._unasked: Counter[str] = Counter()
        self._budget = Budget(scrape)
        make = partial(Downloader, scrape, local)
        # what this process serves cannot be had from elsewhere
        self._downloaders = [make()] if local else actors(make, scrape.workers)
        self._downloader_of: dict[str, int] = {}  # by origin

    def get(self, url: str, use: ParseBody[Result], limit: int | None = None) -> Result:
        """What `use` makes of the body of a successful answer; on a cluster it is pickled.

        A body has at most `limit` bytes (default: scrape.max_bytes), and is kept unless `use`
        refuses it by a FetchError. What is kept is not fetched again, and what failed in
        scrape.max_failed_runs runs is not tried again.
        Raises FetchError: what `use` raises, or robots, noai, unsupported_url, private_address,
        too_many_redirects, http_<status>, waf_challenge, empty, too_large, too_slow, timeout,
        incomplete, bad_answer or connection. Raises UserError where scrape.max_requests or
        scrape.max_total_bytes is used up (on a cluster: by what was reported with each answer until
        then), or the disk refuses.
        """
        known = self.answers.state(url)
        if known.fetched:
            return use(known.fetched)
        if known.failed and known.failed.runs >= self.scrape.max_failed_runs:
            raise known.failed.error
        self._budget.refuse()
        try:
            return self._fetch(url, use, limit or self.scrape.max_bytes, known.earlier)
        except FetchError as error:
            runs = self.answers.fail(url, error)
            if isinstance(error, HostUnavailableError) and runs < self.scrape.max_failed_runs:
                with self._lock:
                    self._unasked[str(error)] += 1
            raise

    def settle(self) -> None:
        """Raise UserError where URLs were left unasked since a host is asked no more.

        The next run tries them again; after scrape.max_failed_runs runs they count as failed.
        """
        if self._unasked:
            left = "; ".join(f"{n} left: {why}" for why, n in sorted(self._unasked.items()))
            raise UserError(
                f"{left}. What was fetched is kept: run the same command to go on (after "
                f"{self.scrape.max_failed_runs} runs they count as failed: scrape.max_failed_runs)"
            )

    def _fetch(self, url: str, use: ParseBody[Result], limit: int, earlier: Body | None) -> Result:
        with self.answers.kept(url) as path:

            def ask(place: str) -> Answer[Result]:
                nonlocal earlier
                reply = self._downloader(origin(place))(place, path, use, limit, earlier)
                earlier = None  # it was of the URL itself, not of what that redirects to
                self._budget.count(reply.spent)
                if reply.error:
                    raise reply.error
                return reply.answer

            answer = follow(url, ask)
        self.answers.remember(url, answer.body)
        return answer.result

    @property
    def downloaders(self) -> int:
        """How many there are."""
        return len(self._downloaders)

    def _downloader(self, name: str) -> Actor:
        with self._lock:
            next_one = len(self._downloader_of) % len(self._downloaders)
            return self._downloaders[self._downloader_of.setdefault(name, next_one)]
