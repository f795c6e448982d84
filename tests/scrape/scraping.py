"""A quick scrape for tests, and what it scrapes."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from src.demo import inventory, site
from src.params import Params, Scrape
from src.scrape import sources
from src.scrape.crawl import Rows
from src.scrape.raw_ledger import RawLedger
from src.scrape.store import Fetch, counts, store
from src.storage.encoding import encode_png
from src.storage.ledger import OPTIONAL, read_table, schema
from tests.servers import Answer

QUICK = {
    "scrape.retries": 1,
    "scrape.backoff_s": 0,
    "scrape.requests_per_second": 1000,
    "scrape.timeout_s": 2,
    "scrape.allow_hosts": ["127.0.0.1"],
}


def scraped(params, folder: Path) -> tuple[pd.DataFrame, dict]:
    """Return what the scrape stage writes: the ledger, read back, and the metrics."""
    with sources.open_source(params, folder) as source:
        ledger = store(source.crawl.rows, source.fetch, folder, params.scrape)
    ledger.write(folder / "ledger.parquet")
    return table_of(ledger), counts(ledger, source.crawl)


def scraped_ledger(params: Params, folder: Path) -> RawLedger:
    """Return the ledger before it is written."""
    with sources.open_source(params, folder) as source:
        return store(source.crawl.rows, source.fetch, folder, params.scrape)


def stored(rows: Rows, fetch: Fetch, folder: Path, scrape: Scrape) -> pd.DataFrame:
    """Store rows' pictures, and return the ledger, written and read back."""
    return table_of(store(rows, fetch, folder, scrape))


def table_of(ledger: RawLedger) -> pd.DataFrame:
    """Return a ledger, written and read back; rows of tests may lack what each of a list has."""
    with TemporaryDirectory() as folder:
        ledger.write(Path(folder) / "ledger.parquet")
        return read_table(Path(folder) / "ledger.parquet", schema("raw"), OPTIONAL)


def picture(seed: int, width: int = 12, height: int = 8) -> bytes:
    """Return a PNG of noise; each seed gives another one."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return encode_png(pixels)


def list_page(numbers: range, total: int, page: int, has_next: bool = True) -> Answer:
    """Return a page of a list in IMDb's layout up to 2023, of people with these numbers."""
    entries = [inventory.Entry(n, f"nm{n:07d}", f"Person {n}", "portrait", n) for n in numbers]
    return Answer(site.lister(entries, total, page, has_next).encode())


def write(path: Path, data: bytes) -> Path:
    """Write a file in a folder that may not exist yet; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
