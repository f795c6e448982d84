"""Finds the address of an item's picture as browsers and the usual lazy loaders do."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from bs4 import Tag

from src.scrape.listings import Document, enclosing

IMAGES = "img, amp-img, picture:not(:has(img)) > source"
PLAIN_ATTRIBUTES = ("src", "srcset")  # what a lazy loader fills in later is in others
SRCSET_NAME = re.compile(r"set$")
# A URL ends at white space; a comma at its end, or one outside brackets, ends the candidate.
CANDIDATE = re.compile(r"[\s,]*(\S+)")
DESCRIPTORS = re.compile(r"(?:[^,(]|\([^)]*(?:\)|$))*")
DESCRIPTOR = re.compile(r"(\d+)w|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)x|\d+h")
CSS_URL = re.compile(r"url\(\s*(?:\"([^\"]*)\"|'([^']*)'|([^)\"'\s]*))\s*\)", re.IGNORECASE)
CSS_BACKGROUND = re.compile(
    r"(?:^|;)\s*background(?:-image)?\s*:((?:[^;(]|\([^)]*\))*)", re.IGNORECASE
)
LENGTH = r"([\d.]+)\s*(px|r?em)?"
# (min-width: 600px), (width >= 600px) and (600px <= width): the sign, a length and its unit.
MEDIA_WIDTH = re.compile(rf"\b(min|max)-(?:device-)?width\s*:\s*{LENGTH}", re.IGNORECASE)
WIDTH_FIRST = re.compile(rf"\bwidth\s*([<>])=?\s*{LENGTH}", re.IGNORECASE)
WIDTH_LAST = re.compile(rf"{LENGTH}\s*([<>])=?\s*width\b", re.IGNORECASE)
OTHER_MEDIA = re.compile(
    r"print|portrait|prefers-color-scheme\s*:\s*dark|prefers-reduced-motion\s*:\s*reduce",
    re.IGNORECASE,
)
ALTERNATIVES, NEGATION = re.compile(r",|\bor\b", re.I), re.compile(r"[\s(]*not\b", re.I)
MAX_MEDIA = 1000  # characters of a media query that are read
VIEWPORT_PX, EM_PX = 1920, 16  # of the browser that a list is read as
READ_TYPES = ("", "jpeg", "jpg", "pjpeg", "png", "apng", "webp", "avif", "gif", "bmp", "tiff")
UNFETCHED_SCHEMES = ("data", "blob", "about", "javascript")
# What a script fills in, as `photo_{width}x.jpg` of lazysizes in shops.
TEMPLATE = re.compile(r"(?:\{|%7B)(?:width|height|size|w|h)(?:\}|%7D)", re.IGNORECASE)


def picture_url(
    document: Document, places: Sequence[Tag], attributes: Sequence[str], backgrounds: bool
) -> str | None:
    """Return the URL of the first usable picture; None if there is none.

    Pictures inside the page itself (data:) are placeholders. They, and drawings (.svg), are taken
    only if there is nothing else. A picture in `<noscript>` is what the element before it stands for.

    Args:
        document: The page.
        places: Elements that are images, or have them inside.
        attributes: Where an image's URL is; the first one that is usable wins.
        backgrounds: Whether a background is a picture, where no image is usable.
    """
    drawing = placeholder = None
    for written in _written(places, attributes, backgrounds):
        url = document.absolute(written)
        if not written.strip() or _is_placeholder(url):
            placeholder = placeholder or url
        elif _path(url).endswith(".svg"):
            drawing = drawing or url
        else:
            return url
    return drawing or placeholder


def _is_placeholder(url: str) -> bool:
    """Return whether a URL holds its picture itself, or none at all, or is not complete."""
    return url.partition(":")[0].lower() in UNFETCHED_SCHEMES or bool(TEMPLATE.search(url))


def largest_candidate(srcset: str) -> str | None:
    """Return the URL of a srcset's largest candidate, by width before density; None without one.

    A candidate with a descriptor that is not valid is passed over (HTML Standard, parse a srcset
    attribute).
    """
    best, largest = None, (-1.0, -1.0)
    position = 0
    while match := CANDIDATE.match(srcset, position):
        url, position = match[1], match.end()
        descriptors: list[str] = []
        if url.endswith(","):
            url = url.rstrip(",")
        elif rest := DESCRIPTORS.match(srcset, position):
            descriptors, position = rest[0].split(), max(rest.end(), position)
        size = _size(descriptors)
        if url and size and size > largest:
            best, largest = url, size
    return best


def css_urls(style: str) -> list[str]:
    """Return the URLs of the backgrounds in the style of an element."""
    return [
        next(filter(None, url.groups()), "")
        for background in CSS_BACKGROUND.finditer(style)
        for url in CSS_URL.finditer(background[1])
    ]


def _written(places: Sequence[Tag], attributes: Sequence[str], backgrounds: bool) -> Iterator[str]:
    """Yield addresses as they are written, the best first."""
    images = [image for place in places for image in _images(place)]
    shown = [image for image in images if not enclosing(image, "noscript")]
    for image in shown:
        yield from _of_image(image, attributes)
    for image in images:
        if enclosing(image, "noscript"):
            yield from _values(image, attributes)
    for place in places:
        if place.name not in ("img", "amp-img", "source"):
            yield from _values(place, attributes)
    if backgrounds and "style" in attributes:
        for place in places:
            for tag in (place, *place.select("[style], [data-bg], [data-background-image]")):
                yield from _values(tag, [name for name in attributes if name != "src"])


def _images(place: Tag) -> list[Tag]:
    """Return a place if it is an image, and the images in it otherwise."""
    if place.name in ("img", "amp-img", "source"):
        return [place]
    return [image for image in place.select(IMAGES) if image.name != "source" or _shown(image)]


def _of_image(image: Tag, attributes: Sequence[str]) -> Iterator[str]:
    """Yield what a lazy loader would show, then the `<noscript>` after it, then what is shown."""
    tags = [*_sources(image), image]
    lazy = [name for name in attributes if name not in PLAIN_ATTRIBUTES]
    for tag in tags:
        yield from _values(tag, lazy)
    sibling = (enclosing(image, "picture") or image).find_next_sibling()
    if sibling and sibling.name == "noscript":
        for hidden in sibling.select("img"):
            yield from _values(hidden, attributes)
    plain = [name for name in attributes if name in PLAIN_ATTRIBUTES]
    for tag in tags:
        yield from _values(tag, plain)


def _sources(image: Tag) -> list[Tag]:
    """Return the `<source>` elements of an image's `<picture>` that a wide screen would show."""
    picture = enclosing(image, "picture") if image.name == "img" else None
    sources = picture.find_all("source") if picture else []
    return [source for source in sources if isinstance(source, Tag) and _shown(source)]


