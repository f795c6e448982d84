"""A polite and careful web client: one place that sends requests.

robots.txt, a pace and a few requests at a time for each host (of each that a redirect leads to,
too), retries with backoff and Retry-After, public addresses only, caps on size, time and the
whole, and a memory of what was fetched and what failed. No proxy of the environment is used, for
what lies behind one could not be checked, and no cookie is kept.
"""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from pathlib import Path
from shutil import copyfile
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

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

from src.errors import UserError
from src.params import Scrape
from src.scrape import addresses, walls
from src.scrape.answers import Answers, Body
from src.scrape.deadlines import Deadlines
from src.scrape.errors import FetchError, HostClosedError, PassingError, without_password
from src.scrape.hosts import Host

AGENT = "pix2pix-dvc"
PASSING = (429, 500, 502, 503, 504)
SILENT = ("connection", "timeout", "incomplete")  # nobody there, or as good as
CHUNK = 65536
REDIRECTS = 5  # in a row
ROBOTS_BYTES = 512_000  # RFC 9309 asks for at least 500 KiB

Result = TypeVar("Result")
Use = Callable[[Body], Result]


@dataclass(frozen=True)
class Head:
    """What the head of an answer says: where it redirects to, or that nothing changed, or its body."""

    target: str | None = None
    unchanged: bool = False
    charset: str | None = None
    etag: str | None = None
    modified: str | None = None


