"""Pages that a browser saved: HTML with its folder of files, MHTML (RFC 2557) and HAR 1.2."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from email import message_from_bytes
from email.errors import CloseBoundaryNotFoundDefect
from email.message import Message
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unicodedata import normalize
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from src.errors import UserError
from src.scrape.addresses import absolute_url, is_web
from src.scrape.item_ids import item_id
from src.scrape.listings import ListingError, read_document
from src.scrape.page_text import PageText, decode_page
from src.scrape.source_paths import file_below

HEAD_BYTES = 8192  # at whose top a browser or SingleFile says where the page is from
SAVED_FROM = re.compile(
    rb"<!-- saved from url=\(\d+\)(\S+) -->|Page saved with SingleFile\s+url: (\S+)"
)
PAGE_TYPES = ("text/html", "application/xhtml+xml")
OWN_ADDRESS = 'link[rel="canonical"][href], meta[property="og:url"][content]'


Part = TypeVar("Part")  # of a save: what holds an answer's body


class SavedPage(NamedTuple):
    """A page, and the address that it had; "" if the save does not say it."""

    html: str
    url: str


class Save(NamedTuple):
    """What one saved file holds.

    Attributes:
        pages: In their order; other pages than lists may be among them.
        find: Returns the bytes that are saved of a URL, or None. URLs on a page without an address
            are relative to `unknown_url`.
    """

    pages: list[SavedPage]
    find: Callable[[str], bytes | None]


def read_save(file: Path, unknown_url: str) -> Save:
    """Read a saved file, by its suffix; see `Save` for `unknown_url`.

    Raises:
        UserError: The file is none of that kind.
    """
    try:
        return READERS[file.suffix.lower()](file, unknown_url)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, KeyError):  # which only names it
            reason = f"{error} is not in it"
        elif isinstance(error, TypeError | AttributeError):
            reason = "it has another form than a browser's save"
        raise UserError(
            f"{file} cannot be read as a saved page: {' '.join(reason.split())[:200]}; save the "
            "page again"
        ) from None


def _read_html(file: Path, unknown_url: str) -> Save:
    data = file.read_bytes()
    html = decode_page(data, None)
    page = SavedPage(html, _stated_address(data[:HEAD_BYTES], html))
    folder_url = absolute_url(page.url or unknown_url, ".")
    return Save([page], partial(_beside, folder=file.parent, folder_url=folder_url))


def _stated_address(head: bytes, html: str) -> str:
    """Return what a page says of its own address on the web, or ""."""
    if comment := SAVED_FROM.search(head):
        return _on_the_web(str(comment[1] or comment[2], "ascii", "replace"))
    try:
        tag = read_document(html, "").soup.select_one(OWN_ADDRESS)
    except ListingError:  # too large: its reader says so
        return ""
    return _on_the_web(str(tag.get("href") or tag.get("content")) if tag else "")


def _on_the_web(address: str) -> str:
    """Return an address, or "": a file's would name folders of the person who saved it."""
    with suppress(ValueError):  # a broken host or port
        if is_web(address) and urlsplit(address).hostname:
            return address
    return ""


def _beside(url: str, folder: Path, folder_url: str) -> bytes | None:
    """Return the file that a page's link means, if that is in the page's folder or below."""
    name = local_name(url, folder_url)
    plain = unquote(name or "")
    # macOS writes an accent as a letter of its own
    for spelling in (name, plain, normalize("NFC", plain), normalize("NFD", plain)) if name else ():
        if file := file_below(folder, folder, spelling):
            return file.read_bytes()
    return None


def local_name(url: str, folder_url: str) -> str | None:
    """Return the path that a URL has below a folder's; None if it lies elsewhere."""
    if not url.startswith(folder_url):
        return None
    return re.split("[?#]", url.removeprefix(folder_url))[0] or None


def inline_data(url: str) -> bytes | None:
    """Return what a data: URL holds, as SingleFile writes pictures; None for any other."""
    head, comma, text = url.partition(",")
    if not comma or not head.lower().startswith("data:"):
        return None
    data = unquote_to_bytes(text)
    try:
        return base64.b64decode(data) if head.lower().endswith(";base64") else data
    except binascii.Error:
        return None


