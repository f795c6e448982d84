"""Do pictures stand beside their own names on the saved list pages?

Without any site's parser: on the page, the smallest element (or JSON object) that holds both a
picture's address and somebody's id must hold the id that the ledger gives the picture.
"""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import pandas as pd
from bs4 import BeautifulSoup, Tag


def misplaced(ledger: pd.DataFrame, folder: Path) -> dict[int, str]:
    """Rows whose picture stands beside other people's ids only: row → one of those.

    folder: data/raw/pages. Left out are rows whose picture or id is not found on their page
    (addresses may have been rewritten), and pages that were not saved.
    """
    found: dict[int, str] = {}
    listed = ledger[ledger["image_url"].notna() & ledger["page_url"].notna()]
    for number, rows in listed.groupby("page", sort=True):
        saved = folder / f"{number:04d}.html"
        if saved.is_file():
            found |= _misplaced(saved.read_text(encoding="utf-8", errors="replace"), rows)
    return found


def _misplaced(html: str, rows: pd.DataFrame) -> dict[int, str]:
    page = Page(rows)
    soup = BeautifulSoup(html, "lxml")
    parts = [soup]
    for script in soup.find_all("script", type=re.compile("json")):
        with suppress(ValueError, RecursionError):
            parts.append(json.loads(script.get_text()))
    for part in parts:
        with suppress(RecursionError):  # nobody nests a list a thousand deep
            page.gather(part)
    listed = zip(rows["row"], rows["item_id"], rows["image_url"], strict=True)
    seen = [(row, item, page.beside.get(page.picture(url))) for row, item, url in listed]
    return {
        int(row): min(there)
        for row, own, there in seen
        if own in page.seen and there and own not in there
    }


class Page:
    """The listed ids and pictures, and which ids each picture stands beside."""

    def __init__(self, rows: pd.DataFrame):
        self.url = str(rows["page_url"].iloc[0])
        self.ids = set(rows["item_id"])
        # where last parts repeat (…/3/photo.jpg, img.php?id=3) the whole address is compared
        urls = set(rows["image_url"])
        self.whole = len({_picture(url, False) for url in urls}) < len(urls)
        self.pictures = {self.picture(url) for url in urls}
        self.seen: set[str] = set()
        self.beside: dict[str, set[str]] = {}

    def gather(self, thing: Any) -> tuple[set[str], set[str]]:
        """Ids and pictures in a part of the page; a picture that met an id goes no further up."""
        values, parts = _inside(thing)
        pieces = {piece for value in values for piece in re.split(r"[\s,]+", value)}
        ids = set().union(*map(self._ids, pieces))
        self.seen |= ids
        pictures = {self.picture(piece) for piece in pieces} & self.pictures
        for part in parts:
            more_ids, more_pictures = self.gather(part)
            ids |= more_ids
            pictures |= more_pictures
        if not ids:
            return ids, pictures
        for picture in pictures:
            self.beside.setdefault(picture, set()).update(ids)
        return ids, set()

    def picture(self, address: str) -> str:
        """What stays of a picture's address when it is made absolute or asks for another size."""
        with suppress(ValueError):
            return _picture(urljoin(self.url, address) if self.whole else address, self.whole)
        return address

    def _ids(self, piece: str) -> set[str]:
        """The ids that a piece of text is, leads to, or has as a segment of its path."""
        with suppress(ValueError):  # what urljoin cannot read is no address
            return self.ids & {urljoin(self.url, piece), piece, *piece.split("?")[0].split("/")}
        return set()


def _inside(thing: Any) -> tuple[list[str], list[Any]]:
    """The texts of an element's attributes or an object's values, and the parts within."""
    if isinstance(thing, Tag):
        values = [v if isinstance(v, str) else " ".join(v) for v in (thing.attrs or {}).values()]
        return values, thing.find_all(True, recursive=False)
    if isinstance(thing, dict | list):
        inside = list(thing.values()) if isinstance(thing, dict) else thing
        return [v for v in inside if isinstance(v, str)], [
            v for v in inside if not isinstance(v, str)
        ]
    return [], []


def _picture(address: str, whole: bool) -> str:
    path = unquote(address.split("#")[0])
    if not whole:
        path = path.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    return re.sub(r"@*(\._V1.*|\.\w+)$", "", path)
