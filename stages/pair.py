"""Crop and resize the pictures of both sides, and derive their inputs, as aligned arrays."""

from pathlib import Path

from src.errors import exit_on_user_error
from src.pair.pairing import write_pairs
from src.parallel import cluster
from src.params import read_params
from src.storage.atomic import write_json
from src.storage.ledger import read_ledger


def main() -> None:
    p = read_params()
    table = read_ledger(Path("data/split/ledger.parquet"), "split")
    with cluster.connect(p.engine, resume=True):
        counts = write_pairs(table, Path("data/raw"), Path("data/pairs"), p.pair, p.seed)
    write_json(Path("metrics/pair.json"), counts)


if __name__ == "__main__":
    with exit_on_user_error("pair"):
        main()
