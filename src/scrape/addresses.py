"""The addresses of a page's links, read as the WHATWG URL Standard says."""

import hashlib
import re
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from src.scrape.http.fetch_errors import without_password
from src.scrape.page_text import UTF8, UTF16_MARKS, encode_query

# What surrounds a URL, and what browsers drop inside (URL Standard, basic URL parser).
BLANKS = "".join(map(chr, range(0x21)))
INNER_BLANKS = re.compile(r"[\t\n\r]")
# A host that could be read in two ways is none.
TWO_HOSTS = re.compile(r"(?:https?:)?[/\\]*[^/?#]*\\[^/?#]*@|https?:[/\\]{3}", re.IGNORECASE)
MAX_DATA_URL = 100  # characters; those of a blank pixel stay whole
MAX_MEDIA_TYPE, HASH_DIGITS = 40, 24
# A data: URL as pages and JSON spell it: with entities, escapes, and lines of base64 that are wrapped.
SPELLED = rb"[\w+/=%;.-]|&#?\w+;|\\u00[0-9a-f]{2}|\\[/nrt]"
INLINE_PICTURE = re.compile(
    rb"data:(?:" + SPELLED + rb"){0,80}base64,\s*(?:" + SPELLED + rb"){40,}"
    rb"(?:\s+(?:" + SPELLED + rb"){24,})*"
    rb"|data:image\\?/(?:[^\s\"'<>()\\]|\\/){60,}",
    re.IGNORECASE,
)
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


def without_data(url: str) -> str:
    """Return a URL; of a long data: URL its media type and the beginning of its SHA-256.

    The ledger holds it, and different ones stay different. A short URL stays as it is.
    """
    if len(url) <= MAX_DATA_URL or not is_inline(url):
        return url
    media_type = re.split("[;,]", url[5:])[0][:MAX_MEDIA_TYPE]
    digest = hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()[:HASH_DIGITS]
    return f"data:{media_type};sha256={digest}"


def is_inline(url: str) -> bool:
    """Return whether a URL holds its data itself."""
    return url[:5].lower() == "data:"


def without_inline_pictures(page: bytes) -> bytes:
    """Return a page with each long data: URL of a picture written as `without_data` does.

    A page is kept with the data, and a picture in it may have to be forgotten. One in UTF-16 comes
    back in UTF-8.
    """

    def shortened(match: re.Match[bytes]) -> bytes:
        return without_data(INNER_BLANKS.sub("", match[0].decode("ascii", "replace"))).encode()

    if page.startswith(UTF16_MARKS):
        page = page.decode("utf-16", "replace").encode()
    return INLINE_PICTURE.sub(shortened, page)


def is_web(url: str) -> bool:
    """Return whether a URL is of http or https, well-formed or not."""
    return re.match(r"https?:", url, re.IGNORECASE) is not None


def absolute_url(url: str, target: object, encoding: str = "utf-8") -> str:
    """Return the URL that a link of a page leads to, without a password.

    Blanks and backslashes are read as browsers do. A target that is not a URL stays as it is; it is
    refused when it is fetched.

    Args:
        url: What the target is relative to.
        target: As it stands in the page.
        encoding: Of the page: a query's letters are sent in it.
    """
    target = INNER_BLANKS.sub("", readable(str(target)).strip(BLANKS))
    with suppress(ValueError):
        target = urljoin(url, _slashes(target, urlsplit(url).scheme))
    if encoding != UTF8.name and is_web(target):
        address, hash_mark, fragment = target.partition("#")
        path, mark, query = address.partition("?")
        target = path + mark + encode_query(query, encoding) + hash_mark + fragment
    return without_password(target)


def _slashes(target: str, scheme: str) -> str:
    """Return an address of http or https with the slashes that its standard asks for.

    It has no surrounding blanks, and is relative to one of that scheme.
    """
    stated = SCHEME.match(target)
    if TWO_HOSTS.match(target):
        return target
    if stated and stated[0].lower() not in ("http:", "https:"):
        return target
    head, *rest = re.split("([?#])", target, maxsplit=1)
    head = head.replace("\\", "/")
    if stated:
        head = head[stated.end() :]
        if stated[0].lower() == f"{scheme}:" and not head.startswith("//"):
            return head + "".join(rest)  # `http:1.jpg` is relative
        return f"{stated[0].lower()}//{head.lstrip('/')}{''.join(rest)}"
    if head.startswith("//"):
        head = "//" + head.lstrip("/")
    return head + "".join(rest)


def readable(text: str) -> str:
    """Return a text with lone surrogates, which JSON may bring, replaced: UTF-8 cannot hold them."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
