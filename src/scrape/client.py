"""A polite and careful web client: one place that sends requests.

robots.txt and a rate per host (of each host that a redirect leads to, too), retries with backoff
and Retry-After, public addresses only, caps on size and time, and a cache outside the pipeline's
outputs, so that a killed or repeated scrape does not fetch again. No proxy of the environment is
used: what lies behind one could not be checked.
"""

import hashlib
import threading
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from protego import Protego
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import Retry

from src.files import write_bytes
from src.params import Scrape
from src.scrape import addresses
from src.scrape.errors import FetchError

AGENT = "pix2pix-dvc"
RETRIED = (429, 500, 502, 503, 504)
CHUNK = 65536
REDIRECTS = 5  # in a row
ROBOTS_BYTES = 512_000  # RFC 9309 asks for at least 500 KiB


class Host:
    """An origin's rules, once they are read, and when it may be asked next."""

    def __init__(self, interval: float):
        self.interval = interval
        self.next_at = 0.0
        self.rules: Protego | FetchError | None = None
        self.reading = threading.Lock()
        self._turn = threading.Lock()

    def wait_for_turn(self) -> None:
        with self._turn:
            now = time.monotonic()
            at = max(now, self.next_at)
            self.next_at = at + self.interval
        time.sleep(at - now)


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
        self._hosts: dict[str, Host] = {}
        self._session = requests.Session()
        self._session.trust_env = False
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
            self._session.mount(scheme, GuardedAdapter(scrape, retry))
        for origin, port in self.local.items():
            self._session.mount(origin, LocalAdapter(port, scrape.workers, retry))

    def get(self, url: str, limit: int | None = None) -> bytes:
        """The body of a successful answer, at most `limit` bytes (default: scrape.max_bytes).

        Raises FetchError: robots, noai, unsupported_url, private_address, too_many_redirects,
        http_<status>, waf_challenge, empty, too_large, timeout, incomplete or connection.
        """
        kept = self.cache and self.cache / hashlib.sha256(url.encode()).hexdigest()
        if kept and kept.exists():
            return kept.read_bytes()
        body = self._persist(url, limit or self.scrape.max_bytes)
        if kept:
            write_bytes(kept, body)
        return body

    def _persist(self, url: str, limit: int) -> bytes:
        """Fetch, and again where the answer breaks off: urllib3 retries up to its head only."""
        for attempt in range(self.scrape.retries):
            try:
                return self._follow(url, limit)
            except FetchError as error:
                if error.reason != "incomplete":
                    raise
            time.sleep(self.scrape.backoff_s * 2**attempt)
        return self._follow(url, limit)

    def _follow(self, url: str, limit: int, obey: bool = True) -> bytes:
        """Fetch along redirects; each host on the way is asked by its own rules and pace."""
        first = url
        for _ in range(REDIRECTS + 1):
            origin = _origin(url)
            host = self._host(origin)
            if obey:
                self._wait_for_leave(host, origin, url)
            body, target = self._ask(url, limit)
            if target is None:
                return body
            url = target
        raise FetchError("too_many_redirects", f"{first}: more than {REDIRECTS} redirects")

    def _wait_for_leave(self, host: Host, origin: str, url: str) -> None:
        if not self._rules(host, origin).can_fetch(url, AGENT):
            raise FetchError("robots", f"{url}: refused by {origin}/robots.txt")
        host.wait_for_turn()

    def _host(self, origin: str) -> Host:
        with self._lock:
            if origin not in self._hosts:
                local = origin in self.local
                self._hosts[origin] = Host(0 if local else 1 / self.scrape.requests_per_second)
            return self._hosts[origin]

    def _rules(self, host: Host, origin: str) -> Protego:
        with host.reading:  # by whoever comes first; other hosts need not wait
            if host.rules is None:
                host.rules = self._read_rules(origin)
                if isinstance(host.rules, Protego) and origin not in self.local:
                    host.interval = max(host.interval, host.rules.crawl_delay(AGENT) or 0)
        if isinstance(host.rules, FetchError):
            raise FetchError(host.rules.reason, str(host.rules))
        return host.rules

    def _read_rules(self, origin: str) -> Protego | FetchError:
        try:
            return Protego.parse(self._robots_text(origin))
        except FetchError as error:  # remembered: a dead host is asked once, not for each picture
            return error

    def _robots_text(self, origin: str) -> str:
        """robots.txt; as RFC 9309 has it, a missing one allows all, a failing server nothing."""
        try:
            body = self._follow(urljoin(origin, "/robots.txt"), ROBOTS_BYTES, obey=False)
        except FetchError as error:
            if error.reason.startswith("http_4") or error.reason == "empty":
                return ""
            raise FetchError(error.reason, f"robots.txt could not be read: {error}") from None
        return body.decode(errors="replace")

    def _ask(self, url: str, limit: int) -> tuple[bytes, str | None]:
        """One request: the body, or where it redirects to."""
        try:
            with self._session.get(
                url, timeout=self.scrape.timeout_s, stream=True, allow_redirects=False
            ) as response:
                if response.is_redirect:
                    return b"", urljoin(url, response.headers["Location"])
                self._refuse(response)
                return self._read(response, limit), None
        except (requests.RequestException, HTTPError) as error:
            raise self._as_fetch_error(url, error) from None
        except ValueError as error:
            raise FetchError("unsupported_url", f"{url} leads to what is no URL: {error}") from None

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
        tags = response.headers.get("X-Robots-Tag", "").lower().replace(",", " ").split()
        if self.scrape.heed_noai and {"noai", "noimageai"} & set(tags):
            message = f"{response.url}: X-Robots-Tag: {' '.join(tags)} (scrape.heed_noai)"
            raise FetchError("noai", message)
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


def _origin(url: str) -> str:
    """Scheme, host and port of a URL that may be asked for."""
    try:
        parts = urlsplit(url)
        user = parts.username or parts.password
    except ValueError:
        parts, user = urlsplit(""), None
    if user:  # not repeated: it would end in logs and in the ledger
        raise FetchError("unsupported_url", f"a URL at {parts.hostname} holds a user or password")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise FetchError("unsupported_url", f"{url}: expected http or https")
    return f"{parts.scheme}://{parts.netloc}"


class GuardedAdapter(HTTPAdapter):
    """Sends requests to public addresses and to scrape.allow_hosts alone."""

    def __init__(self, scrape: Scrape, retry: Retry):
        self._pools = addresses.pools(scrape.allow_hosts)
        super().__init__(pool_maxsize=scrape.workers, max_retries=retry)

    def init_poolmanager(self, *arguments: object, **settings: object) -> None:
        super().init_poolmanager(*arguments, **settings)
        self.poolmanager.pool_classes_by_scheme = self._pools


class LocalAdapter(HTTPAdapter):
    """Sends an origin's requests to a port of 127.0.0.1, whatever its name."""

    def __init__(self, port: int, workers: int, retry: Retry):
        self.port = port
        super().__init__(pool_maxsize=workers, max_retries=retry)

    def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
        return self.poolmanager.connection_from_host("127.0.0.1", self.port, "http")

    def request_url(self, request, proxies):
        return request.path_url
