"""Hosts and origins of URLs, each in one spelling."""

from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from urllib3.util import parse_url

from src.scrape.http.fetch_errors import FetchError, without_password

DEFAULT_PORTS = {"http": 80, "https": 443}
CACHED_URLS = 1024  # each is asked for several times while it is fetched


@lru_cache(CACHED_URLS)
def host_name(host: str) -> str:
    """Return a host in one spelling: lower case, IDNA, no dot at the end, no brackets.

    A text that is no host is returned as it is.
    """
    bare = host.strip().strip("[]").rstrip(".")
    with suppress(ValueError):
        return str(ip_address(bare))
    with suppress(ValueError):
        return parse_url(f"//{bare}").host or host
    return host


def site(url: str) -> tuple[str, str, int | None]:
    """Return a URL's scheme, host in one spelling, and port; None stands for the scheme's own.

    Raises:
        ValueError: It is no URL of http or https.
    """
    parts = parse_url(url)
    scheme = parts.scheme or ""
    if scheme not in DEFAULT_PORTS or not parts.host:
        raise ValueError("expected an http or https address")
    port = None if parts.port == DEFAULT_PORTS[scheme] else parts.port
    return scheme, host_name(parts.host), port


def origin(url: str) -> str:
    """Return a URL's scheme, host and port, equal for all spellings of them.

    Raises:
        FetchError: As `host_of`.
    """
    scheme, host, port = _checked_site(url)
    authority = f"[{host}]" if ":" in host else host
    return f"{scheme}://{authority}" + (f":{port}" if port is not None else "")


def host_of(url: str) -> str:
    """Return a URL's host in one spelling.

    Raises:
        FetchError: `unsupported_url`: no http or https URL, or one that holds a password.
    """
    return _checked_site(url)[1]


@lru_cache(CACHED_URLS)
def _checked_site(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        user = parts.username or parts.password
    except ValueError:
        parts, user = urlsplit(""), None
    if user:
        raise FetchError("unsupported_url", f"{without_password(url)} holds a user or password")
    try:
        if not parts.netloc:
            raise ValueError("expected an http or https address")
        return site(url)
    except ValueError as error:
        message = f"{without_password(url)}: {without_password(str(error))}"
        raise FetchError("unsupported_url", message) from None
