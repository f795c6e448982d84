"""What a request says of the page that it comes from."""

import re
from urllib.parse import quote, urlsplit

VISIBLE = "!#$%&'()*+,/:;=?@[]~"  # what a URL holds unescaped, beside letters and digits


def referer(page_url: str, target: str) -> str | None:
    """Return the header Referer, by the policy of browsers: strict-origin-when-cross-origin.

    Args:
        page_url: The page that has the link or the picture.
        target: What is asked for.

    Returns:
        The page's URL for the same site, the page's site for another one, and None where https leads
        to http. Fragments, users and passwords are never sent.
    """
    try:
        page, asked = urlsplit(page_url), urlsplit(target)
        same = _site(page_url) == _site(target)
    except ValueError:  # no URL
        return None
    if page.scheme not in ("http", "https") or (page.scheme == "https") > (asked.scheme == "https"):
        return None
    host = page.netloc.rpartition("@")[2]
    if not same:
        return f"{page.scheme}://{host}/"
    sent = page._replace(netloc=host, path=page.path or "/", fragment="").geturl()
    return quote(sent, safe=VISIBLE)


def _site(url: str) -> tuple[str, str, str]:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    default = {"http": "80", "https": "443"}.get(parts.scheme, "")
    port = re.sub(r"^0+", "", str(parts.port)) if parts.port is not None else default
    return parts.scheme, (parts.hostname or "").lower(), port
