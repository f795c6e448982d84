"""Requests, each by its host's rules and pace: robots.txt, so many at a time, retries with backoff
and Retry-After, public addresses only, caps on size and time.

No proxy of the environment is used, for what lies behind one could not be checked, and no cookie
is kept.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from pathlib import Path
from shutil import copyfile
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urljoin

import requests
from protego import Protego
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL
from requests.utils import get_encoding_from_headers
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    InvalidHeader,
    LocationValueError,
    ReadTimeoutError,
)
from urllib3.util import Retry

from src.params import Scrape
from src.scrape.http import block_pages, public_addresses
from src.scrape.http.budget import Budget, Spent
from src.scrape.http.cache import Body
from src.scrape.http.deadlines import Deadlines
from src.scrape.http.fetch_errors import FetchError, TransientError
from src.scrape.http.hosts import Host, origin

AGENT = "pix2pix-dvc"
RETRYABLE_STATUSES = (429, 500, 502, 503, 504)
CONNECTION_REASONS = ("connection", "timeout", "incomplete")  # nobody there, or as good as
CHUNK = 65536
REDIRECTS = 5  # in a row
ROBOTS_BYTES = 512_000  # RFC 9309 asks for at least 500 KiB

Result = TypeVar("Result")
ParseBody = Callable[[Body], Result]


@dataclass(frozen=True)
class Head:
    """What the head of an answer says: where it redirects to, or that nothing changed, or its body."""

    target: str | None = None
    unchanged: bool = False
    charset: str | None = None
    etag: str | None = None
    modified: str | None = None


class Answer(NamedTuple, Generic[Result]):
    """What a URL answers: where it redirects to, or a body and what was made of it."""

    target: str | None = None
    body: Body | None = None
    result: Result | None = None


class Reply(NamedTuple, Generic[Result]):
    """An answer, or why there is none; and what the downloader has spent since its last reply."""

    answer: Answer[Result]
    error: FetchError | None
    spent: Spent


class Downloader:
    """Asks for one URL after another, in as many threads as like to.

    local: origins that are served by this very process, each with its port on 127.0.0.1; they
        are not paced.
    """

    def __init__(self, scrape: Scrape, local: dict[str, int] | None = None):
        self.scrape = scrape
        self.local = local or {}
        self._lock = threading.Lock()
        self._hosts: dict[str, Host] = {}
        self._budget = Budget(scrape)
        self._deadlines = Deadlines(scrape.deadline_s)
        self._session = requests.Session()
        contact = f" (+{scrape.contact})" if scrape.contact else ""
        self._session.headers["User-Agent"] = f"{AGENT}/1.0{contact}"
        guarded = public_addresses.pools(scrape.allow_hosts, self._deadlines)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, GuardedAdapter(guarded, scrape.workers))
        for name, port in self.local.items():
            self._session.mount(name, LocalAdapter(port, scrape.workers))

    def __call__(
        self, url: str, path: Path, use: ParseBody[Result], limit: int, earlier: Body | None
    ) -> Reply[Result]:
        """Ask for a URL once its host may be asked; its body, of at most `limit` bytes, to `path`.

        use: makes the result of a body, or refuses it by a FetchError. earlier: what was had the
        last time, which is asked for only if it has changed. A redirect is not followed, but for
        that of a robots.txt. Raises UserError where scrape.max_requests or
        scrape.max_total_bytes is used up, or the disk refuses.
        """
        try:
            answer, error = self._answer(url, path, use, limit, earlier), None
        except FetchError as caught:
            answer, error = Answer(), caught
        return Reply(answer, error, self._budget.report())

    def _answer(
        self, url: str, path: Path, use: ParseBody[Result], limit: int, earlier: Body | None
    ) -> Answer[Result]:
        host = self._host(url)
        if not self._rules(host, path).can_fetch(url, AGENT):
            raise FetchError("robots", f"{url}: refused by {host.origin}/robots.txt")
        head = self._persist(host, url, path, limit, earlier, paced=True)
        if head.target is not None:
            return Answer(head.target)
        if head.unchanged:
            copyfile(earlier.path, path)
            head = earlier
        body = Body(path, True, head.charset, head.etag, head.modified)
        return Answer(None, body, use(body))

    def _host(self, url: str) -> Host:
        name = origin(url)
        with self._lock:
            if name not in self._hosts:
                self._hosts[name] = Host(name, self.scrape, paced=name not in self.local)
            return self._hosts[name]

    def _rules(self, host: Host, path: Path) -> Protego:
        """Its robots.txt, which is read to `path` by whoever comes first."""
        with host.reading:  # other hosts need not wait
            host.refuse_if_closed()
            if host.rules is None:
                host.rules = Protego.parse(self._robots_text(host, path))
                if host.origin not in self.local:
                    host.slow_down(host.rules.crawl_delay(AGENT) or 0)
        return host.rules

    def _robots_text(self, host: Host, path: Path) -> str:
        """As RFC 9309 has it, a missing one allows all, a failing server nothing."""

        def ask(url: str) -> Head:
            return self._persist(self._host(url), url, path, ROBOTS_BYTES, None, paced=False)

        try:
            follow(f"{host.origin}/robots.txt", ask)
            return path.read_text(encoding="utf-8", errors="replace")
        except FetchError as error:
            if error.reason.startswith("http_4") and error.reason != "http_429":
                return ""
            if error.reason == "empty":
                return ""
            error.args = (f"robots.txt could not be read: {error}",)
            host.close(error)  # a dead host is asked once, not for each picture
            raise

    def _persist(
        self, host: Host, url: str, path: Path, limit: int, earlier: Body | None, paced: bool
    ) -> Head:
        """Ask, and again where the failure may pass; the first time at once where not `paced`."""
        for attempt in range(self.scrape.retries + 1):
            if paced or attempt:
                host.wait_for_turn()
            try:
                with host.slots:
                    head = self._ask(url, path, limit, earlier)
                host.answered()
                return head
            except TransientError as error:
                host.rest(error)
                if attempt == self.scrape.retries:
                    if error.reason in CONNECTION_REASONS:
                        host.lost(error)
                    raise
            except FetchError:
                host.answered()
                raise
            # jitter, so that many do not come back at once: the one choice that no seed decides
            time.sleep(self.scrape.backoff_s * 2**attempt * random.uniform(0.5, 1.5))
        raise AssertionError("unreachable")

    def _ask(self, url: str, path: Path, limit: int, earlier: Body | None) -> Head:
        """One request; the body goes to `path`."""
        self._budget.spend(requests=1)
        with self._deadlines.over() as request:
            try:
                head = self._exchange(url, path, limit, earlier)
            except FetchError:
                if not request.overdue:
                    raise
        if request.overdue:  # its socket was shut, which looks like the end of an answer
            message = f"{url}: not done in {self.scrape.deadline_s} s (scrape.deadline_s)"
            raise FetchError("too_slow", message)
        return head

    def _exchange(self, url: str, path: Path, limit: int, earlier: Body | None) -> Head:
        try:
            with self._send(url, earlier) as response:
                return self._receive(response, path, limit, earlier)
        except (InvalidURL, LocationValueError) as error:
            raise FetchError("unsupported_url", f"{url} is no URL: {error}") from None
        except (requests.RequestException, HTTPError) as error:
            raise self._as_fetch_error(url, error) from None
        except ValueError as error:
            raise FetchError("unsupported_url", f"{url} leads to no URL: {error}") from None

    def _send(self, url: str, earlier: Body | None) -> requests.Response:
        # not by Session.get: it merges settings and cookies that there are none of, at some cost
        headers = dict(self._session.headers, **(earlier.conditions() if earlier else {}))
        request = requests.Request("GET", url, headers).prepare()
        adapter = self._session.get_adapter(request.url)
        return adapter.send(request, stream=True, timeout=self.scrape.timeout_s)

    def _receive(
        self, response: requests.Response, path: Path, limit: int, earlier: Body | None
    ) -> Head:
        if response.is_redirect:
            return Head(target=urljoin(response.url, self._session.get_redirect_target(response)))
        if response.status_code == 304 and earlier:
            return Head(unchanged=True)
        self._refuse(response, limit)
        self._read(response, path, limit)
        said = response.headers
        stated = "charset" in said.get("Content-Type", "").lower()
        charset = get_encoding_from_headers(said) if stated else None
        return Head(
            None, False, charset, _sent_back(said, "ETag"), _sent_back(said, "Last-Modified")
        )

    def _as_fetch_error(self, url: str, error: Exception) -> FetchError:
        cause = error.args[0] if error.args else None
        cause = getattr(cause, "reason", cause)  # requests wraps urllib3's retries
        timeouts = (requests.Timeout, ReadTimeoutError)
        if isinstance(error, timeouts) or isinstance(cause, timeouts):
            return TransientError("timeout", f"{url}: no answer within {self.scrape.timeout_s} s")
        if isinstance(error, DecodeError | InvalidHeader | requests.exceptions.InvalidHeader):
            return FetchError("bad_answer", f"{url}: broken compression or headers: {error}")
        broken = (IncompleteRead, RemoteDisconnected)
        for part in getattr(cause, "args", ()):
            if isinstance(part, HTTPException) and not isinstance(part, broken):
                return FetchError("bad_answer", f"{url}: not HTTP as we know it: {part}")
        if isinstance(error, HTTPError):  # while the body was read
            return TransientError("incomplete", f"{url}: the answer broke off: {error}")
        return TransientError("connection", f"{url}: {error}")

    def _refuse(self, response: requests.Response, limit: int) -> None:
        url, status = response.url, response.status_code
        if response.headers.get("x-amzn-waf-action") or status == 202:
            raise FetchError(
                "waf_challenge",
                f"{url}: HTTP {status}: the site's firewall asks for a browser "
                f"(x-amzn-waf-action); {block_pages.BY_HAND}",
            )
        tags = response.headers.get("X-Robots-Tag", "").lower().replace(",", " ").split()
        if self.scrape.respect_noai and {"noai", "noimageai"} & set(tags):
            message = f"{url}: X-Robots-Tag: {' '.join(tags)} (scrape.respect_noai)"
            raise FetchError("noai", message)
        if status in RETRYABLE_STATUSES:
            raise TransientError(f"http_{status}", _unexpected(url, status), _retry_after(response))
        if status != 200:
            raise FetchError(f"http_{status}", _unexpected(url, status))
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and (len(length) > len(str(limit)) or int(length) > limit):
            raise FetchError("too_large", _too_large(url, length, limit))

    def _read(self, response: requests.Response, path: Path, limit: int) -> None:
        size = 0
        with path.open("wb") as body:
            while chunk := response.raw.read1(CHUNK, decode_content=True):
                size += len(chunk)
                if size > limit:
                    raise FetchError("too_large", _too_large(response.url, f">{limit}", limit))
                self._budget.spend(bytes=len(chunk))
                body.write(chunk)
        if not size:
            raise FetchError(
                "empty",
                f"{response.url}: HTTP 200 with an empty body: open it in a browser to see what it wants",
            )


Step = TypeVar("Step", Head, Answer)


def follow(url: str, ask: Callable[[str], Step]) -> Step:
    """What `ask` has for a URL, or for the one that it redirects to in the end."""
    first = url
    for _ in range(REDIRECTS + 1):
        found = ask(url)
        if found.target is None:
            return found
        url = found.target
    raise FetchError("too_many_redirects", f"{first}: more than {REDIRECTS} redirects")


def _sent_back(headers: Mapping[str, str], name: str) -> str | None:
    """A header that is to be sent back one day; None where no header could hold it."""
    value = headers.get(name, "")
    return value if re.fullmatch(r"[!-~][ -~]{0,250}", value) else None


def _too_large(url: str, size: str, limit: int) -> str:
    return f"{url}: {size} bytes, allowed are {limit} (scrape.max_bytes; of a page max_page_bytes)"


def _unexpected(url: str, status: int) -> str:
    return f"{url}: HTTP {status}, expected 200"


def _retry_after(response: requests.Response) -> float:
    """Seconds, from a number or a date; 0 where there is none, or one that is neither."""
    try:
        return max(0.0, Retry().parse_retry_after(response.headers.get("Retry-After", "0")))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


class GuardedAdapter(HTTPAdapter):
    """Sends requests by guarded connections alone."""

    def __init__(self, pools: dict, workers: int):
        self._pools = pools
        super().__init__(pool_maxsize=workers)

    def init_poolmanager(self, *arguments: object, **settings: object) -> None:
        super().init_poolmanager(*arguments, **settings)
        self.poolmanager.pool_classes_by_scheme = self._pools


class LocalAdapter(HTTPAdapter):
    """Sends an origin's requests to a port of 127.0.0.1, whatever its name."""

    def __init__(self, port: int, workers: int):
        self.port = port
        super().__init__(pool_maxsize=workers)

    def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
        return self.poolmanager.connection_from_host("127.0.0.1", self.port, "http")

    def request_url(self, request, proxies):
        return request.path_url