class Client:
    """Fetches URLs over http and https.

    folder: where answers are kept, by scrape.snapshot.
    local: origins that are served by this very process, each with its port on 127.0.0.1; they
        are not paced.
    """

    def __init__(self, scrape: Scrape, folder: Path, local: dict[str, int] | None = None):
        self.scrape = scrape
        self.local = local or {}
        self.answers = Answers(folder, scrape.snapshot)
        self._lock = threading.Lock()
        self._hosts: dict[str, Host] = {}
        self._unasked: Counter[str] = Counter()
        self._requests = self._bytes = 0
        self._deadlines = Deadlines(scrape.deadline_s)
        self._session = requests.Session()
        contact = f" (+{scrape.contact})" if scrape.contact else ""
        self._session.headers["User-Agent"] = f"{AGENT}/1.0{contact}"
        guarded = addresses.pools(scrape.allow_hosts, self._deadlines)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, GuardedAdapter(guarded, scrape.workers))
        for origin, port in self.local.items():
            self._session.mount(origin, LocalAdapter(port, scrape.workers))

    def get(self, url: str, use: Use[Result], limit: int | None = None) -> Result:
        """What `use` makes of the body of a successful answer.

        A body has at most `limit` bytes (default: scrape.max_bytes), and is kept unless `use`
        refuses it by a FetchError. What is kept is not fetched again, and what failed in
        scrape.attempts runs is not tried again.
        Raises FetchError: what `use` raises, or robots, noai, unsupported_url, private_address,
        too_many_redirects, http_<status>, waf_challenge, empty, too_large, too_slow, timeout,
        incomplete, bad_answer or connection. Raises UserError where scrape.max_requests or
        scrape.max_total_bytes is used up, or the disk refuses.
        """
        known = self.answers.state(url)
        if known.fetched:
            return use(known.fetched)
        if known.failed and known.failed.runs >= self.scrape.attempts:
            raise known.failed.error
        try:
            return self._fetch(url, use, limit or self.scrape.max_bytes, known.earlier)
        except FetchError as error:
            runs = self.answers.fail(url, error)
            if isinstance(error, HostClosedError) and runs < self.scrape.attempts:
                with self._lock:
                    self._unasked[str(error)] += 1
            raise

    def settle(self) -> None:
        """Raise UserError where URLs were left unasked since a host is asked no more.

        The next run tries them again; after scrape.attempts runs they count as failed.
        """
        if self._unasked:
            left = "; ".join(f"{n} left: {why}" for why, n in sorted(self._unasked.items()))
            raise UserError(
                f"{left}. What was fetched is kept: run the same command to go on (after "
                f"{self.scrape.attempts} runs they count as failed: scrape.attempts)"
            )

    def _fetch(self, url: str, use: Use[Result], limit: int, earlier: Body | None) -> Result:
        with self.answers.kept(url) as path:
            head = self._follow(url, path, limit, earlier)
            if head.unchanged:
                copyfile(earlier.path, path)
                head = earlier
            body = Body(path, True, head.charset, head.etag, head.modified)
            result = use(body)
        self.answers.remember(url, body)
        return result

    def _follow(
        self, url: str, path: Path, limit: int, earlier: Body | None = None, obey: bool = True
    ) -> Head:
        """Fetch along redirects; each host on the way is asked by its own rules and pace."""
        first = url
        for _ in range(REDIRECTS + 1):
            host = self._host(_origin(url))
            if obey and not self._rules(host).can_fetch(url, AGENT):
                raise FetchError("robots", f"{url}: refused by {host.origin}/robots.txt")
            head = self._persist(host, url, path, limit, earlier, paced=obey)
            if head.target is None:
                return head
            url, earlier = head.target, None
        raise FetchError("too_many_redirects", f"{first}: more than {REDIRECTS} redirects")

    def _host(self, origin: str) -> Host:
        with self._lock:
            if origin not in self._hosts:
                self._hosts[origin] = Host(origin, self.scrape, paced=origin not in self.local)
            return self._hosts[origin]

    def _rules(self, host: Host) -> Protego:
        with host.reading:  # by whoever comes first; other hosts need not wait
            host.refuse_if_closed()
            if host.rules is None:
                host.rules = Protego.parse(self._robots_text(host))
                if host.origin not in self.local:
                    host.slow_down(host.rules.crawl_delay(AGENT) or 0)
        return host.rules

    def _robots_text(self, host: Host) -> str:
        """robots.txt; as RFC 9309 has it, a missing one allows all, a failing server nothing."""
        url = f"{host.origin}/robots.txt"
        try:
            with self.answers.kept(url) as path:
                self._follow(url, path, ROBOTS_BYTES, obey=False)
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
            except PassingError as error:
                host.rest(error)
                if attempt == self.scrape.retries:
                    if error.reason in SILENT:
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
        self._spend(requests=1)
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

    def _spend(self, requests: int = 0, bytes: int = 0) -> None:
        with self._lock:
            self._requests += requests
            self._bytes += bytes
            used = {"max_requests": self._requests, "max_total_bytes": self._bytes}
        for name, amount in used.items():
            if amount > getattr(self.scrape, name):
                raise UserError(
                    f"scrape.{name} = {getattr(self.scrape, name)} is used up for this run. What "
                    "was fetched is kept: run the same command to go on, or raise it"
                )

    def _as_fetch_error(self, url: str, error: Exception) -> FetchError:
        cause = error.args[0] if error.args else None
        cause = getattr(cause, "reason", cause)  # requests wraps urllib3's retries
        timeouts = (requests.Timeout, ReadTimeoutError)
        if isinstance(error, timeouts) or isinstance(cause, timeouts):
            return PassingError("timeout", f"{url}: no answer within {self.scrape.timeout_s} s")
        if isinstance(error, DecodeError | InvalidHeader | requests.exceptions.InvalidHeader):
            return FetchError("bad_answer", f"{url}: broken compression or headers: {error}")
        broken = (IncompleteRead, RemoteDisconnected)
        for part in getattr(cause, "args", ()):
            if isinstance(part, HTTPException) and not isinstance(part, broken):
                return FetchError("bad_answer", f"{url}: not HTTP as we know it: {part}")
        if isinstance(error, HTTPError):  # while the body was read
            return PassingError("incomplete", f"{url}: the answer broke off: {error}")
        return PassingError("connection", f"{url}: {error}")

    def _refuse(self, response: requests.Response, limit: int) -> None:
        url, status = response.url, response.status_code
        if response.headers.get("x-amzn-waf-action") or status == 202:
            raise FetchError(
                "waf_challenge",
                f"{url}: HTTP {status}: the site's firewall asks for a browser "
                f"(x-amzn-waf-action); {walls.BY_HAND}",
            )
        tags = response.headers.get("X-Robots-Tag", "").lower().replace(",", " ").split()
        if self.scrape.heed_noai and {"noai", "noimageai"} & set(tags):
            message = f"{url}: X-Robots-Tag: {' '.join(tags)} (scrape.heed_noai)"
            raise FetchError("noai", message)
        if status in PASSING:
            raise PassingError(f"http_{status}", _unexpected(url, status), _retry_after(response))
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
                self._spend(bytes=len(chunk))
                body.write(chunk)
        if not size:
            raise FetchError(
                "empty",
                f"{response.url}: HTTP 200 with an empty body: open it in a browser to see what it wants",
            )


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


def _origin(url: str) -> str:
    """Scheme, host and port of a URL that may be asked for."""
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
