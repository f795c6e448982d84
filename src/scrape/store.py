"""Pictures to files, and the ledger's first columns. Every listed image gets a row."""

import hashlib
import mmap
import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from src.errors import UserError
from src.imaging import decoding
from src.parallel.local import map_threads, progress
from src.params import Scrape
from src.scrape.http import block_pages
from src.scrape.http.cache import Body
from src.scrape.http.fetch_errors import FetchError
from src.scrape.trailing_bytes import image_end
from src.storage import archives
from src.storage.atomic import write_bytes
from src.storage.ledger import SCRAPED

# Few large pictures in memory at a time, however many are on the way.
LARGE_BYTES = 2_000_000
LARGE = threading.Semaphore(2)
# The same bytes for so many different items are no picture of any of them.
PLACEHOLDER_ITEMS = 3


class Stored(NamedTuple):
    """What the ledger says of a picture that was fetched, or why it was not."""

    status: str
    file: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    animated: bool | None = None


ParseBody = Callable[[Body], Stored]
Fetch = Callable[[str, ParseBody], Stored]


def store(
    rows: list[dict], fetch: Fetch, folder: Path, scrape: Scrape, downloaders: int = 1
) -> pd.DataFrame:
    """Fetch each row's image into `folder`/images and fill in the row.

    Files are named by their content, so equal bytes are stored once; more than scrape.shard_size of them
    are packed. downloaders: that hosts are dealt out to, with scrape.workers threads for each.
    Returns the ledger; its `status` is `ok`, or why there is no file.
    """
    urls = _in_turns({row["image_url"] for row in rows if row["image_url"]})
    threads = scrape.workers * max(1, min(downloaders, len(set(map(_host, urls)))))
    stored: dict[str | None, Stored] = {None: Stored("no_image")}

    def keep(url: str) -> None:
        stored[url] = _keep(url, fetch, folder)

    try:
        map_threads(keep, urls, "fetching pictures", threads)
    except (UserError, KeyboardInterrupt) as error:
        done = f"{len(stored) - 1} of {len(urls)} pictures were dealt with"
        error.args = (f"{error} ({done})" if error.args else done,)
        raise
    said = [stored[row["image_url"] or None] for row in rows]
    columns = {"row": range(len(rows)), "layout": [row.get("layout", "single") for row in rows]}
    columns |= {name: [getattr(s, name) for s in said] for name in Stored._fields}
    for name in set(SCRAPED.names) - set(columns):
        columns[name] = [row.get(name) for row in rows]
    table = pd.DataFrame(columns, columns=SCRAPED.names)
    _refuse_placeholders(table, folder)
    return _packed(table, folder, scrape.shard_size)


def counts(table: pd.DataFrame, pages: int, repeated_pages: int, expected: int | None) -> dict:
    """metrics/scrape.json: listed = downloaded + the sum of failed."""
    failed = table.loc[table["status"] != "ok", "status"].value_counts().sort_index()
    return {
        "pages": pages,
        "repeated_pages": repeated_pages,
        "expected": len(table) if expected is None else expected,
        "listed": len(table),
        "unique_items": int(table["item_id"].nunique()),
        "downloaded": int((table["status"] == "ok").sum()),
        "animated": int(table["animated"].eq(True).sum()),
        "failed": {reason: int(count) for reason, count in failed.items()},
    }


def _in_turns(urls: set[str]) -> list[str]:
    """Sorted, and hosts in turns: the workers should not all wait for one."""
    seen: Counter[str] = Counter()
    turns = []
    for url in sorted(urls):
        turns.append((seen[_host(url)], url))
        seen[_host(url)] += 1
    return [url for _, url in sorted(turns)]


def _host(url: str) -> str:
    return url.split("/", 3)[:3][-1]


def _keep(url: str, fetch: Fetch, folder: Path) -> Stored:
    try:
        return fetch(url, partial(_save, folder=folder))
    except FetchError as error:
        return Stored(error.reason)
    except OSError:  # a file on disk that may not be read, or is gone
        return Stored("unreadable")


def _save(body: Body, folder: Path) -> Stored:
    """Store a body's picture; returns what the ledger says of it. FetchError where it is none."""
    size = body.path.stat().st_size
    if not size:
        raise FetchError("not_an_image", "it is empty")
    with (
        LARGE if size > LARGE_BYTES else nullcontext(),
        body.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        header = _header(data)
        with memoryview(data)[: image_end(data, header.format)] as picture:
            digest = hashlib.sha256(picture).hexdigest()
            name = f"images/{digest[:24]}.{header.format.lower()}"
            _place(folder / name, picture, body if len(picture) == size else None)
            return Stored("ok", name, digest, len(picture), **header._asdict())


def _header(data: decoding.Data) -> decoding.Header:
    try:
        return decoding.inspect(data)
    except decoding.ImageError as error:
        raise FetchError(block_pages.classify_bytes(data) or error.reason, str(error)) from None


def _place(path: Path, picture: memoryview, body: Body | None) -> None:
    """A file of a picture, named by its content; linked to the body that is nothing else."""
    if body and body.ours:
        with suppress(OSError):  # not on this disk, or the folder is not there yet
            os.link(body.path, path)
    if not path.exists():
        write_bytes(path, picture)


def _packed(table: pd.DataFrame, folder: Path, most: int) -> pd.DataFrame:
    """The same with its files in packs of `most`, where there are more than that."""
    names = list(table["file"].dropna().unique())
    if len(names) <= most:
        return table
    # in the ledger's order: what is listed later leaves full packs as they are
    parts = [names[at : at + most] for at in range(0, len(names), most)]
    moved: dict[str, str] = {}
    for number, part in enumerate(progress(parts, len(parts), "packing pictures")):
        moved |= archives.pack(part, folder, number)
    return table.assign(file=table["file"].map(moved))


def _refuse_placeholders(table: pd.DataFrame, folder: Path) -> None:
    # files on disk are each an item of their own: copies there are clean's to judge
    online = table[(table["status"] == "ok") & table["page_url"].notna()]
    items = online.groupby("sha256")["item_id"].nunique()
    placeholders = items[items >= PLACEHOLDER_ITEMS].index
    refused = table["sha256"].isin(placeholders)
    for name in table.loc[refused, "file"].unique():
        (folder / name).unlink()
    table.loc[refused, "status"] = "placeholder"
    table.loc[refused, "file"] = None
