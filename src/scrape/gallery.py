"""List pages of any site, read by the CSS selectors of params.yaml's `gallery`."""

from collections import Counter
from collections.abc import Collection
from itertools import chain, islice

from bs4 import BeautifulSoup, Tag
from soupsieve import SelectorSyntaxError

from src.errors import UserError
from src.params import Gallery
from src.scrape.addresses import readable
from src.scrape.item_ids import IGNORED_KEYS, item_id
from src.scrape.listings import (
    MAX_MARKS,
    Document,
    Item,
    ListingError,
    ListPage,
    enclosing,
    read_document,
)
from src.scrape.page_pictures import picture_url
from src.scrape.totals import stated_total

MAX_QUOTED = 80  # characters of a page's text in a note
MAX_NAME = 200  # characters of an item's text that is its name for want of a better one
MAX_NESTED = 10 * MAX_MARKS  # tags and texts inside items, counted for each item

SELECTORS = ("item", "image", "link", "name", "next", "total")
# What follows where a selector matches nothing.
CONSEQUENCES = {
    "link": "the pictures' addresses identify the items",
    "name": "the pictures' alt texts, or the items' titles or texts, are the names",
    "total": "nothing says whether the list is whole",
    "next": "the list ends here",
}


def require_selectors(gallery: Gallery) -> None:
    """Raise UserError if a selector is not valid."""
    nothing = BeautifulSoup("", "lxml")
    for key in SELECTORS:
        if selector := getattr(gallery, key):
            _select(nothing, selector, key)


def parse_gallery(html: str, url: str, number: int, gallery: Gallery) -> ListPage:
    """Read a list page by the selectors of `gallery`.

    Args:
        html: The page.
        url: Its URL.
        number: Of the page, from 1.
        gallery: The section `gallery` of params.yaml.

    Raises:
        ListingError: The first page has no items or no pictures, or items stand inside each other.
        UserError: A selector is not valid.
    """
    document = read_document(html, url)
    soup = document.soup
    boxes = _select(soup, gallery.item, "item")
    _raise_if_nested(boxes, gallery.item)
    items = _items(boxes, document, gallery)
    stated = _first(soup, gallery.total, "total")
    total = stated_total(stated.get_text()) if stated else None
    notes: tuple[str, ...] = ()
    if number == 1:
        _raise_if_empty(soup, boxes, items, gallery)
        notes = _unmatched(soup, boxes, gallery)
        if stated and total is None:
            text = " ".join(stated.get_text().split())[:MAX_QUOTED]
            notes += (f"gallery.total says {text!r}, no exact number; {CONSEQUENCES['total']}",)
    if "{page}" in gallery.url:
        next_url = gallery.url.replace("{page}", str(number + 1)) if items else None
    else:
        next_url = document.next_url(_first(soup, gallery.next, "next"))
    return ListPage(items, total, next_url, notes)


def _raise_if_empty(
    soup: BeautifulSoup, boxes: list[Tag], items: list[Item], gallery: Gallery
) -> None:
    """Raise ListingError, with what each selector matches, if no item or no picture is listed."""
    if any(item.image_url for item in items):
        return
    expected = f"expected items at gallery.item = {gallery.item!r}, found none"
    if items:
        place = f"at gallery.image = {gallery.image!r}" if gallery.image else "(gallery.image)"
        expected = (
            f"expected pictures {place} in the {len(items)} items, "
            f"with {' or '.join(gallery.image_attributes)} (gallery.image_attributes), found none"
        )
        if image := next(
            filter(None, (_first(box, gallery.image or "img", "image") for box in boxes)), None
        ):
            expected += (
                f": the first image has {', '.join(map(str, image.attrs)) or 'no attribute'}"
            )
    selectors = {key: getattr(gallery, key) for key in SELECTORS if getattr(gallery, key)}
    counts = [
        f"{len(_select(soup, selector, key))} match gallery.{key} = {selector!r}"
        for key, selector in selectors.items()
    ]
    raise ListingError(f"{expected}. Of all {len(soup.find_all())} elements {', '.join(counts)}")


