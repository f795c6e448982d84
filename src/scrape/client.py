"""A polite web client: one place that sends requests.

robots.txt, a rate per host, retries with backoff and Retry-After, caps on size and time, and a
cache outside the pipeline's outputs, so that a killed or repeated scrape does not fetch again.
"""

import hashlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from protego import Protego
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import Retry

from src.files import write_bytes
from src.params import Scrape

AGENT = "pix2pix-dvc"
RETRIED = (429, 500, 502, 503, 504)
CHUNK = 65536


class FetchError(Exception):
    """An answer that cannot be used. `reason` is one word for counting."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


@dataclass
class Pace:
    """When a host may be asked next, and how long to wait between two requests."""

    interval: float
    next_at: float = 0.0


class Client:
    """Fetches URLs over http and https.

    cache: a folder that keeps successful answers; None keeps nothing.
    local: origins that are served by this very process, each with its port on 127.0.0.1; they
        are not paced.
    """

    def __init__(self, scrape: Scrape, cache: Path | None, local: dict[str, int] | None = None):
        self.scrape = scrape
        self.cache = (
            cache / hashlib.sha256(scrape.snapshot.encode()).hexdigest()[:16] if cache else None
        )
        self.local = local or {}
        self._lock = threading.Lock()
        self._paces: dict[str, Pace] = {}
        self._robots: dict[str, Protego | FetchError] = {}
        self._session = requests.Session()
        contact = f" (+{scrape.contact})" if scrape.contact else ""
        self._session.headers["User-Agent"] = f"{AGENT}/1.0{contact}"
        retry = Retry(
            total=scrape.retries,
            status_forcelist=RETRIED,
            backoff_factor=scrape.backoff_s,
            backoff_jitter=scrape.backoff_s,
            retry_after_max=int(scrape.deadline_s),
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=scrape.workers, max_retries=retry))
        for origin, port in self.local.items():
            self._session.mount(origin, LocalAdapter(port, scrape.workers, retry))

    def get(self, url: str, limit: int | None = None) -> bytes:
        """The body of a successful answer, at most `limit` bytes (default: scrape.max_bytes).

        Raises FetchError: robots, unsupported_url, http_<status>, waf_challenge, empty, too_large,
        timeout, incomplete or connection.
        """
        try:
            scheme = urlsplit(url).scheme
        except ValueError:
            scheme = ""
        if scheme not in ("http", "https"):
            raise FetchError("unsupported_url", f"{url}: expected http or https")
        kept = self.cache and self.cache / hashlib.sha256(url.encode()).hexdigest()
        if kept and kept.exists():
            return kept.read_bytes()
        origin = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        if not self._rules(origin).can_fetch(url, AGENT):
            raise FetchError("robots", f"{url}: refused by {origin}/robots.txt")
        body = self._fetch(url, limit or self.scrape.max_bytes)
        if kept:
            write_bytes(kept, body)
        return body

    def _rules(self, origin: str) -> Protego:
        with self._lock:
            if origin not in self._robots:
                self._robots[origin] = rules = self._read_rules(origin)
                interval = 0 if origin in self.local else 1 / self.scrape.requests_per_second
                delay = rules.crawl_delay(AGENT) or 0 if isinstance(rules, Protego) else 0
                self._paces[origin] = Pace(max(interval, delay))
            rules = self._robots[origin]
        if isinstance(rules, FetchError):
            raise FetchError(rules.reason, str(rules))
        return rules

    def _read_rules(self, origin: str) -> Protego | FetchError:
        try:
            return Protego.parse(self._robots_text(origin))
        except FetchError as error:  # remembered: a dead host is asked once, not for each picture
            return error

    def _robots_text(self, origin: str) -> str:
        """robots.txt; as RFC 9309 has it, a missing one allows all, a failing server nothing."""
        try:
            return self._fetch(urljoin(origin, "/robots.txt"), 512_000).decode(errors="replace")
        except FetchError as error:
            if error.reason.startswith("http_4") or error.reason == "empty":
                return ""
            raise FetchError(error.reason, f"robots.txt could not be read: {error}") from None

    def _wait_for_turn(self, url: str) -> None:
        pace = self._paces.get(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}")
        if pace is None:
            return
        with self._lock:
            now = time.monotonic()
            at = max(now, pace.next_at)
            pace.next_at = at + pace.interval
        time.sleep(at - now)

    def _fetch(self, url: str, limit: int) -> bytes:
        self._wait_for_turn(url)
        try:
            with self._session.get(url, timeout=self.scrape.timeout_s, stream=True) as response:
                self._refuse(response)
                return self._read(response, limit)
        except (requests.RequestException, HTTPError) as error:
            raise self._as_fetch_error(url, error) from None

    def _as_fetch_error(self, url: str, error: Exception) -> FetchError:
        cause = error.args[0] if error.args else None
        cause = getattr(cause, "reason", cause)  # requests wraps urllib3's retries
        timeouts = (requests.Timeout, ReadTimeoutError)
        if isinstance(error, timeouts) or isinstance(cause, timeouts):
            return FetchError("timeout", f"{url}: no answer within {self.scrape.timeout_s} s")
        if isinstance(error, HTTPError):  # while the body was read
            return FetchError("incomplete", f"{url}: the answer broke off: {error}")
        return FetchError("connection", f"{url}: {error}")

    def _refuse(self, response: requests.Response) -> None:
        if response.headers.get("x-amzn-waf-action") or response.status_code == 202:
            raise FetchError(
                "waf_challenge",
                f"{response.url}: HTTP {response.status_code}: the site's firewall asks for a browser "
                "(x-amzn-waf-action); wait, or save the pages in a browser, serve their folder with "
                "`python -m http.server` and scrape that as a gallery",
            )
        if response.status_code != 200:
            message = f"{response.url}: HTTP {response.status_code}, expected 200"
            raise FetchError(f"http_{response.status_code}", message)

    def _read(self, response: requests.Response, limit: int) -> bytes:
        deadline = time.monotonic() + self.scrape.deadline_s
        body = bytearray()
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            body += chunk
            if len(body) > limit:
                message = f"{response.url}: more than {limit} bytes (scrape.max_bytes)"
                raise FetchError("too_large", message)
            if time.monotonic() > deadline:
                message = (
                    f"{response.url}: not done in {self.scrape.deadline_s} s (scrape.deadline_s)"
                )
                raise FetchError("timeout", message)
        if not body:
            raise FetchError(
                "empty",
                f"{response.url}: HTTP 200 with an empty body: open it in a browser to see what it wants",
            )
        return bytes(body)


class LocalAdapter(HTTPAdapter):
    """Sends an origin's requests to a port of 127.0.0.1, whatever its name."""

    def __init__(self, port: int, workers: int, retry: Retry):
        self.port = port
        super().__init__(pool_maxsize=workers, max_retries=retry)

    def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
        return self.poolmanager.connection_from_host("127.0.0.1", self.port, "http")

    def request_url(self, request, proxies):
        return request.path_url
