"""List a source and fetch its pictures into data/raw."""

from pathlib import Path

from src import preflight
from src.errors import exit_on_user_error
from src.parallel import cluster
from src.params import read_params
from src.scrape import forget_list, sources, store
from src.storage.atomic import write_json


def main() -> None:
    p = read_params()
    preflight.require_runnable(p)
    raw = Path("data/raw")
    forgotten = forget_list.read(p.scrape.forget)
    with cluster.connect(p.engine), sources.open_source(p, raw) as source:
        crawl = source.crawl
        rows = forget_list.forget(
            crawl.rows, forgotten, sources.CACHE, p.scrape.snapshot, source.archive
        )
        ledger = store.store(rows, source.fetch, raw, p.scrape, source.n_downloaders)
    ledger.write(raw / "ledger.parquet")
    write_json(Path("metrics/scrape.json"), store.counts(ledger, crawl))
    store.require_pictures(ledger)


if __name__ == "__main__":
    with exit_on_user_error("scrape"):
        main()
