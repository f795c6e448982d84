"""List pages to listed items: IMDb's two layouts, and any gallery by CSS selectors.

A page that cannot be understood is an error that says what was expected and what was found.
"""

import codecs
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EncodingDetector
from soupsieve import SelectorSyntaxError

from src.errors import UserError
from src.params import Gallery
from src.scrape.http.fetch_errors import without_password

# Tags, attributes and classes: each is up to a kilobyte in memory, from a few bytes of a hostile
# page. A list page of 250 items has some 20,000.
MAX_MARKS = 100_000
TAG = re.compile(r"<[^<>]*")
MAX_NODES = 200_000  # objects and lists of a page's JSON; a list page of 250 items has some 10,000
MAX_LOOKED_AT = 10 * MAX_MARKS  # tags and texts inside items, counted for each item
MAX_TOTAL = 10**9  # no list states more

DECLARED_WITHIN = 1024  # bytes, as browsers look (HTML Standard, prescan a byte stream)
DECLARED = re.compile(rb"charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([\w.:-]{1,40})", re.IGNORECASE)
# Python's codecs of plain text; others take for ever (idna) or do other things (unicode_escape).
PLAIN = re.compile(
    r"utf-(8|16|32)|iso8859|iso2022|latin|cp\d|windows|ascii|koi8|mac|shift_jis|euc|gb|big5|hz|johab"
)


class ListingError(Exception):
    """A page that is no list as we know it."""


@dataclass(frozen=True)
class Item:
    """One listed person or thing; `image_url` is None where none is shown."""

    item_id: str
    name: str
    image_url: str | None


@dataclass(frozen=True)
class ListPage:
    """What one page says: its items, the list's stated total, and the next page's URL."""

    items: list[Item]
    total: int | None
    next_url: str | None


def imdb_url(list_id: str) -> str:
    """The URL of a list's first page, from its id (ls…) or its URL."""
    found = re.search(r"ls\d+", list_id)
    if not found:
        raise UserError(f"imdb.list = {list_id!r}: expected an id such as ls058011111, or its URL")
    return f"https://www.imdb.com/list/{found[0]}/?sort=list_order%2Casc"


def decode_page(data: bytes, charset: str | None) -> str:
    """A page's text. What is valid UTF-8 is UTF-8, whatever it is called; else the byte order mark,
    the charset of the HTTP header and that of the page itself are tried, in this order.
    """
    data, marked = EncodingDetector.strip_byte_order_mark(data)
    declared = DECLARED.search(data[:DECLARED_WITHIN])
    names = (marked, "utf-8", charset, declared and declared[1].decode("ascii"))
    for name in filter(None, names):
        with suppress(LookupError, ValueError):  # no codec of that name, or not in it
            if PLAIN.match(codecs.lookup(name).name):
                return data.decode(name)
    return data.decode("utf-8", errors="replace")


def _soup(html: str) -> BeautifulSoup:
    marks = sum(len(tag.split()) for tag in TAG.findall(html))
    if marks > MAX_MARKS:
        raise ListingError(f"expected at most {MAX_MARKS} tags and attributes, found {marks}")
    return BeautifulSoup(html, "lxml")


def parse_imdb(html: str, url: str, width: int) -> ListPage:
    """Read a list page of IMDb, old layout or new.

    width: of the pictures asked for, in pixels; 0 asks for the originals.
    Raises ListingError for any other page.
    """
    soup = _soup(html)
    script = soup.select_one("script#__NEXT_DATA__")
    if script:
        return _parse_next_data(script.text, url, width)
    if soup.select_one("div.lister-list, div.lister-item, div.lister-item-image"):
        return _parse_lister(soup, url, width)
    title = soup.title.get_text(strip=True) if soup.title else ""
    raise ListingError(
        "expected div.lister-item (layout up to 2023) or script#__NEXT_DATA__ (from 2024), found "
        f"neither in {len(html)} characters with the title {title[:80]!r}"
    )


def full_size(url: str, width: int) -> str:
    """IMDb's picture at a width (0: the original) instead of the crop in the list."""
    kind = f"._V1_UX{width}_" if width else ""
    stem, cut, rest = url.partition("._V1_")
    suffix = re.search(r"\.\w{1,9}$", rest)
    return stem + kind + suffix[0] if cut and suffix and "/" not in rest else url


def parse_gallery(html: str, url: str, number: int, gallery: Gallery) -> ListPage:
    """Read any page by the selectors of params.yaml's `gallery`; `number` is the page's, from 1."""
    soup = _soup(html)
    boxes = _select(soup, gallery.item, "item")
    _refuse_nested(boxes, gallery.item)
    items = [_gallery_item(tag, url, gallery) for tag in boxes]
    following = None
    if "{page}" in gallery.url:
        following = gallery.url.replace("{page}", str(number + 1)) if items else None
    elif gallery.next and (links := _select(soup, gallery.next, "next")) and links[0].get("href"):
        following = _joined(url, links[0]["href"])
    total = None
    if gallery.total and (tags := _select(soup, gallery.total, "total")):
        total = _number(tags[0].get_text())
    if not items and number == 1:
        raise ListingError(f"expected items at gallery.item = {gallery.item!r}, found none")
    return ListPage(items, total, following)


