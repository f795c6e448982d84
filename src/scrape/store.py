"""Pictures to files, and the ledger's first columns. Every listed picture gets a row."""

import hashlib
import mmap
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from src.errors import UserError
from src.imaging import decoding
from src.parallel.local import map_threads
from src.params import Scrape
from src.progress import progress
from src.scrape.crawl import Crawl, Row, Rows
from src.scrape.http import block_pages
from src.scrape.http.cache import Body, ParseBody
from src.scrape.http.fetch_errors import FetchError
from src.scrape.label_files import LABEL_STATUS, note_unusable, refuse_mismatches
from src.scrape.trailing_bytes import image_end
from src.storage import archives
from src.storage.atomic import write_bytes
from src.storage.ledger import OPTIONAL, SCRAPED
from src.storage.slices import slices

# Few large pictures are in memory at a time, however many arrive.
LARGE_BYTES = 2_000_000
LARGE = threading.Semaphore(2)
MAPPED_BYTES = 131_072  # from which memory is mapped, as by malloc (M_MMAP_THRESHOLD)
NO_PARTNER = "files of a pair have equal names in A and B; sets of unpaired pictures cannot be used"
# What to do where no picture could be used; by the beginning of the reason.
REMEDIES = {
    "no_image": "the source's section says where an item's picture is: gallery.image and "
    "gallery.image_attributes, json.image, urls.url, hf.image, webdataset.image",
    "placeholder": "items show one and the same picture: the source's section should say where the "
    "real one is, as gallery.image_attributes, json.image and urls.url do",
    "unsupported_url": "expected http:// or https://; data: stands for a picture that is loaded "
    "later, and gallery.image_attributes should name the attribute that holds its address; for "
    "files on disk there is source: folder",
    "robots": "the host's robots.txt forbids them to scripts",
    "noai": "their host does not want them in training: scrape.respect_noai",
    "too_large": "raise scrape.max_bytes",
    "private_address": "add hosts that you mean to scrape.allow_hosts",
    "unreadable": "see whether you may read the files",
    "lfs_pointer": "run `git lfs pull` in their repository, which was cloned without Git LFS",
    "link": "pack the files themselves, as `tar --dereference --hard-dereference` does",
    "changed": "wait until no other program writes the files",
    "forgotten": "the file scrape.forget lists them",
    "no_label": NO_PARTNER,
    "no_photo": NO_PARTNER,
    "other_size": "a photo and its label map must be equally large",
}
ANY_REMEDY = "open one in a browser to see what it needs"
# Columns of texts that many rows share: each text is in memory once.
REPEATED = {"page_url", "given_side", "layout", "format", "status", "date", "licence"}
# The same bytes for this many different items show none of them.
PLACEHOLDER_ITEMS = 3


class Stored(NamedTuple):
    """A picture's columns of the ledger; all but `status` are empty if there is no picture.

    Attributes:
        status: `ok`, or why there is no file.
        file: The file's path below data/raw.
        date: On which it was fetched from the web, as 2026-11-22 (UTC).
    """

    status: str
    file: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    animated: bool | None = None
    date: str | None = None


NO_LABEL = Stored("ok")  # of a row that has none to fetch
Fetch = Callable[[str, ParseBody[Stored]], Stored]  # URL, what to do with its body


def store(
    rows: Rows, fetch: Fetch, folder: Path, scrape: Scrape, n_downloaders: int = 1
) -> pd.DataFrame:
    """Fetch the rows' pictures into images of `folder`, data/raw, and return the ledger.

    Files are named by their content, so equal bytes are stored once. More than scrape.shard_size
    files are packed into shards. Nothing is fetched of a row that has a status already. The
    downloaders share the hosts, with scrape.workers threads each.

    Raises:
        UserError: The run cannot continue; the message says how many pictures are done.
    """
    urls = _in_turns({url for row in rows for url in _urls(row) if url})
    n_hosts = len(set(map(_host, urls)))
    threads = scrape.workers * max(1, min(n_downloaders, n_hosts))
    stored = _fetch_all(urls, fetch, folder, threads)
    table = _ledger(rows, stored)
    _refuse_placeholders(table, folder)
    refuse_mismatches(table, folder)
    note_unusable(table)
    return _pack(table, folder, scrape.shard_size)


