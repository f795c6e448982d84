"""Do pictures stand beside their own names on the saved list pages?

Without any site's parser: on the page, the smallest element (or JSON object) that holds both a
picture's address and somebody's id must hold the id that the ledger gives the picture.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

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
    ids = {_word(item) for item in rows["item_id"]}
    pictures = {_word(url) for url in rows["image_url"]}
    beside: dict[str, set[str]] = {}
    soup = BeautifulSoup(html, "lxml")
    _gather(soup, ids, pictures, beside)
    for script in soup.find_all("script", type=re.compile("json")):
        try:
            _gather(json.loads(script.get_text()), ids, pictures, beside)
        except (ValueError, RecursionError):
            continue
    listed = zip(rows["row"], rows["item_id"], rows["image_url"], strict=True)
    seen = [(row, _word(item), beside.get(_word(url))) for row, item, url in listed]
    return {int(row): min(there) for row, own, there in seen if there and own not in there}


def _gather(thing: Any, ids: set[str], pictures: set[str], beside: dict[str, set[str]]) -> set[str]:
    """The ids and pictures in a part of the page; a picture that met an id goes no further up."""
    values, parts = _inside(thing)
    words = {_word(piece) for value in values for piece in re.split(r"[\s,]+", value)}
    words &= ids | pictures
    for part in parts:
        words |= _gather(part, ids, pictures, beside)
    if here := words & ids:
        for picture in words & pictures:
            beside.setdefault(picture, set()).update(here)
        words = here
    return words


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


def _word(address: str) -> str:
    """What stays of an address when it is made absolute or asks for another size."""
    path = unquote(address.split("?")[0].split("#")[0]).rstrip("/")
    return re.split(r"@|\._V1", path.rsplit("/", 1)[-1])[0]
