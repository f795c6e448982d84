"""List a source and fetch its pictures into data/raw."""

from pathlib import Path

from src import cluster, ledger, params
from src.errors import reported
from src.files import write_json
from src.scrape import sources, store


def main() -> None:
    p = params.read()
    raw = Path("data/raw")
    with cluster.joined(p.engine), sources.opened(p, raw) as source:
        table = store.store(source.crawl.rows, source.fetch, raw, p.scrape, source.downloaders)
    found = source.crawl
    ledger.write(table, raw / "ledger.parquet", "raw")
    write_json(
        Path("metrics/scrape.json"),
        store.counts(table, found.pages, found.repeated_pages, found.expected),
    )


if __name__ == "__main__":
    with reported("scrape"):
        main()