def _refuse_nested(boxes: list[Tag], selector: str) -> None:
    """Items inside items: a few come of tags left open, many would be looked through for ever."""
    inside = chain.from_iterable(box.descendants for box in boxes)
    if next(islice(inside, MAX_LOOKED_AT, None), None) is not None:
        raise ListingError(
            f"expected items apart from each other at gallery.item = {selector!r}, found "
            f"{len(boxes)} inside one another"
        )


def _gallery_item(tag: Tag, url: str, gallery: Gallery) -> Item:
    link = next(iter(_select(tag, gallery.link, "link")), None) if gallery.link else None
    image = next(iter(_select(tag, gallery.image, "image")), None)
    source = image and next((image[a] for a in gallery.image_attributes if image.get(a)), None)
    image_url = _joined(url, source) if source else None
    named = next(iter(_select(tag, gallery.name, "name")), None) if gallery.name else None
    name = (
        " ".join(named.get_text(" ").split())
        if named
        else str(image.get("alt", ""))
        if image
        else ""
    )
    target = _joined(url, link["href"]) if link and link.get("href") else image_url
    return Item(target or name, _text(name), image_url)


def _select(tag: Tag, selector: str, key: str) -> list[Tag]:
    try:
        return tag.select(selector)
    except SelectorSyntaxError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"gallery.{key} = {selector!r} is no CSS selector: {reason}") from None


def _parse_lister(soup: BeautifulSoup, url: str, width: int) -> ListPage:
    items = []
    for box in soup.select("div.lister-item-image"):
        link = box.select_one("a[href]")
        found = re.search(r"/(?:name|title)/((?:nm|tt)\d+)", str(link["href"])) if link else None
        if not found:
            raise ListingError(
                f"expected a link to /name/nm… or /title/tt…, found {str(box)[:200]!r}"
            )
        image = link.select_one("img")
        # a list that loads lazily shows a placeholder in src
        source = image and (image.get("loadlate") or image.get("src"))
        name = str(image.get("alt", "")) if image else _lister_name(box)
        image_url = full_size(_joined(url, source), width) if source else None
        items.append(Item(found[1], _text(name.strip()), image_url))
    if not items:
        raise ListingError("expected div.lister-item-image inside div.lister-list, found none")
    total = soup.select_one(".lister-total-num-results")
    following = soup.select_one("a.lister-page-next[href]")
    return ListPage(
        items,
        _number(total.get_text()) if total else None,
        _joined(url, following["href"]) if following else None,
    )


def _lister_name(box: Tag) -> str:
    header = box.find_next(class_="lister-item-header")
    link = header.select_one("a") if header else None
    return link.get_text(strip=True) if link else ""


def _parse_next_data(text: str, url: str, width: int) -> ListPage:
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
        items = [_next_item(edge, url, width) for edge in search["edges"]]
        more = (search.get("pageInfo") or {}).get("hasNextPage")
        total = (listed.get("items") or {}).get("total") or search.get("total")
        if not isinstance(total, int | None) or (total or 0) > MAX_TOTAL:
            raise ValueError(f"the total is {total!r}")
        following = _next_page(url) if more else None
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
    return ListPage(items, total, following)


def _next_item(edge: dict, url: str, width: int) -> Item:
    node = edge.get("listItem") or edge.get("node") or edge["name"]
    image = node.get("primaryImage") or {}
    named = node.get("nameText") or node.get("titleText") or {}
    address = image.get("url")
    if not isinstance(node["id"], str) or not isinstance(address, str | None):
        raise ValueError(f"an item's id is {node['id']!r}, its picture's URL {address!r}")
    image_url = full_size(_joined(url, address), width) if address else None
    return Item(_text(node["id"]), _text(str(named.get("text") or "")), image_url)


def _next_page(url: str) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    query["page"] = str(int(query.get("page", "1")) + 1)
    return urlunsplit(parts._replace(query=urlencode(query)))


def _joined(url: str, target: object) -> str:
    """The absolute URL, without a password; what is none stays, and is refused when it is fetched."""
    target = _text(str(target))
    with suppress(ValueError):
        target = urljoin(url, target)
    return without_password(target)


def _text(text: str) -> str:
    """Text that UTF-8 can hold: JSON may bring half a surrogate pair."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _number(text: str) -> int | None:
    """The largest number in a text, as the 900 in "1–50 of 900": that is the total."""
    found = re.findall(r"\d{1,3}(?:[.,\s]\d{3})+|\d+", text)
    numbers = [re.sub(r"\D", "", number) for number in found]
    return max((int(n) for n in numbers if len(n) < len(str(MAX_TOTAL))), default=None)
