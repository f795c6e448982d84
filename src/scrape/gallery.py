"""List pages of any site, read by the CSS selectors of params.yaml's `gallery`."""

from collections.abc import Collection
from itertools import chain, islice

from bs4 import BeautifulSoup, Tag
from soupsieve import SelectorSyntaxError

from src.errors import UserError
from src.params import Gallery
from src.scrape.item_ids import IGNORED_KEYS, item_id
from src.scrape.listings import (
    MAX_MARKS,
    Item,
    ListingError,
    ListPage,
    absolute_url,
    largest_number,
    parse_html,
    readable,
)

MAX_NESTED = 10 * MAX_MARKS  # tags and texts inside items, counted for each item

# What follows where a selector matches nothing.
CONSEQUENCES = {
    "link": "the pictures' addresses identify the items",
    "name": "the pictures' alt texts are the names",
    "total": "nothing says whether the list is whole",
    "next": "the list ends here",
}


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
    soup = parse_html(html)
    boxes = _select(soup, gallery.item, "item")
    _raise_if_nested(boxes, gallery.item)
    items = _items(boxes, url, gallery)
    notes: tuple[str, ...] = ()
    if number == 1:
        _raise_if_empty(soup, boxes, items, gallery)
        notes = _unmatched(soup, boxes, gallery)
    if "{page}" in gallery.url:
        next_url = gallery.url.replace("{page}", str(number + 1)) if items else None
    else:
        next_url = _linked(_first(soup, gallery.next, "next"), url)
    total = _first(soup, gallery.total, "total")
    return ListPage(items, largest_number(total.get_text()) if total else None, next_url, notes)


def _raise_if_empty(
    soup: BeautifulSoup, boxes: list[Tag], items: list[Item], gallery: Gallery
) -> None:
    """Raise ListingError, with what each selector matches, if no item or no picture is listed."""
    if any(item.image_url for item in items):
        return
    expected = f"expected items at gallery.item = {gallery.item!r}, found none"
    if items:
        expected = (
            f"expected pictures at gallery.image = {gallery.image!r} in the {len(items)} items, "
            f"with {' or '.join(gallery.image_attributes)} (gallery.image_attributes), found none"
        )
        if image := next(
            filter(None, (_first(box, gallery.image, "image") for box in boxes)), None
        ):
            expected += (
                f": the first image has {', '.join(map(str, image.attrs)) or 'no attribute'}"
            )
    keys = ("item", "image", "link", "name", "next", "total")
    selectors = {key: getattr(gallery, key) for key in keys if getattr(gallery, key)}
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
        if selector and not any(_first(place, selector, key) for place in places[key])
    )


def _linked(link: Tag | None, url: str) -> str | None:
    """Return the URL that a link of the page `url` leads to."""
    return absolute_url(url, link["href"]) if link and link.get("href") else None


def _items(boxes: list[Tag], url: str, gallery: Gallery) -> list[Item]:
    """Return the items of a page.

    Where all of several names get one id, what is known as a tracking key identifies: `?ref=A12`.
    """
    ignored = (*IGNORED_KEYS, *gallery.ignored_query)
    items = [_item(box, url, gallery, ignored) for box in boxes]
    ids, names = {item.item_id for item in items}, {item.name for item in items}
    if len(items) > 1 and len(ids) == 1 and (len(names) > 1 or names == {""}):
        return [_item(box, url, gallery, gallery.ignored_query) for box in boxes]
    return items


def _item(box: Tag, url: str, gallery: Gallery, ignored: Collection[str]) -> Item:
    link = _first(box, gallery.link, "link")
    image = _first(box, gallery.image, "image")
    label = _first(box, gallery.name, "name")
    sources = [image.get(name) for name in gallery.image_attributes] if image else []
    source = next(filter(None, sources), None)
    image_url = absolute_url(url, source) if source else None
    name = ""
    if label:
        name = " ".join(label.get_text(" ").split())
    elif image:
        name = str(image.get("alt", ""))
    addresses = filter(None, (_linked(link, url), image_url))
    ids = filter(None, (item_id(address, url, ignored) for address in addresses))
    return Item(next(ids, name), readable(name), image_url)


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
    try:
        return tag.select(selector)
    except SelectorSyntaxError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"gallery.{key} = {selector!r} is no CSS selector: {reason}") from None
