"""IMDb's list pages, in the layout up to 2023 (HTML) and that from 2024 on (JSON in the page)."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bs4 import Tag

from src.errors import UserError
from src.scrape.addresses import readable
from src.scrape.listings import (
    MAX_NODES,
    Document,
    Item,
    ListingError,
    ListPage,
    read_document,
)
from src.scrape.page_pictures import largest_candidate
from src.scrape.totals import MAX_TOTAL, stated_total

ITEM_LINK = r"/(?:name|title)/((?:nm|tt)\d+)"
# What the scripts of the layout from 2024 on draw.
RENDERED_LIST = '[data-testid="list-page-mc-list-content"]'
MAX_PAGE_DIGITS = 9
RENDERED_ITEM = "li.ipc-metadata-list-summary-item"


def imdb_url(list_id: str) -> str:
    """Return the URL of a list's first page, from its id (ls…) or its URL.

    Raises:
        UserError: There is no id in it.
    """
    match = re.search(r"ls\d+", list_id)
    if not match:
        raise UserError(f"imdb.list = {list_id!r}: expected an id such as ls058011111, or its URL")
    return f"https://www.imdb.com/list/{match[0]}/?sort=list_order%2Casc"


def parse_imdb(html: str, url: str, width: int) -> ListPage:
    """Read a list page of IMDb, in either layout.

    The pictures to ask for have a width in pixels; 0 asks for the originals.

    Raises:
        ListingError: It is any other page.
    """
    document = read_document(html, url)
    soup = document.soup
    script = soup.select_one("script#__NEXT_DATA__")
    rendered = _parse_rendered(document, width)
    if script:
        listed = _parse_next_data(script.text, document, width)
        # a page that loaded more while it was scrolled shows more than its JSON
        return rendered if len(rendered.items) > len(listed.items) else listed
    if rendered.items:
        return rendered
    if soup.select_one("div.lister-list, div.lister-item, div.lister-item-image"):
        return _parse_lister(document, width)
    title = soup.title.get_text(strip=True) if soup.title else ""
    raise ListingError(
        "expected div.lister-item (layout up to 2023) or script#__NEXT_DATA__ (from 2024), found "
        f"neither in {len(html)} characters with the title {title[:80]!r}"
    )


def full_size(url: str, width: int) -> str:
    """Return the URL of a picture in a given width (0: the original) instead of the list's crop."""
    stem, mark, rest = url.partition("._V1_")  # what follows says how the picture is cut
    suffix = re.search(r"\.\w{1,9}$", rest)
    if not mark or not suffix or "/" in rest:
        return url
    return stem + (f"._V1_UX{width}_" if width else "") + suffix[0]


def _parse_lister(document: Document, width: int) -> ListPage:
    soup = document.soup
    items = [_lister_item(box, document, width) for box in soup.select("div.lister-item-image")]
    if not items:
        raise ListingError("expected div.lister-item-image inside div.lister-list, found none")
    total = soup.select_one(".lister-total-num-results")
    return ListPage(
        items,
        stated_total(total.get_text()) if total else None,
        document.href(soup.select_one("a.lister-page-next[href]")),
    )


def _lister_item(box: Tag, document: Document, width: int) -> Item:
    link = box.select_one("a[href]")
    match = re.search(ITEM_LINK, str(link["href"])) if link else None
    if not link or not match:
        raise ListingError(f"expected a link to /name/nm… or /title/tt…, found {str(box)[:200]!r}")
    image = link.select_one("img")
    # a list that loads lazily shows a placeholder in src
    source = image and (image.get("loadlate") or image.get("src"))
    name = str(image.get("alt", "")) if image else _lister_name(box)
    image_url = full_size(document.absolute(source), width) if source else None
    return Item(match[1], readable(name.strip()), image_url)


def _lister_name(box: Tag) -> str:
    header = box.find_next(class_="lister-item-header")
    link = header.select_one("a") if isinstance(header, Tag) else None
    return link.get_text(strip=True) if link else ""


def _parse_next_data(text: str, document: Document, width: int) -> ListPage:
    nodes = text.count("{") + text.count("[")
    if nodes > MAX_NODES:
        raise ListingError(f"expected at most {MAX_NODES} objects and lists, found {nodes}")
    try:
        listed = json.loads(text)["props"]["pageProps"]["mainColumnData"]["list"]
        search = next(
            listed[key]
            for key in ("nameListItemSearch", "titleListItemSearch")
            if listed.get(key) is not None
        )
        items = [_next_data_item(edge, document, width) for edge in search["edges"]]
        has_next = (search.get("pageInfo") or {}).get("hasNextPage")
        total = (listed.get("items") or {}).get("total") or search.get("total")
        if not isinstance(total, int | None) or (total or 0) > MAX_TOTAL:
            raise ValueError(f"the total is {total!r}")
        if total is not None and total < 0:
            total = None  # not known
        next_url = _next_page(document.url) if has_next else None
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        StopIteration,
        RecursionError,
    ) as error:
        raise ListingError(
            "expected props.pageProps.mainColumnData.list.nameListItemSearch.edges in "
            f"script#__NEXT_DATA__, found {type(error).__name__}: {error}; it starts {text[:120]!r}"
        ) from None
    return ListPage(items, total, next_url)


def _next_data_item(edge: dict[str, Any], document: Document, width: int) -> Item:
    node = edge.get("listItem") or edge.get("node") or edge["name"]
    image = node.get("primaryImage") or {}
    name = (node.get("nameText") or node.get("titleText") or {}).get("text")
    source = image.get("url")
    if not isinstance(node["id"], str) or not isinstance(source, str | None):
        raise ValueError(f"an item's id is {node['id']!r}, its picture's URL {source!r}")
    image_url = full_size(document.absolute(source), width) if source else None
    return Item(readable(node["id"]), readable(str(name or "")), image_url)


def _parse_rendered(document: Document, width: int) -> ListPage:
    """Read what the page's scripts have drawn: an MHTML file has no scripts, and so no JSON."""
    soup = document.soup
    boxes = soup.select(f"{RENDERED_LIST} {RENDERED_ITEM}") or soup.select(RENDERED_ITEM)
    items = [item for box in boxes if (item := _rendered_item(box, document, width))]
    stated = soup.select_one('[data-testid="list-page-mc-total-items"]')
    total = stated_total(stated.get_text(" ")) if stated else None
    more = items and (total is None or total > len(items))
    return ListPage(items, total, _next_page(document.url) if more else None)


def _rendered_item(box: Tag, document: Document, width: int) -> Item | None:
    links = (re.search(ITEM_LINK, str(link["href"])) for link in box.select("a[href]"))
    match = next(filter(None, links), None)
    if not match:
        return None
    title, image = box.select_one(".ipc-title__text"), box.select_one("img")
    alt = str(image.get("alt", "")) if image else ""
    name = title.get_text(" ", strip=True) if title else alt
    source = image and (image.get("src") or largest_candidate(str(image.get("srcset", ""))))
    image_url = full_size(document.absolute(source), width) if source else None
    return Item(match[1], readable(re.sub(r"^\d+\.\s+", "", name)), image_url)


def _next_page(url: str) -> str:
    """Return the address of the page after a list's page, which is the first if it has no number."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    page = query.get("page", "")
    number = int(page) if page.isdecimal() and len(page) <= MAX_PAGE_DIGITS else 1
    query["page"] = str(number + 1)
    return urlunsplit(parts._replace(query=urlencode(query)))
