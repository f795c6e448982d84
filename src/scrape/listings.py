"""What a list page says, and what all kinds of list pages are read with."""

import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urljoin

from bs4 import BeautifulSoup

from src.scrape.http.fetch_errors import without_password

# Tags, attributes and classes: each takes up to a kilobyte in memory, from a few bytes of a hostile
# page. A list page of 250 items has some 20,000.
MAX_MARKS = 100_000
MAX_TOTAL = 10**9  # no list states more
TAG = re.compile(r"<[^<>]*")


class ListingError(Exception):
    """A page that is not a list in a known layout; the message says what was expected."""


@dataclass(frozen=True)
class Item:
    """One listed person or thing.

    Attributes:
        item_id: As the site names it, or its normalised address: see item_ids.
        name: As the page shows it, or "".
        image_url: Of its picture; None if none is shown.
    """

    item_id: str
    name: str
    image_url: str | None


@dataclass(frozen=True)
class ListPage:
    """What one page says.

    Attributes:
        items: Those that it lists.
        total: How many the whole list has; None if it does not say.
        next_url: Of the next page, or None.
        notes: What is odd about it, for the user.
    """

    items: list[Item]
    total: int | None
    next_url: str | None
    notes: tuple[str, ...] = ()


def parse_html(html: str) -> BeautifulSoup:
    """Return a page's elements; raise ListingError if it has more than MAX_MARKS marks."""
    marks = sum(len(tag.split()) for tag in TAG.findall(html))
    if marks > MAX_MARKS:
        raise ListingError(f"expected at most {MAX_MARKS} tags and attributes, found {marks}")
    return BeautifulSoup(html, "lxml")


def absolute_url(url: str, target: object) -> str:
    """Return the URL that a link of a page leads to, without a password.

    A target that is not a URL stays as it is; it is refused when it is fetched.
    """
    target = readable(str(target))
    with suppress(ValueError):
        target = urljoin(url, target)
    return without_password(target)


def readable(text: str) -> str:
    """Return a text with lone surrogates, which JSON may bring, replaced: UTF-8 cannot hold them."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def largest_number(text: str) -> int | None:
    """Return the largest number in a text: the total, such as 900 in "1–50 of 900"."""
    numbers = re.findall(r"\d{1,3}(?:[.,\s]\d{3})+|\d+", text)
    digits = [re.sub(r"\D", "", number) for number in numbers]
    return max((int(d) for d in digits if len(d) < len(str(MAX_TOTAL))), default=None)
