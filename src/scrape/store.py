"""Pictures to files, and the ledger's first columns. Every listed image gets a row."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from src import images
from src.files import write_bytes
from src.ledger import SCRAPED
from src.parallel import map_threads
from src.scrape.errors import FetchError

# The same bytes for so many different items are no picture of any of them.
PLACEHOLDER_ITEMS = 3

Fetch = Callable[[str], bytes]


def store(rows: list[dict], fetch: Fetch, folder: Path, workers: int) -> pd.DataFrame:
    """Fetch each row's image into `folder`/images and fill in the row.

    Files are named by their content, so equal bytes are stored once. Returns the ledger; its
    `status` is `ok`, or why there is no file.
    """
    urls = sorted({row["image_url"] for row in rows if row["image_url"]})

    def keep(url: str) -> dict:
        return _keep(url, fetch, folder)

    stored = dict(zip(urls, map_threads(keep, urls, "fetching pictures", workers), strict=True))
    nothing = {"status": "no_image"}
    table = pd.DataFrame(
        [
            {"row": number, "layout": "single", **row, **stored.get(row["image_url"], nothing)}
            for number, row in enumerate(rows)
        ],
        columns=SCRAPED.names,
    )
    _refuse_placeholders(table, folder)
    return table


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
        "failed": {reason: int(count) for reason, count in failed.items()},
    }


def _keep(url: str, fetch: Fetch, folder: Path) -> dict:
    try:
        data = fetch(url)
        kind, width, height = images.inspect(data)
    except (FetchError, images.ImageError) as error:
        return {"status": error.reason}
    except OSError:  # a file on disk that may not be read, or is gone
        return {"status": "unreadable"}
    digest = hashlib.sha256(data).hexdigest()
    name = f"images/{digest[:24]}.{kind.lower()}"
    write_bytes(folder / name, data)
    return {
        "file": name,
        "sha256": digest,
        "bytes": len(data),
        "width": width,
        "height": height,
        "format": kind,
        "status": "ok",
    }


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
