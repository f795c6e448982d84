"""Sends one HTTP request and receives its answer, in bounded time and size.

No proxy of the environment is used, because what lies behind one could not be checked. No cookie
is kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from pathlib import Path
from shutil import copyfile
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    InvalidHeader,
    LocationValueError,
    ReadTimeoutError,
)
from urllib3.util import Retry

from src.errors import network_failure
from src.params import Scrape
from src.scrape.addresses import absolute_url
from src.scrape.http import block_pages
from src.scrape.http.budget import Budget
from src.scrape.http.cache import Body
from src.scrape.http.deadlines import Deadlines
from src.scrape.http.fetch_errors import FetchError, TransientError
from src.scrape.http.public_addresses import connection_pools
from src.scrape.http.resolver import Resolver

AGENT = "pix2pix-dvc"
RETRYABLE_STATUSES = (429, 500, 502, 503, 504)
CHUNK_BYTES = 65536


@dataclass(frozen=True)
class Redirect:
    """An answer that leads to another URL, which may be any text."""

    target: str


class Transport:
    """Sends requests over http and https; threads may share it.

    Args:
        scrape: The section `scrape` of params.yaml.
        local_ports: Origins that this very process serves, and their ports on 127.0.0.1.
        resolver: Looks up hosts.

    Attributes:
        budget: Counts the requests and bytes.
    """

    def __init__(self, scrape: Scrape, local_ports: Mapping[str, int], resolver: Resolver):
        self.budget = Budget(scrape)
        self._scrape = scrape
        self._deadlines = Deadlines(scrape.deadline_s)
        self._session = requests.Session()
        contact = f" (+{scrape.contact})" if scrape.contact else ""
        self._session.headers["User-Agent"] = f"{AGENT}/1.0{contact}"
        pools = connection_pools(scrape.allow_hosts, self._deadlines, resolver)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, GuardedAdapter(pools, scrape.workers))
        for origin, port in local_ports.items():
            self._session.mount(origin, LocalAdapter(port, scrape.workers))

    def request(
        self, url: str, path: Path, limit: int, earlier: Body | None, referer: str | None = None
    ) -> Body | Redirect:
        """Send one GET request; redirects are not followed.

        Args:
            url: Of a host that may be asked.
            path: Where the body goes.
            limit: The most bytes that the body may have.
            earlier: An earlier body of the URL. If it has not changed, it is copied.
            referer: The header of that name.

        Raises:
            FetchError: The answer cannot be used.
            TransientError: The request may succeed later.
            UserError: The budget is used up.
        """
        self.budget.spend(requests=1)
        with self._deadlines.request() as request:
            try:
                answer = self._send_and_receive(url, path, limit, earlier, referer)
            except FetchError:
                if not request.overdue:
                    raise
        if request.overdue:  # its socket was shut, which looks like the end of an answer
            message = f"{url}: not done in {self._scrape.deadline_s} s (scrape.deadline_s)"
            raise FetchError("too_slow", message)
        if earlier and answer is earlier:
            copyfile(earlier.path, path)
            return replace(earlier, path=path)
        return answer

    def _send_and_receive(
        self, url: str, path: Path, limit: int, earlier: Body | None, referer: str | None
    ) -> Body | Redirect:
        try:
            with self._send(url, earlier, referer) as response:
                return self._receive(response, path, limit, earlier)
        except (InvalidURL, LocationValueError) as error:
            raise FetchError("unsupported_url", f"{url} is no URL: {error}") from None
        except (requests.RequestException, HTTPError) as error:
            raise self._as_fetch_error(url, error) from None
        except ValueError as error:
            raise FetchError("unsupported_url", f"{url} leads to no URL: {error}") from None

    def _send(self, url: str, earlier: Body | None, referer: str | None) -> requests.Response:
        # not by Session.get: it merges settings and cookies, which there are none of, at some cost
        headers = dict(self._session.headers, **(earlier.conditions() if earlier else {}))
        if referer:
            headers["Referer"] = referer
        request = requests.Request("GET", url, headers).prepare()
        adapter = self._session.get_adapter(str(request.url))
        return adapter.send(request, stream=True, timeout=self._scrape.timeout_s)

    def _receive(
        self, response: requests.Response, path: Path, limit: int, earlier: Body | None
    ) -> Body | Redirect:
        if response.is_redirect:
            target = self._session.get_redirect_target(response)
            return Redirect(absolute_url(response.url, target))
        if response.status_code == 304 and earlier:
            return earlier
        self._raise_for_head(response, limit)
        self._read(response, path, limit)
        headers = response.headers
        stated = "charset" in headers.get("Content-Type", "").lower()
        charset = get_encoding_from_headers(headers) if stated else None
        etag, modified = (_returnable(headers, name) for name in ("ETag", "Last-Modified"))
        return Body(path, charset, etag, modified)

    def _raise_for_head(self, response: requests.Response, limit: int) -> None:
        """Raise FetchError if status or headers say that the body is of no use."""
        url, status, headers = response.url, response.status_code, response.headers
        if headers.get("x-amzn-waf-action") or status == 202:
            raise FetchError(
                "waf_challenge",
                f"{url}: HTTP {status}: the site's firewall asks for a browser "
                f"(x-amzn-waf-action); {block_pages.BY_HAND}",
            )
        tags = headers.get("X-Robots-Tag", "").lower().replace(",", " ").split()
        if self._scrape.respect_noai and {"noai", "noimageai"} & set(tags):
            message = f"{url}: X-Robots-Tag: {' '.join(tags)} (scrape.respect_noai)"
            raise FetchError("noai", message)
        if status != 200:
            reason, message = f"http_{status}", f"{url}: HTTP {status}, expected 200"
            if status in RETRYABLE_STATUSES:
                raise TransientError(reason, message, _retry_after_s(headers))
            raise FetchError(reason, message)
        length = headers.get("Content-Length", "")
        if length.isdecimal() and (len(length) > len(str(limit)) or int(length) > limit):
            raise _too_large(url, length, limit)

    def _read(self, response: requests.Response, path: Path, limit: int) -> None:
        """Write the body to `path`, decompressed."""
        size = 0
        with path.open("wb") as file:
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
                size += len(chunk)
                if size > limit:
                    raise _too_large(response.url, f">{limit}", limit)
                self.budget.spend(bytes=len(chunk))
                file.write(chunk)
        if not size:
            raise FetchError(
                "empty",
                f"{response.url}: HTTP 200 with an empty body: open it in a browser to see what it "
                "needs",
            )

    def _as_fetch_error(self, url: str, error: Exception) -> FetchError:
        cause = error.args[0] if error.args else None
        cause = getattr(cause, "reason", cause)  # requests wraps urllib3's retries
        timeouts = (requests.Timeout, ReadTimeoutError)
        if isinstance(error, timeouts) or isinstance(cause, timeouts):
            return TransientError("timeout", f"{url}: no answer within {self._scrape.timeout_s} s")
        if isinstance(error, DecodeError | InvalidHeader | requests.exceptions.InvalidHeader):
            return FetchError("bad_answer", f"{url}: broken compression or headers: {error}")
        broken_off = (IncompleteRead, RemoteDisconnected)
        for part in getattr(cause, "args", ()):
            if isinstance(part, HTTPException) and not isinstance(part, broken_off):
                return FetchError("bad_answer", f"{url}: the answer is not valid HTTP: {part}")
        if isinstance(error, HTTPError):  # while the body was read
            return TransientError("incomplete", f"{url}: the answer broke off: {error}")
        message = f"{url} cannot be reached: {network_failure(error)}"
        return TransientError("connection", message)


def _returnable(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header that a later request sends back; None if no header could hold it."""
    value = headers.get(name, "")
    return value if re.fullmatch(r"[!-~][ -~]{0,250}", value) else None


