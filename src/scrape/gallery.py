"""List pages of any site, read by the CSS selectors of params.yaml's `gallery` or `saved`."""

from collections import Counter
from collections.abc import Collection
from itertools import chain, islice

from bs4 import BeautifulSoup, Tag
from soupsieve import SelectorSyntaxError
from soupsieve import compile as compile_selector

from src.errors import UserError
from src.params import Gallery, Selectors
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


def require_selectors(gallery: Selectors) -> None:
    """Raise UserError if a selector is not valid."""
    for key, selector in _selectors(gallery).items():
        try:
            compile_selector(selector)
        except SelectorSyntaxError as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{gallery.section}.{key} = {selector!r} is no CSS selector: {reason}"
            ) from None
        except NotImplementedError:
            raise UserError(
                f"{gallery.section}.{key} = {selector!r} selects no element: leave out what begins "
                "with `::`; gallery.image_attributes names attributes"
            ) from None


def _selectors(gallery: Selectors) -> dict[str, str]:
    """Return the selectors that are set, by their keys; the source saved follows no `next`."""
    selectors = {key: getattr(gallery, key, "") for key in SELECTORS}
    return {key: selector for key, selector in selectors.items() if selector or key == "item"}


def parse_gallery(html: str, url: str, number: int, gallery: Selectors) -> ListPage:
    """Read the list page of a number, from 1, by the selectors of the section `gallery` or `saved`.

    Only a gallery has a next page.

    Raises:
        ListingError: The first page has no items or no pictures, or items stand inside each other.
        UserError: A selector is not valid.
    """
    require_selectors(gallery)
    document = read_document(html, url)
    soup = document.soup
    boxes = _select(soup, gallery.item)
    _raise_if_nested(boxes, gallery)
    items = _items(boxes, document, gallery)
    stated = _first(soup, gallery.total)
    total = stated_total(stated.get_text()) if stated else None
    next_url = _next_url(document, gallery, number, items)
    notes: tuple[str, ...] = ()
    if number == 1:
        _raise_if_empty(soup, boxes, items, gallery)
        notes = _unmatched(soup, boxes, gallery, next_url is None)
        if next_url is None:
            notes += _dead_end(soup, getattr(gallery, "next", ""))
        if stated and total is None:
            text = " ".join(stated.get_text().split())[:MAX_QUOTED]
            notes += (
                f"{gallery.section}.total says {text!r}, no exact number; {CONSEQUENCES['total']}",
            )
    is_counted = next_url is not None and "{page}" in getattr(gallery, "url", "")
    return ListPage(items, total, next_url, notes, is_counted=is_counted)


def _next_url(document: Document, gallery: Selectors, number: int, items: list[Item]) -> str | None:
    if not isinstance(gallery, Gallery):
        return None
    if "{page}" in gallery.url:
        return gallery.url.replace("{page}", str(number + 1)) if items else None
    return document.next_url(_first(document.soup, gallery.next)) or document.stated_next


def _raise_if_empty(
    soup: BeautifulSoup, boxes: list[Tag], items: list[Item], gallery: Selectors
) -> None:
    """Raise ListingError, with what each selector matches, if no item or no picture is listed."""
    if any(item.image_url for item in items):
        return
    section = gallery.section
    expected = f"expected items at {section}.item = {gallery.item!r}, found none"
    if items:
        place = f"at {section}.image = {gallery.image!r}" if gallery.image else f"({section}.image)"
        expected = (
            f"expected pictures {place} in the {len(items)} items, "
            f"with {' or '.join(gallery.image_attributes)} ({section}.image_attributes), found none"
        )
        if image := next(
            filter(None, (_first(box, gallery.image or "img") for box in boxes)), None
        ):
            expected += (
                f": the first image has {', '.join(map(str, image.attrs)) or 'no attribute'}"
            )
    counts = [
        f"{len(_select(soup, selector))} match {section}.{key} = {selector!r}"
        for key, selector in _selectors(gallery).items()
    ]
    raise ListingError(f"{expected}. Of all {len(soup.find_all())} elements {', '.join(counts)}")


def _unmatched(
    soup: BeautifulSoup, boxes: list[Tag], gallery: Selectors, is_last: bool
) -> tuple[str, ...]:
    """Return a sentence for each selector that is set, and matches nothing on the first page."""
    places: dict[str, list[Tag]] = {"link": boxes, "name": boxes, "total": [soup]}
    if isinstance(gallery, Gallery) and "{page}" not in gallery.url and is_last:
        places["next"] = [soup]
    selectors = {key: selector for key in places if (selector := getattr(gallery, key))}
    return tuple(
        f"{gallery.section}.{key} = {selector!r} matches nothing on the first page; {CONSEQUENCES[key]}"
        for key, selector in selectors.items()
        if not any(_first(place, selector) for place in places[key])
        and not (key == "link" and any(enclosing(box, "a") for box in boxes))
    )


def _dead_end(soup: BeautifulSoup, selector: str) -> tuple[str, ...]:
    """Return a sentence if what should lead to the next page is there, and leads nowhere."""
    tag = _first(soup, selector)
    if not tag:
        return ()
    fault = f"gallery.next = {selector!r} matches <{tag.name}>, which links to no other page"
    return (f"{fault}; {CONSEQUENCES['next']}",)


def _items(boxes: list[Tag], document: Document, gallery: Selectors) -> list[Item]:
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
    box: Tag, document: Document, gallery: Selectors, ignored: Collection[str], alone: bool
) -> Item:
    """Return an item; `alone` says that the link around it, if there is one, has no other."""
    images = _select(box, gallery.image) if gallery.image else [box]
    image_url = picture_url(document, images, gallery.image_attributes, not gallery.image)
    links = _select(box, gallery.link) if gallery.link else []
    around = enclosing(box, "a") if gallery.link and alone and not links else None
    if around and around.css.match(gallery.link):
        links = [around]
    name = _name(box, images, gallery)
    addresses = filter(None, (*map(document.href, links), image_url))
    ids = filter(None, (item_id(address, document.url, ignored) for address in addresses))
    return Item(next(ids, ""), readable(name), image_url)


def _name(box: Tag, images: list[Tag], gallery: Selectors) -> str:
    """Return what gallery.name selects, or else what describes the picture or stands beside it."""
    if label := _first(box, gallery.name):
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


def _raise_if_nested(boxes: list[Tag], gallery: Selectors) -> None:
    """Raise ListingError if items stand inside items.

    A few come from tags left open; many would be searched again and again.
    """
    inside = chain.from_iterable(box.descendants for box in boxes)
    if next(islice(inside, MAX_NESTED, None), None) is not None:
        raise ListingError(
            f"expected items apart from each other at {gallery.section}.item = {gallery.item!r}, found "
            f"{len(boxes)} inside one another"
        )


def _first(tag: Tag, selector: str) -> Tag | None:
    """Return the first match; None if there is none, or no selector."""
    return next(iter(_select(tag, selector)), None) if selector else None


def _select(tag: Tag, selector: str) -> list[Tag]:
    """Return the matches in an element; it may be one itself."""
    itself = [tag] if tag.parent and tag.css.match(selector) else []
    return itself + tag.select(selector)
