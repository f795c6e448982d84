"""Put every kept picture on a side, so that nothing leaks from one to the other."""

from pathlib import Path

from src import ledger, params, split
from src.errors import reported
from src.files import write_json


def main() -> None:
    p = params.read()
    table = ledger.read(Path("data/clean/ledger.parquet"), "clean")
    table = split.split(table, p.split, p.seed)
    ledger.write(table, Path("data/split/ledger.parquet"), "split")
    write_json(Path("metrics/split.json"), split.counts(table))


if __name__ == "__main__":
    with reported("split"):
        main()
