"""Asks each host by its rules and at its pace, and repeats requests that may succeed later.

The rules are the host's robots.txt. The pace is scrape.requests_per_second, scrape.per_host and
whatever the host asks for.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from protego import Protego, RequestRate

from src.params import Scrape
from src.scrape.http.budget import Usage
from src.scrape.http.cache import Body, ParseBody, Result
from src.scrape.http.fetch_errors import FetchError, TransientError
from src.scrape.http.hosts import Host
from src.scrape.http.origins import host_of, origin
from src.scrape.http.paces import Pace, Paces
from src.scrape.http.resolver import Resolver
from src.scrape.http.transport import AGENT, Redirect, Transport
from src.scrape.page_text import encoding_by_mark

CONNECTION_REASONS = ("connection", "timeout", "incomplete")  # of a host that does not answer
MAX_REDIRECTS = 5  # in a row
ROBOTS_BYTES = 512_000  # RFC 9309 asks for at least 500 KiB

Answer = TypeVar("Answer")


class Download(NamedTuple, Generic[Result]):
    """A received body, and what `parse` made of it."""

    body: Body
    result: Result


class Reply(NamedTuple, Generic[Result]):
    """What a downloader returns, and what it has used since its last reply."""

    outcome: Download[Result] | Redirect | FetchError
    usage: Usage


class Downloader:
    """Fetches URLs, in any number of threads; it remembers each host's rules and pace.

    Args:
        scrape: The section `scrape` of params.yaml.
        local_ports: Origins that this very process serves, and their ports on 127.0.0.1. They are
            not paced.
    """

    def __init__(self, scrape: Scrape, local_ports: Mapping[str, int] | None = None):
        self._scrape = scrape
        self._local_ports = local_ports or {}
        resolver = Resolver()
        self._transport = Transport(scrape, self._local_ports, resolver)
        self._paces = Paces(scrape, resolver)
        self._lock = threading.Lock()
        self._hosts: dict[str, Host] = {}

    def __call__(
        self,
        url: str,
        path: Path,
        parse: ParseBody[Result],
        limit: int,
        earlier: Body | None,
        referer: str | None = None,
    ) -> Reply[Result]:
        """Fetch a URL, as soon as its host may be asked; redirects are not followed.

        Args:
            url: Any text.
            path: Where the body goes. The host's robots.txt is read there before, if need be.
            parse: Returns the result of a body, or refuses it by a FetchError.
            limit: The most bytes that the body may have.
            earlier: An earlier body of the URL. It is used if it has not changed.
            referer: The header of that name.

        Raises:
            UserError: scrape.max_requests or scrape.max_total_bytes is used up, or the disk
                refuses.
        """
        try:
            outcome = self._download(url, path, parse, limit, earlier, referer)
        except FetchError as error:
            return Reply(error, self._transport.budget.take_report())
        return Reply(outcome, self._transport.budget.take_report())

    def _download(
        self,
        url: str,
        path: Path,
        parse: ParseBody[Result],
        limit: int,
        earlier: Body | None,
        referer: str | None,
    ) -> Download[Result] | Redirect:
        host = self._host(url)
        if not self._rules(host, path).can_fetch(url, AGENT):
            raise FetchError("robots", f"{url}: refused by {host.origin}/robots.txt")
        answer = self._request_with_retries(host, url, path, limit, earlier, referer=referer)
        if isinstance(answer, Redirect):
            return answer
        # of an earlier body that has not changed, the date stays
        body = replace(answer, url=url, date=answer.date or self._date(host))
        return Download(body, parse(body))

    def _date(self, host: Host) -> str | None:
        """Return today's date; None for what this very process serves, which is drawn again."""
        return None if host.origin in self._local_ports else datetime.now(UTC).date().isoformat()

    def _host(self, url: str) -> Host:
        name = origin(url)
        if host := self._hosts.get(name):
            return host
        local = name in self._local_ports
        pace = Pace(0.0, self._scrape.per_host) if local else self._paces.of(host_of(url))
        with self._lock:
            return self._hosts.setdefault(name, Host(name, pace, self._scrape))

    def _rules(self, host: Host, path: Path) -> Protego:
        """Return the host's robots.txt; the first thread that needs it reads it to `path`."""
        with host.reading:  # threads of other hosts do not wait
            host.raise_if_disabled()
            if host.rules is None:
                host.rules = Protego.parse(self._robots_text(host, path))
                if host.origin not in self._local_ports:
                    host.slow_down(_interval_s(host.rules))
        return host.rules

    def _robots_text(self, host: Host, path: Path) -> str:
        """Return the text of robots.txt.

        As RFC 9309 says, a missing one allows everything and a failing server nothing.
        """

        def request(url: str) -> Body | Redirect:
            host = self._host(url)
            # the first request goes at once, and the first picture need not wait for it
            wait = not host.pace.begin()
            return self._request_with_retries(host, url, path, ROBOTS_BYTES, wait=wait)

        try:
            follow_redirects(f"{host.origin}/robots.txt", request)
            return _decoded(path.read_bytes())
        except FetchError as error:
            missing = error.reason.startswith("http_4") and error.reason != "http_429"
            if missing or error.reason == "empty":
                return ""
            if error.reason == "too_large":
                message = f"{host.origin}/robots.txt has over {ROBOTS_BYTES} bytes"
                error.args = (f"{message}: such a host is not asked, whatever the settings say",)
            elif error.reason != "connection":
                error.args = (f"robots.txt could not be read: {error}",)
            host.disable(error)  # a dead host is asked once, not for each picture
            raise

    def _request_with_retries(
        self,
        host: Host,
        url: str,
        path: Path,
        limit: int,
        earlier: Body | None = None,
        wait: bool = True,
        referer: str | None = None,
    ) -> Body | Redirect:
        """Send a request, and again if it may succeed later; without `wait` the first at once."""
        for attempt in range(self._scrape.retries + 1):
            if wait or attempt:
                host.wait_for_turn()
            try:
                with host.pace.slots:
                    answer = self._transport.request(url, path, limit, earlier, referer)
                host.record_success()
                return answer
            except TransientError as error:
                host.back_off(error)
                if attempt == self._scrape.retries:
                    if error.reason in CONNECTION_REASONS:
                        host.record_failure(error)
                    raise
            except FetchError:
                host.record_success()
                raise
            # jitter, so that many do not return at once: the one choice that no seed decides
            time.sleep(self._scrape.backoff_s * 2**attempt * random.uniform(0.5, 1.5))
        raise AssertionError("unreachable")


