"""A polite and careful web client, which remembers what was fetched and what failed.

The way of a URL and of its `parse`, from left to right, with the result on the way back:

    store or crawl ─► Client.get ─► Downloader ─► Transport     the body, in a file of the cache
                                    parse(body)                 what the caller wants of it

`parse` is called where the body arrives, and refuses a body by raising FetchError; then the cache
keeps no body. On a Ray cluster the downloader runs on another machine and gets `parse` pickled:
it must be a module's function or a `partial` of one. A body that is in the cache is parsed here.

One downloader alone asks a host, because it knows the host's rules and keeps its pace. That also
holds for hosts that a page or picture redirects to. There is one downloader on this machine, or
one for each processor of a cluster.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping
from copy import copy
from functools import partial
from pathlib import Path

from src.errors import UserError
from src.parallel.local import Actor, actors
from src.params import Scrape
from src.scrape.http.budget import Budget
from src.scrape.http.cache import Body, Failure, HttpCache, ParseBody, Result
from src.scrape.http.downloader import Download, Downloader, Reply, follow_redirects
from src.scrape.http.fetch_errors import (
    FetchError,
    HostUnavailableError,
    deciding_settings,
    may_pass,
)
from src.scrape.http.origins import host_of
from src.scrape.http.referrers import referer
from src.scrape.http.transport import Redirect


class Client:
    """Fetches URLs over http and https; threads may share it.

    See `Downloader` for `local_ports`.
    """

    def __init__(self, scrape: Scrape, folder: Path, local_ports: Mapping[str, int] | None = None):
        self.scrape = scrape
        self._cache = HttpCache(folder, scrape.snapshot, partial(deciding_settings, scrape))
        self._lock = threading.Lock()
        # why URLs are left to the next run, by host and reason; what closed the host comes first
        self._postponed: defaultdict[tuple[str, str], list[tuple[bool, str]]] = defaultdict(list)
        self._budget = Budget(scrape)
        make = partial(Downloader, scrape, local_ports)
        # other machines cannot reach what this process serves
        self._downloaders = [make()] if local_ports else actors(make, scrape.workers)
        self._downloader_of: dict[str, int] = {}  # by host

    @property
    def n_downloaders(self) -> int:
        """How many downloaders share the hosts."""
        return len(self._downloaders)

    def for_extras(self) -> "Client":
        """Return a client with the same cache, budget and hosts, for what a run can do without.

        What it cannot fetch leaves the run complete: see `raise_if_incomplete`.
        """
        extras = copy(self)
        extras._postponed = self._postponed.copy()
        return extras

    def get(
        self,
        url: str,
        parse: ParseBody[Result],
        limit: int | None = None,
        page_url: str | None = None,
        insist: bool = False,
    ) -> Result:
        """Return what `parse` makes of the URL's body.

        A body in the cache is not fetched again. A URL that failed in scrape.max_failed_runs runs
        is not tried again, unless a setting that decides the failure has changed.

        Args:
            url: Any text.
            parse: Returns the result of a body, or refuses it by a FetchError; it is picklable.
            limit: The most bytes that the body may have; by default scrape.max_bytes.
            page_url: The page that has the URL; see scrape.referer.
            insist: Try the URL however often it has failed: nothing can be done without it.

        Raises:
            FetchError: What `parse` raises, or robots, noai, unsupported_url, private_address,
                too_many_redirects, http_<status>, waf_challenge, empty, too_large, too_slow,
                timeout, incomplete, bad_answer or connection.
            UserError: scrape.max_requests or scrape.max_total_bytes is used up, or the disk
                refuses. A cluster's downloaders report their usage with each answer, so requests
                in flight may exceed the budget slightly.
        """
        entry = self._cache.entry(url)
        if entry.body:
            return parse(entry.body)
        if entry.failure and entry.failure.runs >= self.scrape.max_failed_runs and not insist:
            raise _remembered(entry.failure)
        self._budget.raise_if_exceeded()
        try:
            return self._fetch(url, parse, limit or self.scrape.max_bytes, entry.earlier, page_url)
        except FetchError as error:
            runs = self._cache.record_failure(url, error)
            if may_pass(error) and runs < self.scrape.max_failed_runs:
                reason = not isinstance(error, HostUnavailableError), str(error)
                with self._lock:
                    self._postponed[host_of(url), error.reason].append(reason)
            raise

    def raise_if_incomplete(self) -> None:
        """Raise UserError if URLs failed in a way that may pass.

        The next run tries them again; after scrape.max_failed_runs runs they count as failed.
        """
        if self._postponed:
            left = [(len(errors), min(errors)[1]) for _, errors in sorted(self._postponed.items())]
            reasons = "; ".join(f"{count} left: {why}" for count, why in left)
            raise UserError(
                f"{reasons}. What was fetched is kept: run the same command to continue (after "
                f"{self.scrape.max_failed_runs} runs they count as failed: scrape.max_failed_runs)"
            )

    def _fetch(
        self,
        url: str,
        parse: ParseBody[Result],
        limit: int,
        earlier: Body | None,
        page_url: str | None,
    ) -> Result:
        page_url = page_url if self.scrape.referer == "page" else None
        with self._cache.writing(url) as path:

            def request(target: str) -> Download[Result] | Redirect:
                # an earlier body belongs to the address that answered, behind any redirects
                is_earliers = earlier is not None and target == (earlier.url or url)
                conditional = earlier if is_earliers else None
                downloader = self._downloader(host_of(target))
                sent = referer(page_url, target) if page_url else None
                reply: Reply[Result] = downloader(target, path, parse, limit, conditional, sent)
                self._budget.add(reply.usage)
                if isinstance(reply.outcome, FetchError):
                    raise reply.outcome
                return reply.outcome

            download = follow_redirects(url, request)
        self._cache.record_body(url, download.body)
        return download.result

    def _downloader(self, host: str) -> Actor:
        """Return the downloader that asks this host; hosts are dealt out in turn."""
        with self._lock:
            next_index = len(self._downloader_of) % len(self._downloaders)
            return self._downloaders[self._downloader_of.setdefault(host, next_index)]


def _remembered(failure: Failure) -> FetchError:
    """Return the error of earlier runs, with what lets the next one try again."""
    error = failure.error
    return FetchError(
        error.reason,
        f"{error} (so in {failure.runs} runs: raise scrape.max_failed_runs or change "
        "scrape.snapshot to try again)",
    )