def counts(table: pd.DataFrame, crawl: Crawl) -> dict[str, Any]:
    """Return metrics/scrape.json: listed = downloaded + the sum of failed."""
    failed = table.loc[table["status"] != "ok", "status"].value_counts().sort_index()
    return {
        "pages": crawl.pages,
        "repeated_pages": crawl.repeated_pages,
        "expected": len(table) if crawl.expected is None else crawl.expected,
        "listed": len(table),
        "unique_items": int(table["item_id"].nunique()),
        "downloaded": int((table["status"] == "ok").sum()),
        "animated": int(table["animated"].eq(True).sum()),
        "failed": {reason: int(count) for reason, count in failed.items()},
        "passed_over": dict(sorted(crawl.passed_over.items())),
    }


def require_pictures(table: pd.DataFrame) -> None:
    """Raise UserError, with counts by reason and remedies, if no picture of a ledger is usable."""
    if table["status"].eq("ok").any():
        return
    reasons = []
    for status, count in Counter(table["status"]).most_common():
        rows_of_status = table[table["status"] == status]
        urls = rows_of_status["image_url"].fillna(rows_of_status["label_url"]).dropna()
        example = f", such as {urls.iloc[0]}" if len(urls) else ""
        reasons.append(f"{count} {status}{example} ({REMEDIES.get(status, ANY_REMEDY)})")
    raise UserError(
        f"none of the {len(table)} listed pictures can be used: {'; '.join(reasons)}. After a "
        "correction change scrape.snapshot, or raise scrape.max_failed_runs, to ask the web again"
    )


def _urls(row: Row) -> tuple[str | None, str | None]:
    """Return the URLs of a row's picture and label map, None where there is nothing to fetch."""
    return (None, None) if "status" in row else (row["image_url"] or None, row.get("label_url"))


def _in_turns(urls: set[str]) -> list[str]:
    """Return the URLs sorted, with hosts in turn: threads should not all wait for one host."""
    seen: Counter[str] = Counter()
    turns: dict[str, int] = {}
    for url in sorted(urls):
        host = _host(url)
        turns[url] = seen[host]
        seen[host] += 1
    return sorted(turns, key=turns.__getitem__)  # which keeps equal turns in order


def _host(url: str) -> str:
    return url.split("/", 3)[:3][-1]


def _fetch_all(
    urls: list[str], fetch: Fetch, folder: Path, threads: int
) -> dict[str | None, Stored]:
    """Return what is stored of each URL, and of None: no picture is listed."""
    stored: dict[str | None, Stored] = {None: Stored("no_image")}

    def fetch_one(url: str) -> None:
        try:
            stored[url] = fetch(url, partial(_save, folder=folder))
        except FetchError as error:
            stored[url] = Stored(error.reason)
        except OSError:  # a file on disk that may not be read, or is gone
            stored[url] = Stored("unreadable")

    # files on disk are read by compiled code, which gains by several cores
    are_online = any(url.startswith(("http:", "https:")) for url in urls)
    try:
        map_threads(fetch_one, urls, "fetching pictures", threads, are_online)
    except (UserError, KeyboardInterrupt) as error:
        done = f"{len(stored) - 1} of {len(urls)} pictures are done"
        error.args = (f"{error} ({done})" if error.args else done,)
        raise
    return stored


