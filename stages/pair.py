"""Cut, resize and derive the inputs: aligned arrays of both sides."""

from pathlib import Path

from src import cluster, ledger, pair, params
from src.errors import reported
from src.files import write_json


def main() -> None:
    p = params.read()
    table = ledger.read(Path("data/split/ledger.parquet"), "split")
    with cluster.joined(p.engine, keep=True):
        counts = pair.make(table, Path("data/raw"), Path("data/pairs"), p.pair, p.seed)
    write_json(Path("metrics/pair.json"), counts)


if __name__ == "__main__":
    with reported("pair"):
        main()
