"""Pictures that must go: those that a person lists in the file `scrape.forget`."""

import sys
from collections.abc import Mapping
from pathlib import Path

from src.errors import UserError, printable
from src.scrape.crawl import Row
from src.scrape.http import cache
from src.storage.ruling_files import read_lines

STATUS = "forgotten"
URLS = ("image_url", "label_url")  # columns of a row


def read(path: str) -> dict[str, str]:
    """Return the listed ids, each with the file and line that names it.

    Args:
        path: Of a CSV file with the column `id`: a picture's URL or an item's id.

    Raises:
        UserError: The file is missing or no such CSV file, or an id is empty.
    """
    places: dict[str, str] = {}
    for place, values in read_lines(Path(path), "scrape.forget", ["id"], "pictures"):
        if not values["id"]:
            raise UserError(
                f"{place}: id is empty, expected a picture's URL or an item's id: "
                "correct or remove the line"
            )
        places.setdefault(values["id"], place)
    return places


def forget(rows: list[Row], places: Mapping[str, str], folder: Path) -> None:
    """Mark the rows of listed pictures, and delete what the cache holds of them.

    A picture goes with all rows that show it by the same URL. The terminal is told how many rows
    that are, and which ids are in no row.

    Args:
        rows: The ledger's first columns; those of listed pictures get the status `forgotten`.
        places: See `read`.
        folder: Where the cache is.

    Raises:
        UserError: The cache cannot be used.
    """
    named = [row for row in rows if not places.keys().isdisjoint(_names(row))]
    urls = {url for row in named for url in _urls(row)}
    forgotten = [row for row in rows if row["item_id"] in places or not urls.isdisjoint(_urls(row))]
    for row in forgotten:
        row["status"] = STATUS
    cache.forget(folder, sorted(urls | places.keys()))
    known = {name for row in named for name in _names(row)}
    for name, place in places.items():
        if name not in known:
            _note(f"{place}: {name!r} is no picture's URL and no item's id of this list")
    if forgotten:
        _note(f"{len(forgotten)} of {len(rows)} listed pictures are forgotten (scrape.forget)")


def _urls(row: Row) -> set[str]:
    return {row[column] for column in URLS if row.get(column)}


def _names(row: Row) -> set[str]:
    return {row["item_id"], *_urls(row)}


def _note(text: str) -> None:
    print(printable(f"scrape: {text}"), file=sys.stderr)
