"""List pages one after another, until the list ends or begins to repeat itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from src.errors import UserError
from src.scrape.http import block_pages
from src.scrape.http.cache import Body
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError
from src.scrape.listings import ListingError, ListPage, decode_page
from src.storage.atomic import write_bytes

Parse = Callable[[str, str, int], ListPage]  # html, url, page number from 1


@dataclass
class Crawl:
    """The rows of the ledger's first columns, and what happened on the way."""

    rows: list[dict] = field(default_factory=list)
    pages: int = 0
    repeated_pages: int = 0
    expected: int | None = None


def crawl(first_url: str, parse: Parse, client: Client, folder: Path) -> Crawl:
    """Follow a list from page to page; raw pages are kept in `folder`.

    A page without a new item id is counted as repeated; with scrape.on_repeat `stop` it ends
    the list and its items are not listed again. Raises UserError where the first page cannot be
    had, or any page not be understood.
    """
    found = Crawl()
    seen: set[str] = set()
    url: str | None = first_url
    while url and found.pages < client.scrape.max_pages:
        number = found.pages + 1
        saved = folder / f"{number:04d}.html"
        read = partial(_read, parse=parse, url=url, number=number, saved=saved)
        try:
            page = client.get(url, read, client.scrape.max_page_bytes)
        except FetchError as error:
            if number > 1 and error.reason in ("http_404", "soft_404"):
                saved.unlink(missing_ok=True)
                break  # past the end of a list whose pages are counted
            raise UserError(
                f"page {number} of the list could not be had: {error}{_at(saved)}"
            ) from None
        if isinstance(page, ListingError):
            raise UserError(
                f"{url} (saved as {saved}) is no list as we know it: {page}. The page is cached: "
                "change scrape.snapshot to fetch it anew"
            )
        found.pages = number
        found.expected = page.total if page.total is not None else found.expected
        if not page.items:
            break  # past the end of a list that links on all the same
        ids = {item.item_id for item in page.items}
        repeated = bool(ids) and ids <= seen
        found.repeated_pages += repeated
        if repeated and client.scrape.on_repeat == "stop":
            break
        seen |= ids
        found.rows += _rows(page, url, number)
        if len(found.rows) > client.scrape.max_items:
            raise UserError(
                f"the list has more items than scrape.max_items = {client.scrape.max_items} by page "
                f"{number} ({url}): raise it, or fewer scrape.max_pages"
            )
        if found.expected is not None and len(found.rows) >= found.expected:
            break
        url = page.next_url
    return found


def _read(body: Body, parse: Parse, url: str, number: int, saved: Path) -> ListPage | ListingError:
    """The list on a page, or why there is none; FetchError where the page is a wall."""
    data = body.path.read_bytes()
    write_bytes(saved, data)
    html = decode_page(data, body.charset)
    try:
        page = parse(html, url, number)
    except ListingError as error:
        page = error
    if isinstance(page, ListPage) and page.items:
        return page
    block_pages.raise_if_block_page(html, url)
    if isinstance(page, ListPage) and number == 1:
        return ListingError("expected items on the first page, found none")
    return page


def _at(saved: Path) -> str:
    return f" (saved as {saved})" if saved.exists() else ""


def _rows(page: ListPage, url: str, number: int) -> list[dict]:
    return [
        {
            "page": number,
            "position": position,
            "item_id": item.item_id,
            "name": item.name,
            "page_url": url,
            "image_url": item.image_url,
            "stated_total": page.total,
        }
        for position, item in enumerate(page.items, 1)
    ]
