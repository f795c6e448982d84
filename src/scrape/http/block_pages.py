"""Pages sent in place of another: challenges, login pages, error pages with HTTP 200."""

import re

from src.imaging.decoding import PictureBytes
from src.scrape.http.fetch_errors import FetchError

MAX_CHARS = 100_000  # block pages are small, and say what they are at the top
MAX_HEAD = 4096  # bytes or characters that distinguish markup from a picture, and SVG from HTML

# The texts of the common firewalls (Cloudflare, AWS, PerimeterX, Imperva, DataDome, Akamai).
CHALLENGE = re.compile(
    r"captcha|cf-chl|challenge-platform|awswaf|px-cloud|_incapsula_|datadome|challenge-container|human verification|just a moment\.\.\.|"
    r"attention required|pardon our interruption|checking your browser|verify (?:that )?you are (?:a )?human|"
    r"unusual traffic|access denied|are you a robot",
    re.IGNORECASE,
)
PASSWORD = re.compile(r"<input[^>]{0,500}type\s*=\s*[\"']?password", re.IGNORECASE)
LOGIN = re.compile(r"\b(?:log ?in|sign ?in|anmelden|connexion)\b", re.IGNORECASE)
MISSING = re.compile(
    r"\b404\b|not found|does(?: not|n.t) exist|no longer (?:available|exists)|nicht gefunden",
    re.IGNORECASE,
)
TITLE = re.compile(r"<(title|h1)[^>]{0,500}>(.{0,300}?)</\1", re.IGNORECASE | re.DOTALL)
MARKUP = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype|html|head|body|\?xml|svg|!--)",
    re.IGNORECASE | re.DOTALL,
)

LFS_POINTER = b"version https://git-lfs"  # what a clone without Git LFS has, and GitHub serves

# What a page says to those who train on it, as DeviantArt's do; the header is X-Robots-Tag.
NOAI = re.compile(
    r"<meta(?=\s[^<>]{0,500}(?<![\w-])name\s*=\s*[\"']?robots[\"'\s/>])"
    r"[^<>]{0,500}(?<![\w-])content\s*=\s*(?:[\"'][^\"'<>]{0,500}?|[^\s\"'<>]{0,500}?)(?<![\w-])no(?:image)?ai(?![\w-])",
    re.IGNORECASE,
)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)

BY_HAND = (
    "wait, or save the pages yourself: open each with `python -m webbrowser URL`, save it in a "
    "folder (Ctrl+S), then run `dvc exp run -S source=saved -S saved.path=FOLDER`"
)
MESSAGES = {
    "waf_challenge": f"it asks for a proof that a human looks at it; {BY_HAND}",
    "login_wall": "it asks to log in, which a scrape does not",
    "soft_404": "it says that there is no such page, although its status is HTTP 200",
}


def classify(html: str) -> str | None:
    """Return `waf_challenge`, `login_wall` or `soft_404`; None for any other page.

    Only for pages that lack what they should show: every page may have a form to log in.
    """
    top = html[:MAX_CHARS]
    titles = " ".join(match[2] for match in TITLE.finditer(top))
    if MISSING.search(titles):
        return "soft_404"
    if PASSWORD.search(top) or LOGIN.search(titles):
        return "login_wall"
    return "waf_challenge" if CHALLENGE.search(top) else None


def raise_if_noai(html: str, place: object) -> None:
    """Raise FetchError `noai`, with the page's URL or file, if its robots element forbids training."""
    if NOAI.search(COMMENT.sub("", html[:MAX_CHARS])):
        raise FetchError("noai", f"{place}: its <meta name=robots> says noai (scrape.respect_noai)")


def raise_if_block_page(html: str, url: str) -> None:
    """Raise FetchError if `classify` knows the page."""
    if kind := classify(html):
        raise FetchError(kind, f"{url}: {MESSAGES[kind]}")


def classify_bytes(data: PictureBytes) -> str | None:
    """Return what was sent in place of a picture; None if it is nothing known.

    The answer is `svg`, `html`, the kind of block page that `classify` names, or `lfs_pointer`.
    """
    if data[: len(LFS_POINTER)] == LFS_POINTER:
        return "lfs_pointer"
    if not MARKUP.match(data[:MAX_HEAD]):
        return None
    text = data[:MAX_CHARS].decode("utf-8", errors="replace")
    head = text[:MAX_HEAD]
    if re.search(r"<svg\b", head, re.IGNORECASE) and "<html" not in head.lower():
        return "svg"
    return classify(text) or "html"