def _shown(source: Tag) -> bool:
    """Return whether a wide screen would show a `<source>`, as far as its type and media say."""
    kind, _, subtype = str(source.get("type", "")).partition(";")[0].strip().lower().partition("/")
    if kind not in ("image", "") or subtype not in READ_TYPES:
        return False
    return any(map(_holds, ALTERNATIVES.split(str(source.get("media", ""))[:MAX_MEDIA])))


def _holds(query: str) -> bool:
    """Return whether a media query is true of a wide screen; what is not known counts as true."""
    widths, is_other = list(_widths(query)), bool(OTHER_MEDIA.search(query))
    if not widths and not is_other:
        return True
    is_true = not is_other and all(
        px <= VIEWPORT_PX if is_least else px >= VIEWPORT_PX for is_least, px in widths
    )
    return is_true != bool(NEGATION.match(query))


def _widths(query: str) -> Iterator[tuple[bool, float]]:
    """Yield the widths that a media query asks for: whether it is the least one, and pixels."""
    bounds = [(word.lower() == "min", *size) for word, *size in MEDIA_WIDTH.findall(query)]
    bounds += [(sign == ">", *size) for sign, *size in WIDTH_FIRST.findall(query)]
    bounds += [(sign == "<", *size) for *size, sign in WIDTH_LAST.findall(query)]
    for is_least, length, unit in bounds:
        with suppress(ValueError):  # 1.2.3
            yield is_least, float(length) * (EM_PX if unit.lower().endswith("em") else 1)


def _values(tag: Tag, attributes: Iterable[str]) -> Iterator[str]:
    """Yield an element's addresses, by the names of its attributes."""
    for name in attributes:
        value = str(tag.get(name) or "")
        if name == "style":
            yield from css_urls(value)
        elif value.strip().lower().startswith("url("):
            yield from css_urls(f"background:{value}")
        elif SRCSET_NAME.search(name):
            if candidate := largest_candidate(value):
                yield candidate
        elif value:
            yield value


def _size(descriptors: list[str]) -> tuple[float, float] | None:
    """Return a candidate's width and density; None if a descriptor is not valid."""
    width, density = 0.0, 1.0
    for descriptor in descriptors:
        match = DESCRIPTOR.fullmatch(descriptor)
        if not match:
            return None
        width = float(match[1] or width)
        density = float(match[2] or density)
    return width, density


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.lower()
    except ValueError:
        return ""
