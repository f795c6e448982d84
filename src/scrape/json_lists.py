"""Lists that an API answers in JSON, read by the JMESPath expressions of params.yaml's `json`."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus, urlsplit, urlunsplit

from src.params import Json
from src.scrape.addresses import absolute_url, readable
from src.scrape.expressions import ExpressionError, find
from src.scrape.item_ids import IGNORED_KEYS, item_id
from src.scrape.listings import MAX_NODES, Item, ListingError, ListPage
from src.scrape.page_text import stated_next
from src.scrape.totals import stated_total
from src.scrape.value_texts import id_text, value_text

EXPRESSIONS = ("items", "image", "id", "name", "total", "next")
COUNTED_KEY = re.compile(r"[?&]([^?&=]+)=\{(offset|cursor)\}")  # of a URL's query
MAX_QUOTED = 100  # characters of a value in a message
MAX_OFFSET_DIGITS = 18
# What follows where an expression finds nothing.
CONSEQUENCES = {
    "id": "the pictures' addresses identify the items",
    "name": "the items have no names",
    "total": "nothing says whether the list is whole",
    "next": "the list ends here",
}


def first_url(settings: Json) -> str:
    """Return the URL of a list's first page: page 1, offset 0, and no cursor."""
    url = settings.url.replace("{page}", "1")
    match = COUNTED_KEY.search(url)
    if not match:
        return url
    return _with_query(url, {match[1]: "0" if match[2] == "offset" else None})


def parse_json(text: str, url: str, number: int, settings: Json) -> ListPage:
    """Read an answer by the expressions of `settings`.

    Args:
        text: The answer.
        url: That answered.
        number: Of the page, from 1.
        settings: The section `json` of params.yaml.

    Raises:
        ListingError: It is no JSON, or what an expression finds has another form.
    """
    answer = _load(text)
    entries = _find(answer, "items", settings)
    notes: tuple[str, ...] = ()
    if isinstance(entries, list | dict):
        listed = list(entries.values()) if isinstance(entries, dict) else entries
    elif entries is None and number > 1:
        listed = []  # past the end, or an error that calls itself a success
        nothing = f"json.items = {settings.items!r} finds nothing in {_quoted(answer)}"
        notes = (f"{nothing}; the list ends here",)
    else:
        raise ListingError(
            f"expected a list or an object at json.items = {settings.items!r}, found "
            f"{_quoted(entries)} in {_quoted(answer)}"
        )
    items = [_item(value, place, url, settings) for place, value in enumerate(listed, 1)]
    if number == 1 and items and not any(item.image_url for item in items):
        raise ListingError(
            f"expected an address at json.image = {settings.image!r}, found none in "
            f"{len(items)} items; the first is {_quoted(listed[0])}"
        )
    total = _text(answer, "total", settings)
    known = None if total.startswith("-") else stated_total(total)  # -1 says "unknown"
    next_url = None
    if items:
        next_url = _next_url(answer, url, number, len(items), settings) or stated_next(text)
    if number == 1 and items:
        lacks_next = next_url is None and (known is None or known > len(items))
        notes = _unmatched(answer, listed, lacks_next, settings)
    is_counted = "{page}" in settings.url or "={offset}" in settings.url
    return ListPage(items, known, next_url, notes, is_counted=is_counted)


def _unmatched(answer: Any, listed: list[Any], lacks_next: bool, settings: Json) -> tuple[str, ...]:
    """Return a sentence for each expression that is set, and finds nothing on the first page."""
    places = {"id": listed, "name": listed, "total": [answer]}
    if lacks_next:
        places["next"] = [answer]
    return tuple(
        f"json.{key} = {getattr(settings, key)!r} finds nothing on the first page; "
        f"{CONSEQUENCES[key]}"
        for key, values in places.items()
        if getattr(settings, key)
        and not any(_find(value, key, settings) not in (None, "") for value in values)
    )


def _load(text: str) -> Any:
    nodes = text.count("{") + text.count("[")
    if nodes > MAX_NODES:
        raise ListingError(f"expected at most {MAX_NODES} objects and lists, found {nodes}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ListingError(f"expected JSON, found {text[:MAX_QUOTED]!r}: {error}") from None


def _item(value: Any, place: int, url: str, settings: Json) -> Item:
    image, identity, name = (
        _text(value, key, settings, f" in item {place}") for key in ("image", "id", "name")
    )
    image_url = absolute_url(url, image) if image else None
    # an item that is known by its picture's address alone
    identity = identity or item_id(image_url or "", url, IGNORED_KEYS)
    return Item(identity, name, image_url)


def _find(value: Any, key: str, settings: Json, where: str = "") -> Any:
    """Return what an expression finds, or raise ListingError."""
    try:
        return find(f"json.{key}", getattr(settings, key), value)
    except ExpressionError as error:
        raise ListingError(f"{error}{where}") from None


def _text(value: Any, key: str, settings: Json, where: str = "") -> str:
    """Return the text or number that an expression finds, or "".

    Raises:
        ListingError: It finds something else.
    """
    result = _find(value, key, settings, where)
    if isinstance(result, bool) or not isinstance(result, str | int | float | None):
        raise ListingError(
            f"expected a text or number at json.{key} = {getattr(settings, key)!r}{where}, found "
            f"{_quoted(result)}"
        )
    return (id_text if key in ("id", "total") else value_text)(result).strip()


def _next_url(answer: Any, url: str, number: int, n_items: int, settings: Json) -> str | None:
    """Return the URL of the next page: counted, or as the answer says it."""
    if "{page}" in settings.url:
        return settings.url.replace("{page}", str(number + 1))
    match = COUNTED_KEY.search(settings.url)
    if match and match[2] == "offset":
        stated = dict(parse_qsl(urlsplit(url).query)).get(unquote_plus(match[1]), "")
        is_offset = stated.isdecimal() and len(stated) <= MAX_OFFSET_DIGITS
        offset = int(stated) if is_offset else (number - 1) * n_items
        return _with_query(settings.url, {match[1]: str(offset + n_items)})
    if not settings.next:
        return None
    value = _find(answer, "next", settings)
    if value is False or value in ({}, []):  # as PHP says "none"
        return None
    if isinstance(value, dict) and not match:
        added = {
            quote(readable(key)): _query_value(key, part, settings)
            for key, part in value.items()
            if part is not None
        }
        return _with_query(settings.url, added) if added else None
    target = _text(answer, "next", settings)
    if not target:
        return None
    return _with_query(settings.url, {match[1]: target}) if match else absolute_url(url, target)


def _query_value(key: str, value: Any, settings: Json) -> str:
    """Return a value that the answer wants in the query of the next page, as JSON writes it.

    Raises:
        ListingError: It is an object or a list, or the object is a link itself.
    """
    place = f"json.next = {settings.next!r}"
    if key == "href":
        raise ListingError(f"{place} finds a link: set it to {settings.next + '.href'!r}")
    if isinstance(value, dict | list):
        raise ListingError(
            f"expected texts and numbers for the query of the next page at {place}, found "
            f"{_quoted(value)} in {key!r}"
        )
    return value if isinstance(value, str) else json.dumps(value)


def _with_query(url: str, values: Mapping[str, str | None]) -> str:
    """Return a URL with some keys of its query set, or removed where the value is None."""
    parts = urlsplit(url)
    other_parts = [
        part for part in parts.query.split("&") if part and part.partition("=")[0] not in values
    ]
    added = [
        f"{key}={quote(readable(value), safe='')}"
        for key, value in values.items()
        if value is not None
    ]
    return urlunsplit(parts._replace(query="&".join(other_parts + added)))


def _quoted(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"