def _read_mhtml(file: Path, unknown_url: str) -> Save:
    message = message_from_bytes(file.read_bytes())
    if any(isinstance(defect, CloseBoundaryNotFoundDefect) for defect in message.defects):
        raise ValueError("it breaks off before the end of its last part")
    parts = [part for part in message.walk() if not part.is_multipart()]
    pages = [part for part in parts if part.get_content_type() in PAGE_TYPES]
    if not pages:
        raise ValueError(f"expected a part of the type {' or '.join(PAGE_TYPES)}, found none")
    page = pages[0]
    html = decode_page(_content(page), page.get_content_charset())
    url = message.get("Snapshot-Content-Location") or page.get("Content-Location") or ""
    address = _unfolded(url)
    url = _on_the_web(address)
    folder = address.rpartition("/")[0] + "/" if address.startswith("file:") else ""
    if folder:
        html = PageText(html.replace(folder, ""), html.encoding)
    saved = {}
    for part in parts:
        if name := _unfolded(part.get("Content-ID")):
            saved[f"cid:{name.strip('<>')}"] = part
        if place := _unfolded(part.get("Content-Location")):
            saved[absolute_url(url or unknown_url, place.removeprefix(folder))] = part
    find_part = _by_any_spelling(saved)

    def find(url: str) -> bytes | None:
        part = find_part(unquote(url) if url.startswith("cid:") else url)
        return None if part is None else _content(part)

    return Save([SavedPage(html, url)], find)


def _unfolded(header: object) -> str:
    """Return the address in a header, whose long lines are folded; "" for None."""
    return "".join(str(header or "").split())


def _by_any_spelling(saved: Mapping[str, Part]) -> Callable[[str], Part | None]:
    """Return a function that finds the part of a URL in any spelling, and without a fragment.

    It finds `/Zoë.jpg` for `/Zo%C3%AB.jpg#1`.
    """
    spelled = {item_id(url, "", ()): part for url, part in saved.items()}

    def find(url: str) -> Part | None:
        part = saved.get(url)
        return spelled.get(item_id(url.partition("#")[0], "", ())) if part is None else part

    return find


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)  # it has no parts
    return content


def _read_har(file: Path, unknown_url: str) -> Save:
    entries = json.loads(file.read_bytes())["log"]["entries"]  # UTF-16 too
    answers: dict[tuple[str, str], Mapping[str, Any]] = {}  # by URL and what was posted to it
    for entry in entries:
        request, response = entry["request"], entry["response"]
        if request.get("method", "GET") not in ("GET", "POST"):  # OPTIONS has no page
            continue
        is_posted = request.get("method") == "POST"
        key = str(request["url"]), str(request.get("postData") or "") if is_posted else ""
        content = response.get("content") or {}  # of a request that was blocked
        # the browser's own cache answers without a body, or has it of an earlier visit
        if response["status"] in (200, 304) and (_has_body(content) or key not in answers):
            answers[key] = content
    fetched = {url: body for (url, posted), body in answers.items() if not posted}
    find_answer = _by_any_spelling(fetched)
    pages = []
    for (url, _), content in answers.items():
        kind = str(content.get("mimeType", "")).lower()
        if kind.startswith(PAGE_TYPES) and (data := _answered(content, file.parent)):
            charset = kind.partition("charset=")[2].partition(";")[0].strip(" \"'")
            # a text of HAR is in UTF-8, whatever the page was in
            encoded = content.get("encoding") == "base64"
            pages.append(SavedPage(decode_page(data, charset if encoded else "utf-8"), url))

    def find(url: str) -> bytes | None:
        content = find_answer(url)
        return None if content is None else _answered(content, file.parent)

    return Save(pages, find)


def _has_body(content: Mapping[str, Any]) -> bool:
    return bool(content.get("text") or content.get("_file"))


def _answered(content: Mapping[str, Any], folder: Path) -> bytes | None:
    """Return a body that a HAR file holds, or has beside it; None if it is not there in full."""
    text, name = content.get("text"), content.get("_file")
    if name is not None:  # Playwright's `attach`
        data = _beside(str(name), folder, "") or b""
    elif content.get("encoding") == "base64":
        try:
            data = base64.b64decode(str(text), validate=True)
        except binascii.Error:
            return None
    else:
        return str(text).encode("utf-8", "replace") if text else None
    size = content.get("size", -1)
    return data if data and size in (-1, len(data)) else None


READERS: dict[str, Callable[[Path, str], Save]] = {
    ".html": _read_html,
    ".htm": _read_html,
    ".mhtml": _read_mhtml,
    ".mht": _read_mhtml,
    ".har": _read_har,
}
