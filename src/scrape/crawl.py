"""Lists pages one after another, until the list ends or begins to repeat itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from src.errors import UserError, print_on_stderr
from src.imaging.picture_folders import reasons_with_names
from src.scrape.addresses import is_inline, without_data, without_inline_pictures
from src.scrape.http import block_pages
from src.scrape.http.cache import Body
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError
from src.scrape.listings import ListingError, ListPage
from src.scrape.page_text import decode_page
from src.scrape.rendering import RenderingClient
from src.storage.atomic import write_bytes

NO_SUCH_PAGE = ("http_204", "http_404", "http_410", "soft_404")
OUT_OF_RANGE = ("http_400", "http_416", "http_422")  # WordPress answers 400 past the end


PageClient = Client | RenderingClient
# Takes the HTML, the URL that answered and the page's number from 1; picklable; may raise ListingError.
ParsePage = Callable[[str, str, int], ListPage]
Row = dict[str, Any]  # a listed picture: the ledger's first columns


class Rows(Protocol):
    """The rows of a list: their number, and one after another, perhaps from a file."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Row]: ...


class Repeats:
    """Recognises the pages of a list that show nothing new.

    An id, a link or a picture's address identifies an item. A page of which nothing is identified,
    as of people without pictures, is a repeated one only if it is equal to an earlier one.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._pages: set[int] = set()

    def note(self, page: ListPage) -> str:
        """Return why the list may end at a repeated page, where that may surprise; else ""."""
        if _known_ids(page):
            return ""
        return f"its {len(page.items)} items, without pictures or ids, are those of an earlier page"

    def add(self, page: ListPage) -> bool:
        """Note a page; return whether it is a repeated one."""
        ids, content = _known_ids(page), hash(tuple(page.items))
        is_repeated = ids <= self._ids if ids else content in self._pages
        self._ids |= ids
        self._pages.add(content)
        return is_repeated


def _known_ids(page: ListPage) -> set[str]:
    """Return the ids of a page's items, without those of pictures inside the page, such as pixels."""
    ids = (item.item_id for item in page.items)
    return {item_id for item_id in ids if item_id and not is_inline(item_id)}


@dataclass
class Crawl:
    """What a list holds.

    Attributes:
        rows: The ledger's first columns, in the list's order.
        pages: How many pages were read.
        repeated_pages: How many of them list no new item.
        expected: How many items the list says that it has.
        passed_over: How many files of a source on disk are in no row, by the reason.
    """

    rows: Rows = field(default_factory=list)
    pages: int = 0
    repeated_pages: int = 0
    expected: int | None = None
    passed_over: dict[str, int] = field(default_factory=dict)


def crawl(
    first_url: str, parse: ParsePage, client: PageClient, folder: Path, suffix: str = "html"
) -> Crawl:
    """Follow a list from page to page.

    A page without a new item counts as repeated. With scrape.on_repeat = `stop` it ends the list,
    and its items are not listed again. The raw pages are saved in `folder`, as 0001.html and so on.

    Raises:
        UserError: The first page cannot be fetched, a page cannot be understood, or the list has
            more items than scrape.max_items.
    """
    rows: list[Row] = []
    listed = Crawl(rows)
    repeats = Repeats()
    pictures: set[tuple[str, str | None]] = set()
    url: str | None = first_url
    earlier: ListPage | None = None
    while url and listed.pages < client.scrape.max_pages:
        number = listed.pages + 1
        saved = folder / f"{number:04d}.{suffix}"
        page = _fetch_page(url, number, parse, client, saved, earlier)
        if page is None:
            break
        listed.pages += 1
        ids = {item.item_id for item in page.items}
        is_stated = earlier is not None and not earlier.is_counted
        for note in (*page.notes, *page_notes(page, ids, number, is_stated)):
            print_note(note, url)
        if page.total is not None:
            listed.expected = page.total
        if not page.items:
            break  # past the end of a list whose every page links to a next one
        repeated = repeats.add(page)
        listed.repeated_pages += repeated
        if repeated and client.scrape.on_repeat == "stop":
            if reason := repeats.note(page):
                print_note(f"page {number} ends the list: {reason}", url)
            break
        pictures |= {(item.item_id, item.image_url) for item in page.items}
        rows += page_rows(page, page.url, listed.pages)
        _raise_if_too_long(listed, client.scrape.max_items, url)
        if _is_complete(listed, len(pictures), page, repeated, url):
            break
        url, earlier = page.next_url, page
    else:
        if url:
            print_note(f"the list goes on after scrape.max_pages = {listed.pages}: raise it", url)
    return listed


def page_notes(
    page: ListPage, ids: set[str], number: int, is_stated: bool = False
) -> Iterator[str]:
    """Yield notes on the items of a page.

    Args:
        page: The page.
        ids: Of its items.
        number: Of the page, from 1.
        is_stated: Whether an earlier page says that there is this one.
    """
    if not page.items and (page.next_url or is_stated):
        yield f"page {number} lists nothing: the list ends there"
    if number == 1 and len(page.items) > len(ids) == 1:
        yield _one_id(len(page.items), min(ids))