def _too_large(url: str, size: str, limit: int) -> FetchError:
    message = (
        f"{url}: {size} bytes, allowed are {limit} (scrape.max_bytes; of a page max_page_bytes)"
    )
    return FetchError("too_large", message)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the seconds of Retry-After, a number or a date; 0 if it is missing or neither."""
    try:
        return max(0.0, Retry().parse_retry_after(headers.get("Retry-After", "0")))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


class GuardedAdapter(HTTPAdapter):
    """Sends requests over guarded connections only."""

    def __init__(self, pools: dict[str, type[HTTPConnectionPool]], workers: int):
        self._pools = pools
        super().__init__(pool_maxsize=workers)

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        """Create the connection pools."""
        super().init_poolmanager(*arguments, **settings)
        self.poolmanager.pool_classes_by_scheme = self._pools


class LocalAdapter(HTTPAdapter):
    """Sends an origin's requests to a port of 127.0.0.1, whatever its name."""

    def __init__(self, port: int, workers: int):
        self.port = port
        super().__init__(pool_maxsize=workers)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        """Return the connections to the port, without TLS."""
        pool: HTTPConnectionPool
        pool = self.poolmanager.connection_from_host("127.0.0.1", self.port, "http")
        return pool

    def request_url(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> str:
        """Return the path of the request's URL."""
        return request.path_url
