"""Pictures that must go: those that a person lists in the file `scrape.forget`."""

from collections.abc import Container, Iterator, Mapping, Set
from pathlib import Path

from src.errors import UserError, print_on_stderr
from src.scrape.addresses import without_data
from src.scrape.crawl import Row, Rows
from src.scrape.http import cache
from src.scrape.item_ids import item_id
from src.storage.ruling_files import read_lines

STATUS = "forgotten"
URLS = ("image_url", "label_url")  # columns of a row
MAX_NAMED = 5  # URLs in a line


def read(path: str) -> dict[str, str]:
    """Return the ids in the column `id` of a CSV file, each with the file and line that names it.

    An id is a picture's URL, or an item's.

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


def forget(
    rows: Rows,
    places: Mapping[str, str],
    folder: Path,
    snapshot: str,
    archive: str | None = None,
) -> Rows:
    """Mark the rows of listed pictures as `forgotten`, and delete what the cache holds of them.

    All rows that show a picture by the same URL are marked. Lines on stderr say how many these are,
    which ids are in no row, and which other URLs have a forgotten picture's bytes.

    Args:
        rows: The list.
        places: As `read` returns them.
        folder: The cache.
        snapshot: The name of the cache's current one.
        archive: The URL of a download that holds all pictures, if there is one.

    Raises:
        UserError: The cache cannot be used.
    """
    if not places:
        return rows
    urls, ids, known = _named(rows, places)
    unknown = {n: place for n, place in places.items() if known.isdisjoint(_spellings(n))}
    _note_unknown(unknown, cache.redirects(folder) if unknown else {})
    marked = MarkedRows(rows, ids, urls)
    count = sum(row.get("status") == STATUS for row in marked)
    whole = {archive} if archive and count else set()
    copies = cache.forget(folder, sorted(urls | places.keys() | whole), snapshot)
    if count:
        note = f"{count} of {len(rows)} listed pictures are forgotten (scrape.forget)"
        again = f"; {archive} holds them, so each scrape fetches it again" if whole else ""
        print_on_stderr(f"scrape: {note}{again}")
    if copies:
        print_on_stderr(
            "scrape: other URLs have the same bytes as what is deleted, and stay; list them too: "
            + ", ".join(copies[:MAX_NAMED] + ["…"][: len(copies) > MAX_NAMED])
        )
    return marked


def _note_unknown(places: Mapping[str, str], redirects: Mapping[str, str]) -> None:
    """Print a line for each listed id that is in no row."""
    urls_by_answer = {_plain(answered): url for answered, url in redirects.items()}
    for name, place in places.items():
        why = f"{name!r} is no picture's URL and no item's id of this list"
        if url := urls_by_answer.get(_plain(name)):
            why += f", but {url} is redirected to it: list that URL"
        print_on_stderr(f"scrape: {place}: {why}")


class MarkedRows:
    """Rows, of which those of some items and pictures have the status `forgotten`."""

    def __init__(self, rows: Rows, ids: Container[str], urls: Set[str]):
        self._rows, self._ids, self._urls = rows, ids, urls

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return map(self._mark, self._rows)

    def _mark(self, row: Row) -> Row:
        forgotten = row["item_id"] in self._ids or not self._urls.isdisjoint(_urls(row))
        return row | {"status": STATUS} if forgotten else row


def _named(
    rows: Rows, places: Mapping[str, str]
) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Return the URLs and ids of the rows that are listed, and how the list may spell these."""
    listed = set[tuple[str, str]]().union(*map(_spellings, places))
    urls, ids, known = set(), set(), set()
    for row in rows:
        names = {("id", row["item_id"]), *(("url", _plain(url)) for url in _urls(row))}
        if not listed.isdisjoint(names):
            urls |= _urls(row)
            known |= names
            if ("id", row["item_id"]) in listed:
                ids.add(row["item_id"])
    return urls, ids, known


def _spellings(name: str) -> set[tuple[str, str]]:
    """Return what a listed name may mean: an address may be written as a browser shows it."""
    names = {name, without_data(name), item_id(name, "")}
    return {*(("id", each) for each in names), ("url", _plain(name))}


def _plain(url: str) -> str:
    """Return the one spelling of a picture's URL; its whole query counts."""
    return without_data(item_id(url, "", ()))


def _urls(row: Row) -> set[str]:
    return {row[column] for column in URLS if row.get(column)}