def _unmatched(soup: BeautifulSoup, boxes: list[Tag], gallery: Gallery) -> tuple[str, ...]:
    """Return a sentence for each selector that is set, and matches nothing on the first page."""
    places: dict[str, list[Tag]] = {"link": boxes, "name": boxes, "total": [soup]}
    if "{page}" not in gallery.url:
        places["next"] = [soup]
    selectors = {key: getattr(gallery, key) for key in places}
    return tuple(
        f"gallery.{key} = {selector!r} matches nothing on the first page; {CONSEQUENCES[key]}"
        for key, selector in selectors.items()
        if selector
        and not any(_first(place, selector, key) for place in places[key])
        and not (key == "link" and any(enclosing(box, "a") for box in boxes))
    )


def _items(boxes: list[Tag], document: Document, gallery: Gallery) -> list[Item]:
    """Return the items of a page.

    Where all of several names get one id, what is known as a tracking key identifies: `?ref=A12`.
    """
    ignored = (*IGNORED_KEYS, *gallery.ignored_query)
    around = Counter(id(enclosing(box, "a")) for box in boxes)

    def listed(ignored: Collection[str]) -> list[Item]:
        return [
            _item(box, document, gallery, ignored, around[id(enclosing(box, "a"))] == 1)
            for box in boxes
        ]

    items = listed(ignored)
    ids, names = {item.item_id for item in items}, {item.name for item in items}
    if len(items) > 1 and len(ids) == 1 and (len(names) > 1 or names == {""}):
        return listed(gallery.ignored_query)
    return items


def _item(
    box: Tag, document: Document, gallery: Gallery, ignored: Collection[str], alone: bool
) -> Item:
    """Return an item; `alone` says that the link around it, if there is one, has no other."""
    images = _select(box, gallery.image, "image") if gallery.image else [box]
    image_url = picture_url(document, images, gallery.image_attributes, not gallery.image)
    links = _select(box, gallery.link, "link") if gallery.link else []
    around = enclosing(box, "a") if gallery.link and alone and not links else None
    if around and around.css.match(gallery.link):
        links = [around]
    name = _name(box, images, gallery)
    addresses = filter(None, (*map(document.href, links), image_url))
    ids = filter(None, (item_id(address, document.url, ignored) for address in addresses))
    return Item(next(ids, name), readable(name), image_url)


def _name(box: Tag, images: list[Tag], gallery: Gallery) -> str:
    """Return what gallery.name selects, or else what describes the picture or stands beside it."""
    if label := _first(box, gallery.name, "name"):
        return " ".join(label.get_text(" ").split())
    pictures = [
        picture
        for image in images
        for picture in ([image] if image.name == "img" else image.select("img"))
    ]
    for tags, key in ((pictures, "alt"), (pictures, "title"), ([box, *box.select("a")], "title")):
        for tag in tags:
            if text := " ".join(str(tag.get(key) or "").split()):
                return text
    caption = box.select_one("figcaption")
    return " ".join((caption or box).get_text(" ").split())[:MAX_NAME]


def _raise_if_nested(boxes: list[Tag], selector: str) -> None:
    """Raise ListingError if items stand inside items.

    A few come from tags left open; many would be searched again and again.
    """
    inside = chain.from_iterable(box.descendants for box in boxes)
    if next(islice(inside, MAX_NESTED, None), None) is not None:
        raise ListingError(
            f"expected items apart from each other at gallery.item = {selector!r}, found "
            f"{len(boxes)} inside one another"
        )


def _first(tag: Tag, selector: str, key: str) -> Tag | None:
    """Return the first match; None if there is none, or no selector."""
    return next(iter(_select(tag, selector, key)), None) if selector else None


def _select(tag: Tag, selector: str, key: str) -> list[Tag]:
    """Return the matches in an element; it may be one itself."""
    try:
        itself = [tag] if tag.parent and tag.css.match(selector) else []
        return itself + tag.select(selector)
    except SelectorSyntaxError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"gallery.{key} = {selector!r} is no CSS selector: {reason}") from None
