"""List pages one after another, until the list ends or begins to repeat itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from src.errors import UserError
from src.files import write_bytes
from src.scrape.client import Client
from src.scrape.errors import FetchError
from src.scrape.listings import ListingError, ListPage

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
        try:
            body = client.get(url)
        except FetchError as error:
            if number > 1 and error.reason == "http_404":
                break  # past the end of a list whose pages are counted
            raise UserError(f"page {number} of the list could not be had: {error}") from None
        saved = folder / f"{number:04d}.html"
        write_bytes(saved, body)
        try:
            page = parse(body.decode("utf-8", errors="replace"), url, number)
            if not page.items and number == 1:
                raise ListingError("expected items on the first page, found none")
        except ListingError as error:
            raise UserError(
                f"{url} (saved as {saved}) is no list as we know it: {error}. The page is cached: "
                "change scrape.snapshot to fetch it anew"
            ) from None
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
        found.rows += [
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
        if found.expected is not None and len(found.rows) >= found.expected:
            break
        url = page.next_url
    return found
