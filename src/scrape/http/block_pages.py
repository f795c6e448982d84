"""Pages that stand where another was asked for: challenges, login walls, error pages sent as 200."""

import re

from src.imaging.decoding import Data
from src.scrape.http.fetch_errors import FetchError

LOOKED_AT = 100_000  # characters: walls are small, and say what they are at the top

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
    re.I | re.S,
)

BY_HAND = (
    "wait, or save the pages in a browser, serve their folder with `python -m http.server` and "
    "scrape that as a gallery"
)
MESSAGES = {
    "waf_challenge": f"it asks for a proof that a human looks at it; {BY_HAND}",
    "login_wall": "it asks to log in, which a scrape does not",
    "soft_404": "it says that there is no such page, in an answer of HTTP 200",
}


def classify(html: str) -> str | None:
    """Which wall a page is: waf_challenge, login_wall, soft_404, or None.

    For pages that do not hold what was asked for; any page may have a form to log in.
    """
    top = html[:LOOKED_AT]
    titles = " ".join(match[2] for match in TITLE.finditer(top))
    if MISSING.search(titles):
        return "soft_404"
    if PASSWORD.search(top) or LOGIN.search(titles):
        return "login_wall"
    return "waf_challenge" if CHALLENGE.search(top) else None


def raise_if_block_page(html: str, url: str) -> None:
    """Raise FetchError where a page is a wall."""
    if wall := classify(html):
        raise FetchError(wall, f"{url}: {MESSAGES[wall]}")


def classify_bytes(data: Data) -> str | None:
    """What was sent in place of a picture: a wall, html, svg, or None where it is no markup."""
    if not MARKUP.match(data[:4096]):
        return None
    text = data[:LOOKED_AT].decode("utf-8", errors="replace")
    if re.search(r"<svg\b", text[:4096], re.IGNORECASE) and "<html" not in text[:4096].lower():
        return "svg"
    return classify(text) or "html"