def _save(body: Body, folder: Path) -> Stored:
    """Save a body's picture; raise FetchError if there is none in it."""
    size = body.path.stat().st_size
    if not size:
        raise FetchError("not_an_image", "it is empty")
    with LARGE if size > LARGE_BYTES else nullcontext():
        data = _read(body.path, size)
        header = _header(data)
        picture = memoryview(data)[: image_end(data, header.format)]
        digest = hashlib.sha256(picture).hexdigest()
        name = f"images/{digest[:24]}.{header.format.lower()}"
        if not (folder / name).exists():
            # a copy of what the HTTP cache or the user has
            write_bytes(folder / name, picture, sync=False)
        return Stored("ok", name, digest, len(picture), **header._asdict(), date=body.date)


def _read(path: Path, size: int) -> decoding.PictureBytes:
    """Return a file's content; raise FetchError if its size has changed.

    The file is copied, not mapped: if another process shortened a mapped file, a signal would end
    this one. Anonymous memory for large files returns to the system as soon as it is free, and that
    of threads' heaps does not.
    """
    with path.open("rb") as file:
        data: decoding.PictureBytes
        if size < MAPPED_BYTES:
            data = file.read(size)
            count = len(data)
        else:
            data = mmap.mmap(-1, size)
            count = file.readinto(data)
        if count != size or file.read(1):
            raise FetchError("changed", f"its {size} bytes changed while it was read")
    return data


def _header(data: decoding.PictureBytes) -> decoding.Header:
    try:
        return decoding.inspect(data)
    except decoding.ImageError as error:
        raise FetchError(block_pages.classify_bytes(data) or error.reason, str(error)) from None


def _ledger(rows: Rows, stored: dict[str | None, Stored]) -> pd.DataFrame:
    names = [*SCRAPED.names, *OPTIONAL.names]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for number, row in enumerate(rows):
        url, label_url = _urls(row)
        picture, label = stored[url], stored[label_url] if label_url else NO_LABEL
        values = {"layout": "single", **row, **picture._asdict(), "row": number}
        values["status"] = _status(row, picture, label)
        values["label_file"], values["label_sha256"] = label.file, label.sha256
        for name, column in columns.items():
            value = values.get(name)
            if name in REPEATED and type(value) is str:
                value = sys.intern(value)
            column.append(value)
    return pd.DataFrame(columns, columns=names)


def _status(row: Row, picture: Stored, label: Stored) -> str:
    if "status" in row:
        return str(row["status"])
    if picture.status == "ok" and label.status != "ok":
        return f"{LABEL_STATUS}{label.status}"
    return picture.status


def _refuse_placeholders(table: pd.DataFrame, folder: Path) -> None:
    """Delete pictures that a site shows for several items, and note it in their rows."""
    # files on disk are each an item of their own: copies there are a matter of clean
    are_online = (table["status"] == "ok") & table["page_url"].notna()
    online = table.loc[are_online, ["item_id", "sha256"]]
    items = online.groupby("sha256")["item_id"].nunique()
    placeholders = items[items >= PLACEHOLDER_ITEMS].index
    refused = table["sha256"].isin(placeholders)
    for name in table.loc[refused, "file"].unique():
        (folder / name).unlink()
    table.loc[refused, "status"] = "placeholder"
    table.loc[refused, "file"] = None


def _pack(table: pd.DataFrame, folder: Path, shard_size: int) -> pd.DataFrame:
    """Pack the files into shards, if there are more than fit in one; return the new ledger."""
    # row by row, a picture before its label map
    files = table[["file", "label_file"]].to_numpy().ravel()
    names = list(dict.fromkeys(name for name in files if pd.notna(name)))
    if len(names) <= shard_size:
        return table
    # in the ledger's order: what is listed later leaves full shards as they are
    shards = slices(len(names), shard_size)
    moved: dict[str, str] = {}
    for number, part in enumerate(progress(shards, len(shards), "packing pictures")):
        moved |= archives.pack(names[part], folder, number)
    return table.assign(file=table["file"].map(moved), label_file=table["label_file"].map(moved))
