"""Compares where pictures are on the saved list pages with the ledger, without a site's parser.

It looks for the smallest element (or JSON object) that holds both a picture's address and an id.
One of the ids there must be the one that the ledger gives to the picture.
"""

import json
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_plus, urljoin, urlsplit

import pandas as pd
from bs4 import BeautifulSoup, Tag, UnusualUsageWarning

warnings.simplefilter("ignore", UnusualUsageWarning)  # a page may be in XHTML
Place = tuple[str, str]  # host and path of an address


def misplaced(ledger: pd.DataFrame, folder: Path) -> dict[int, str]:
    """Find the rows whose picture is beside the ids of other items only.

    Rows whose picture or id is not on their page are skipped, since addresses may be rewritten, and
    so are pages that were not saved.

    Args:
        ledger: Its columns row, page, item_id, page_url and image_url are read.
        folder: data/raw/pages.

    Returns:
        For each such row one of the other ids.
    """
    others: dict[int, str] = {}
    listed = ledger[ledger["image_url"].notna() & ledger["page_url"].notna()]
    for number, rows in listed.groupby("page", sort=True):
        file = folder / f"{number:04d}.html"
        if file.is_file():
            others |= _misplaced_on(file.read_text(encoding="utf-8", errors="replace"), rows)
    return others


def _misplaced_on(html: str, rows: pd.DataFrame) -> dict[int, str]:
    page = Page(rows)
    soup = BeautifulSoup(html, "lxml")
    nodes: list[Any] = [soup]
    for script in soup.find_all("script", type=re.compile("json")):
        with suppress(ValueError, RecursionError):
            nodes.append(json.loads(script.get_text()))
    for node in nodes:
        with suppress(RecursionError):  # no list is nested a thousand deep
            page.gather(node)
    others = {}
    for row, item, url in zip(rows["row"], rows["item_id"], rows["image_url"], strict=True):
        neighbours = page.ids_beside.get(page.picture_key(url))
        if neighbours and item in page.ids_seen and item not in neighbours:
            others[int(row)] = min(neighbours)
    return others


class Page:
    """The ids and pictures that the ledger lists for a page, and where they are on it.

    Attributes:
        addresses: By host and path, the ids that are addresses, and what else each needs.
        ids_seen: The listed ids that are on the page.
        ids_beside: For each listed picture that is on the page, the ids beside it.
    """

    def __init__(self, rows: pd.DataFrame):
        self.url = str(rows["page_url"].iloc[0])
        self.ids = set(rows["item_id"])
        self.addresses: dict[Place, list[tuple[str, set[str]]]] = {}
        for item in self.ids:
            with suppress(ValueError):  # what urlsplit cannot read is no address
                place, details = _split_address(item)
                self.addresses.setdefault(place, []).append((item, details))
        urls = set(rows["image_url"])
        # where last parts repeat (…/3/photo.jpg, img.php?id=3) the full address is compared
        self.full_address = len({_picture_key(url, False) for url in urls}) < len(urls)
        self.pictures = {self.picture_key(url) for url in urls}
        self.ids_seen: set[str] = set()
        self.ids_beside: dict[str, set[str]] = {}

    def gather(self, node: Any) -> tuple[set[str], set[str]]:
        """Return the listed ids and pictures in an element or JSON value, and note their places.

        A picture that has an id beside it is not passed on to the elements around it.
        """
        texts, children = _contents(node)
        pieces = {piece for text in texts for piece in re.split(r"[\s,]+", text)}
        ids = set().union(*map(self._ids_in, pieces))
        self.ids_seen |= ids
        pictures = {self.picture_key(piece) for piece in pieces} & self.pictures
        for child in children:
            child_ids, child_pictures = self.gather(child)
            ids |= child_ids
            pictures |= child_pictures
        if not ids:
            return ids, pictures
        for picture in pictures:
            self.ids_beside.setdefault(picture, set()).update(ids)
        return ids, set()

    def picture_key(self, address: str) -> str:
        """Return a picture's key: equal for relative and absolute addresses, and for all sizes."""
        with suppress(ValueError):
            full = urljoin(self.url, address) if self.full_address else address
            return _picture_key(full, self.full_address)
        return address

    def _ids_in(self, piece: str) -> set[str]:
        """Return the ids that a piece of text is, links to, or has as a segment of its path.

        A link may have more in its query, and a fragment: ids are addresses without what varies.
        """
        ids = self.ids & {piece, *piece.split("?")[0].split("/")}
        with suppress(ValueError):  # what urljoin cannot read is no address
            place, details = _split_address(urljoin(self.url, piece))
            ids |= {item for item, needed in self.addresses.get(place, ()) if needed <= details}
        return ids


def _contents(node: Any) -> tuple[list[str], list[Any]]:
    """Return the texts of an element's attributes or an object's values, and the nodes inside."""
    if isinstance(node, Tag):
        texts = [v if isinstance(v, str) else " ".join(v) for v in (node.attrs or {}).values()]
        return texts, node.find_all(True, recursive=False)
    if isinstance(node, dict | list):
        values = list(node.values()) if isinstance(node, dict) else node
        texts = [value for value in values if isinstance(value, str)]
        return texts, [value for value in values if not isinstance(value, str)]
    return [], []


def _split_address(address: str) -> tuple[Place, set[str]]:
    """Return the host and path of an address, and the parts of its query with its fragment."""
    parts = urlsplit(unquote_plus(address))
    details = {*parts.query.split("&"), f"#{parts.fragment}"} - {"", "#"}
    host = (parts.hostname or "").rstrip(".")
    with suppress(UnicodeError):  # a page may write a host in Unicode, and the ledger in punycode
        host = host.encode("idna").decode()
    return (host, parts.path.rstrip("/")), details


def _picture_key(address: str, full_address: bool) -> str:
    path = unquote(address.split("#")[0])
    if not full_address:
        path = path.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    return re.sub(r"@*(\._V1.*|\.\w+)$", "", path)
