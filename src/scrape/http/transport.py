"""Sends one HTTP request and receives its answer, in bounded time and size.

No proxy of the environment is used, because what lies behind one could not be checked. No cookie
is kept.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from os import SEEK_END
from pathlib import Path
from shutil import copyfile
from urllib.parse import quote

from requests import PreparedRequest, RequestException
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, default_headers, get_encoding_from_headers
from urllib3 import BaseHTTPResponse, HTTPResponse, PoolManager
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    InvalidHeader,
    NewConnectionError,
    TimeoutError,
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
from src.scrape.http.link_headers import next_url
from src.scrape.http.origins import origin
from src.scrape.http.public_addresses import connection_pools
from src.scrape.http.resolver import Resolver

AGENT = "pix2pix-dvc/1.0"
SECONDS = re.compile(r"\s*[0-9]+(\.[0-9]*)?\s*")  # some servers send fractions
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
RETRYABLE_STATUSES = (429, 500, 502, 503, 504)
CHUNK_BYTES = 65536
# Registered compressions (IANA), which are read only where a package of theirs is installed.
UNREAD_ENCODINGS = {"br", "compress", "dcb", "dcz", "x-compress", "zstd"}


@dataclass(frozen=True)
class Redirect:
    """An answer that leads to another URL, which may be any text."""

    target: str


class Transport:
    """Sends requests over http and https; threads may share it.

    See `Downloader` for `local_ports`.

    Attributes:
        budget: Counts the requests and bytes.
    """

    def __init__(self, scrape: Scrape, local_ports: Mapping[str, int], resolver: Resolver):
        self.budget = Budget(scrape)
        self._scrape = scrape
        self._deadlines = Deadlines(scrape.deadline_s)
        contact = f" (+{scrape.contact})" if scrape.contact else ""
        self._headers = dict(default_headers()) | {"User-Agent": f"{AGENT}{contact}"}
        self._local_ports = local_ports
        self._local_pools = PoolManager(maxsize=scrape.workers)
        # requests' own authorities, whatever the environment says; urllib3 requires a certificate
        self._pools = PoolManager(maxsize=scrape.workers, ca_certs=DEFAULT_CA_BUNDLE_PATH)
        guarded = connection_pools(scrape.allow_hosts, self._deadlines, resolver)
        self._pools.pool_classes_by_scheme = guarded

    def request(
        self, url: str, path: Path, limit: int, earlier: Body | None, referer: str | None = None
    ) -> Body | Redirect:
        """Send one GET request; redirects are not followed.

        Args:
            url: Of a host that may be asked.
            path: Where the body goes: a file, whose content is replaced.
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
        if isinstance(answer, Body) and answer.path != path:  # the earlier one
            copyfile(answer.path, path)
            return replace(answer, path=path)
        return answer

    def _send_and_receive(
        self, url: str, path: Path, limit: int, earlier: Body | None, referer: str | None
    ) -> Body | Redirect:
        try:
            prepared = PreparedRequest()
            prepared.prepare_url(url, None)
            response = self._send(prepared, earlier, referer)
        except (RequestException, ValueError) as error:
            raise FetchError("unsupported_url", f"{url} is no URL: {error}") from None
        except HTTPError as error:
            raise self._no_answer(url, error) from None
        try:
            return self._receive(response, str(prepared.url), path, limit, earlier)
        except HTTPError as error:
            raise self._broken_answer(url, error) from None
        except ValueError as error:
            raise FetchError("unsupported_url", f"{url} leads to no URL: {error}") from None
        finally:
            response.close()
            response.release_conn()

    def _send(
        self, prepared: PreparedRequest, earlier: Body | None, referer: str | None
    ) -> BaseHTTPResponse:
        """Return the head of the answer; of `requests` only the reading of URLs is used.

        Its sessions and adapters merge settings and cookies, which there are none of, at some cost.
        """
        url = str(prepared.url)
        if port := self._local_ports.get(origin(url)):
            pool = self._local_pools.connection_from_host("127.0.0.1", port, "http")
        else:
            pool = self._pools.connection_from_url(url)
        headers = self._headers | (earlier.conditions() if earlier else {})
        if referer:
            headers["Referer"] = referer
        return pool.urlopen(
            "GET",
            prepared.path_url,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=self._scrape.timeout_s,
            preload_content=False,
        )

    def _receive(
        self, response: BaseHTTPResponse, url: str, path: Path, limit: int, earlier: Body | None
    ) -> Body | Redirect:
        headers = response.headers
        # a header's bytes are read as Latin-1
        following = next_url(headers.get("Link", "").encode("latin1").decode(errors="replace"), url)
        self._raise_if_noai(response, url)
        if response.status in REDIRECT_STATUSES and "Location" in headers:
            return Redirect(absolute_url(url, _address_text(headers["Location"])))
        if response.status == 304 and earlier:
            return replace(earlier, next_url=following or earlier.next_url)
        self._raise_for_head(response, url, limit)
        self._read(response, url, path, limit)
        stated = "charset" in headers.get("Content-Type", "").lower()
        charset = get_encoding_from_headers(CaseInsensitiveDict(headers)) if stated else None
        etag, modified = (_returnable(headers, name) for name in ("ETag", "Last-Modified"))
        return Body(path, charset, etag, modified, next_url=following)

    def _raise_if_noai(self, response: BaseHTTPResponse, url: str) -> None:
        tags = response.headers.get("X-Robots-Tag", "").lower().replace(",", " ").split()
        if self._scrape.respect_noai and {"noai", "noimageai"} & set(tags):
            message = f"{url}: X-Robots-Tag: {' '.join(tags)} (scrape.respect_noai)"
            raise FetchError("noai", message)

    def _raise_for_head(self, response: BaseHTTPResponse, url: str, limit: int) -> None:
        """Raise FetchError if status or headers say that the body is of no use."""
        status, headers = response.status, response.headers
        if headers.get("x-amzn-waf-action") or status == 202:
            raise FetchError(
                "waf_challenge",
                f"{url}: HTTP {status}: the site's firewall asks for a browser "
                f"(x-amzn-waf-action); {block_pages.BY_HAND}",
            )
        if status != 200:
            reason, message = f"http_{status}", f"{url}: HTTP {status}, expected 200"
            if status in RETRYABLE_STATUSES:
                raise TransientError(reason, message, _retry_after_s(headers))
            raise FetchError(reason, message)
        packings = {word.strip() for word in headers.get("Content-Encoding", "").lower().split(",")}
        if unread := UNREAD_ENCODINGS & packings - {*HTTPResponse.CONTENT_DECODERS}:
            why = f"compressed by {min(unread)}, which was not asked for"
            raise FetchError("bad_answer", f"{url}: {why}")
        length = headers.get("Content-Length", "")
        if length.isdecimal() and (len(length) > len(str(limit)) or int(length) > limit):
            raise _too_large(url, length, limit)

    def _read(self, response: BaseHTTPResponse, url: str, path: Path, limit: int) -> None:
        """Write the body to `path`, a file, decompressed.

        To truncate it first would cost much: ext4 writes truncated files to the disk at once.
        """
        size = 0
        with path.open("r+b") as file:
            while chunk := response.read1(CHUNK_BYTES, decode_content=True):
                size += len(chunk)
                if size > limit:
                    raise _too_large(url, f">{limit}", limit)
                self.budget.spend(bytes=len(chunk))
                file.write(chunk)
            if file.seek(0, SEEK_END) > size:
                file.truncate(size)  # what was there before
        if not size:
            raise FetchError(
                "empty",
                f"{url}: HTTP 200 with an empty body: open it in a browser to see what it needs",
            )
        if not _is_whole(response):
            raise TransientError("incomplete", f"{url}: the compressed answer broke off")

    def _no_answer(self, url: str, error: HTTPError) -> FetchError:
        """Return why a request has no answer."""
        broken_off = (IncompleteRead, RemoteDisconnected)
        for part in error.args:
            if isinstance(part, HTTPException) and not isinstance(part, broken_off):
                return FetchError("bad_answer", f"{url}: the answer is not valid HTTP: {part}")
        late = isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError)
        if late or isinstance(error, InvalidHeader):
            return self._broken_answer(url, error)
        message = f"{url} cannot be reached: {network_failure(error)}"
        return TransientError("connection", message)

    def _broken_answer(self, url: str, error: HTTPError) -> FetchError:
        """Return why an answer that has begun cannot be used."""
        if isinstance(error, TimeoutError):
            return TransientError("timeout", f"{url}: no answer within {self._scrape.timeout_s} s")
        if isinstance(error, DecodeError | InvalidHeader):
            return FetchError("bad_answer", f"{url}: broken compression or headers: {error}")
        return TransientError("incomplete", f"{url}: the answer broke off: {error}")


def _is_whole(response: BaseHTTPResponse) -> bool:
    """Return whether a compressed body has reached the end that gzip and deflate state.

    urllib3 does not ask zlib, and hands over what there is. Bytes behind the end do no harm.
    """
    decoder = getattr(response, "_decoder", None)
    has_ended = getattr(decoder, "_state", 0) > 0  # the first member of gzip
    return has_ended or bool(getattr(getattr(decoder, "_obj", None), "eof", True))


def _address_text(header: str) -> str:
    """Return an address that a header holds; like browsers, escape bytes that are not UTF-8."""
    written = header.encode("latin1")  # as which it was read
    try:
        return written.decode()
    except UnicodeDecodeError:
        return quote(written, safe=string.printable)


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
    stated = headers.get("Retry-After", "0")
    if SECONDS.fullmatch(stated):
        return float(stated)  # infinity for thousands of digits
    try:
        return max(0.0, Retry().parse_retry_after(stated))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0