def follow_redirects(url: str, request: Callable[[str], Answer | Redirect]) -> Answer:
    """Return the answer to `request` for a URL, or for the one that it redirects to in the end.

    Raises:
        FetchError: `too_many_redirects`, or what `request` raises.
    """
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        answer = request(target)
        if not isinstance(answer, Redirect):
            return answer
        target = answer.target
    raise FetchError("too_many_redirects", f"{url}: more than {MAX_REDIRECTS} redirects")


def _interval_s(rules: Protego) -> float:
    """Return the seconds between two requests that a robots.txt asks for, in one way or the other."""
    rate = rules.request_rate(AGENT)
    of_rate = rate.seconds / rate.requests if rate and _is_in_force(rate) else 0
    return max(rules.crawl_delay(AGENT) or 0, of_rate)


def _is_in_force(rate: RequestRate) -> bool:
    """Return whether a rate holds now: it may be stated for some hours of the day, in UTC."""
    if rate.start_time is None or rate.end_time is None:
        return True
    return bool(rate.start_time <= datetime.now(UTC).time() <= rate.end_time)


def _decoded(robots: bytes) -> str:
    """Return the text of a robots.txt; a byte order mark is no part of its first line."""
    return robots.decode(encoding_by_mark(robots[:2]), "replace")
