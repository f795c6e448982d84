"""Pictures to files, and the ledger's first columns. Every listed picture gets a row."""

import hashlib
import mmap
import threading
from collections.abc import Callable
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.imaging import decoding
from src.parallel.local import stream_completed
from src.params import Scrape
from src.progress import progress_bar
from src.scrape.crawl import Crawl, Rows
from src.scrape.http import block_pages
from src.scrape.http.cache import Body, ParseBody
from src.scrape.http.fetch_errors import FetchError
from src.scrape.label_files import note_unusable, refuse_mismatches
from src.scrape.raw_ledger import LABEL_STATUS, RawLedger, StoredPicture
from src.scrape.trailing_bytes import image_end
from src.storage import archives
from src.storage.atomic import write_bytes
from src.storage.slices import slices

# Few large pictures are in memory at a time, however many arrive.
LARGE_BYTES = 2_000_000
LARGE = threading.Semaphore(2)
MAPPED_BYTES = 131_072  # from which memory is mapped, as by malloc (M_MMAP_THRESHOLD)
NO_PARTNER = (
    "files of a pair have equal names in A and B, and in data sets hf.label or webdataset.label says "
    "where the label map is; sets of unpaired pictures cannot be used"
)
# What to do where no picture could be used; by the beginning of the reason.
REMEDIES = {
    "no_image": "the source's section says where an item's picture is: gallery.image and "
    "gallery.image_attributes, json.image, urls.url, hf.image, webdataset.image, and hf.label and "
    "webdataset.label where its label map is",
    "placeholder": "items show one and the same picture: the source's section should say where the "
    "real one is, as gallery.image_attributes, json.image and urls.url do",
    "unsupported_url": "expected http:// or https://; data: stands for a picture that is loaded "
    "later, and gallery.image_attributes should name the attribute that holds its address; for "
    "files on disk there is source: folder",
    "robots": "the host's robots.txt forbids them to scripts",
    "noai": "their host does not want them in training: scrape.respect_noai",
    "too_large": "raise scrape.max_bytes",
    "private_address": "add hosts that you mean to scrape.allow_hosts",
    "missing": "the list names files that are not there: correct the names or add the files",
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
Fetch = Callable[[str, ParseBody[StoredPicture]], StoredPicture]  # URL, what to do with its body


def store(
    rows: Rows, fetch: Fetch, folder: Path, scrape: Scrape, n_downloaders: int = 1
) -> RawLedger:
    """Fetch the rows' pictures into images of `folder`, data/raw, and return the ledger.

    Files are named by their content, so equal bytes are stored once. More than scrape.shard_size
    files are packed into shards. Nothing is fetched of a row that has a status already. The
    downloaders share the hosts, with scrape.workers threads each.

    Raises:
        UserError: The run cannot continue; the message says how many pictures are done.
    """
    ledger = RawLedger(rows)
    threads = scrape.workers * max(1, min(n_downloaders, ledger.n_hosts))
    _fetch_all(ledger, fetch, folder, threads)
    ledger.set_statuses()
    refuse_mismatches(ledger, folder)
    note_unusable(ledger)
    _pack(ledger, folder, scrape.shard_size)
    return ledger


def counts(ledger: RawLedger, crawl: Crawl) -> dict[str, Any]:
    """Return metrics/scrape.json: listed = downloaded + the sum of failed."""
    numbers = ledger.counts()
    return {
        "pages": crawl.pages,
        "repeated_pages": crawl.repeated_pages,
        "expected": numbers["listed"] if crawl.expected is None else crawl.expected,
        **numbers,
        "failed": dict(sorted((status, count) for status, count, _ in ledger.failures())),
        "passed_over": dict(sorted(crawl.passed_over.items())),
    }


def require_pictures(ledger: RawLedger) -> None:
    """Raise UserError, with counts by reason and remedies, if no picture of a ledger is usable."""
    if ledger.counts()["downloaded"]:
        return
    reasons = []
    for status, count, url in ledger.failures():
        example = "" if url is None else f", such as {url}"
        remedy = REMEDIES.get(status.removeprefix(LABEL_STATUS), ANY_REMEDY)
        reasons.append(f"{count} {status}{example} ({remedy})")
    raise UserError(
        f"none of the {len(ledger)} listed pictures can be used: {'; '.join(reasons)}. After a "
        "correction change scrape.snapshot, or raise scrape.max_failed_runs, to ask the web again"
    )


def _fetch_all(ledger: RawLedger, fetch: Fetch, folder: Path, threads: int) -> None:
    """Store what is at each URL of the ledger."""

    def fetch_one(url: str) -> tuple[str, StoredPicture]:
        try:
            return url, fetch(url, partial(_save, folder=folder))
        except FetchError as error:
            return url, StoredPicture(error.reason)
        except FileNotFoundError:
            return url, StoredPicture("missing")
        except OSError:  # a file on disk that may not be read
            return url, StoredPicture("unreadable")

    count = ledger.n_urls
    # files on disk are read by compiled code, which gains by several cores
    completed = stream_completed(
        fetch_one, ledger.urls(), count, "fetching pictures", threads, ledger.is_online
    )
    try:
        with closing(completed):
            for _, (url, stored) in completed:
                ledger.store(url, stored)
    except (UserError, KeyboardInterrupt) as error:
        done = f"{ledger.n_stored} of {count} pictures are done"
        error.args = (f"{error} ({done})" if error.args else done,)
        raise


def _save(body: Body, folder: Path) -> StoredPicture:
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
        return StoredPicture("ok", name, digest, len(picture), **header._asdict(), date=body.date)


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


def _pack(ledger: RawLedger, folder: Path, shard_size: int) -> None:
    """Delete files that no row has, and pack the others into shards, if one cannot hold them."""
    count = ledger.number_files()
    for name in ledger.unused_files():
        (folder / name).unlink()
    if count <= shard_size:
        return
    # in the ledger's order: what is listed later leaves full shards as they are
    shards = slices(count, shard_size)
    for number, part in enumerate(progress_bar(shards, len(shards), "packing pictures")):
        ledger.move_files(archives.pack(ledger.files(part), folder, number))