def _fetch_page(
    url: str,
    number: int,
    parse: ParsePage,
    client: PageClient,
    saved: Path,
    earlier: ListPage | None,
) -> ListPage | None:
    """Return a page of the list; None if it does not exist and is not the first one.

    That is the usual end of a list whose pages are counted. Any other end is noted.
    """
    respect_noai = client.scrape.respect_noai
    save_and_parse = partial(
        _save_and_parse, parse=parse, url=url, number=number, saved=saved, respect_noai=respect_noai
    )
    try:
        page = client.get(
            url,
            save_and_parse,
            client.scrape.max_page_bytes,
            earlier.url if earlier else None,
            insist=True,
        )
    except FetchError as error:
        if earlier and error.reason in (*NO_SUCH_PAGE, *OUT_OF_RANGE):
            saved.unlink(missing_ok=True)
            if error.reason in OUT_OF_RANGE or not earlier.is_counted:
                note = f"page {number} cannot be fetched ({error}): the list ends before it"
                print_on_stderr(f"scrape: {note}")
            return None
        copy = f" (saved as {saved})" if saved.exists() else ""
        raise UserError(f"page {number} of the list cannot be fetched: {error}{copy}") from None
    if isinstance(page, ListingError):
        raise UserError(
            f"{url} (saved as {saved}) is not a list in a known layout: {page}. Correct the settings "
            "by the saved page; it is cached: change scrape.snapshot to fetch it again"
        )
    return page


def _save_and_parse(
    body: Body, parse: ParsePage, url: str, number: int, saved: Path, respect_noai: bool
) -> ListPage | ListingError:
    """Return the list on a page, or why there is none.

    The error is returned, so that the page stays in the cache.

    Raises:
        FetchError: The page is a block page, or forbids training.
    """
    data = body.path.read_bytes()
    write_bytes(saved, without_inline_pictures(data))
    url = body.url or url  # what its links are relative to
    html = decode_page(data, body.charset)
    html.next_url = body.next_url
    if respect_noai:
        block_pages.raise_if_noai(html, url)
    page: ListPage | ListingError
    try:
        page = parse(html, url, number)
    except ListingError as error:
        page = error
    if isinstance(page, ListPage):
        page = replace(page, url=url)
        if page.items:
            return page
    block_pages.raise_if_block_page(html, url)
    if isinstance(page, ListPage) and number == 1:
        return ListingError("expected items on the first page, found none")
    return page


def _is_complete(listed: Crawl, n_pictures: int, page: ListPage, repeated: bool, url: str) -> bool:
    """Return whether a list has the items that it states; note it if there are more of them.

    A total that is too small is often that of the pages. Pages may overlap, where items are added
    meanwhile: so pictures are counted, each once.
    """
    if listed.expected is None or len(listed.rows) < listed.expected:
        return False
    if repeated or n_pictures == listed.expected:
        return True
    if n_pictures < listed.expected:
        return False
    if n_pictures - len(page.items) <= listed.expected:
        states = f"the list states {listed.expected} items and has more"
        print_note(f"{states}: its total does not end it", url)
    return False


def _raise_if_too_long(listed: Crawl, max_items: int, url: str) -> None:
    if len(listed.rows) > max_items:
        raise UserError(
            f"the list has more items than scrape.max_items = {max_items} by page {listed.pages} "
            f"({url}): raise it, or lower scrape.max_pages"
        )


def note_one_id(rows: Rows, place: str) -> None:
    """Print a note if all of several rows have one id.

    Args:
        rows: All of a source's.
        place: What decides on the ids, and where it is.
    """
    ids = (row["item_id"] for row in rows)
    first = next(ids, "")
    if len(rows) > 1 and all(item_id == first for item_id in ids):
        print_note(_one_id(len(rows), first), place)


def _one_id(count: int, item_id: str) -> str:
    return f"all {count} items have the id {without_data(item_id)!r}, and count as one"


def print_note(note: str, place: str) -> None:
    """Print what is odd about a page, with its URL or file, on the terminal."""
    print_on_stderr(f"scrape: {note} ({place})")


def count_passed_over(names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return how many files are in no row, by the reason, and name some on the terminal."""
    counts = {reason: len(group) for reason, group in sorted(names.items())}
    if counts:
        total = sum(counts.values())
        note = "1 file is passed over" if total == 1 else f"{total} files are passed over"
        print_on_stderr(f"scrape: {note}: {reasons_with_names(names)}")
    return counts


def page_rows(page: ListPage, url: str, number: int) -> list[Row]:
    """Return the rows of a list page, which has an address and a number from 1."""
    return [
        {
            "page": number,
            "position": position,
            "item_id": without_data(item.item_id) or f"{url}#{position}",
            "name": item.name,
            "page_url": url,
            "image_url": item.image_url and without_data(item.image_url),
            "stated_total": page.total,
        }
        for position, item in enumerate(page.items, 1)
    ]
