"""The content of a list page, and the tools that read all kinds of list pages."""

import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag, UnusualUsageWarning

from src.scrape.addresses import BLANKS, absolute_url, is_web
from src.scrape.page_text import UTF8, PageText, stated_next

# Tags, attributes and classes: each takes up to a kilobyte in memory, from a few bytes of a hostile
# page. A list page of 250 items has some 20,000.
MAX_MARKS = 300_000
MAX_NODES = 200_000  # objects and lists of a page's JSON; a list page of 250 items has some 10,000
# Of links that lead to a page; others, as javascript: on the last page, lead to none.
PAGE_SCHEMES = ("http:", "https:", "ftp:", "file:")
TAG = re.compile(r"<[^<>]*")

warnings.simplefilter("ignore", UnusualUsageWarning)  # a feed or a text is no list: that is said


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
        is_counted: Whether `next_url` is the next of a count, which nobody says to exist.
        notes: What is odd about it, for the user.
        url: The page's own, that answered.
    """

    items: list[Item]
    total: int | None
    next_url: str | None
    notes: tuple[str, ...] = ()
    url: str = ""
    is_counted: bool = False


@dataclass(frozen=True)
class Document:
    """A page's elements, and how its links are to be read.

    Attributes:
        soup: The elements.
        url: The page's own, which answered.
        encoding: Of the page, as the WHATWG names it.
        stated_next: The next page, as the answer's headers name it.
    """

    soup: BeautifulSoup
    url: str
    encoding: str
    stated_next: str | None = None

    @cached_property
    def base(self) -> str:
        """What addresses are relative to: the page's URL, or what its `<base>` says."""
        tag = self.soup.select_one("base[href]")
        base = absolute_url(self.url, tag["href"]) if tag else self.url
        try:
            return base if is_web(base) and urlsplit(base).hostname else self.url
        except ValueError:  # no URL
            return self.url

    def absolute(self, target: object) -> str:
        """Return the URL that an attribute of the page leads to, as `absolute_url` does."""
        return absolute_url(self.base, target, self.encoding)

    def href(self, tag: Tag | None) -> str | None:
        """Return the web page that an element or the first link in it leads to; None without one."""
        links = [tag, *tag.select("a[href], area[href]")] if tag else []
        targets = (self.absolute(link["href"]) for link in links if link.get("href") is not None)
        return next(filter(is_web, targets), None)

    def next_url(self, tag: Tag | None) -> str | None:
        """Return where the link to the next page leads.

        A link to this very page, to a script or to an e-mail address is the end of the list.
        """
        if tag and tag.name not in ("a", "area", "link") and not tag.get("href"):
            tag = tag.select_one("a[href]") or enclosing(tag, "a")
        if not tag or tag.get("href") is None:
            return None
        target, written = self.absolute(tag["href"]), str(tag["href"]).strip(BLANKS)
        if not written or written.startswith("#") or not target.lower().startswith(PAGE_SCHEMES):
            return None
        return None if target.partition("#")[0] == self.url.partition("#")[0] else target


def enclosing(tag: Tag, name: str) -> Tag | None:
    """Return the nearest element of a name around another; Tag.find_parent takes much longer."""
    parent = tag.parent
    while parent is not None and parent.name != name:
        parent = parent.parent
    return parent


def read_document(html: str, url: str) -> Document:
    """Return a page's elements; a PageText knows its encoding, any other text is taken for UTF-8.

    Raises:
        ListingError: It has more than MAX_MARKS tags, attributes and classes.
    """
    marks = sum(len(tag.split()) for tag in TAG.findall(html))
    if marks > MAX_MARKS:
        raise ListingError(
            f"expected at most {MAX_MARKS} tags, attributes and classes, found {marks}: no setting "
            "allows more, but the site may list fewer items on a page"
        )
    encoding = html.encoding if isinstance(html, PageText) else UTF8.name
    return Document(BeautifulSoup(html, "lxml"), url, encoding, stated_next(html))
