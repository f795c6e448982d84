"""Put every kept picture on a side, so that no person or copy is on both."""

from pathlib import Path

from src.errors import exit_on_user_error
from src.params import read_params
from src.split import assignment
from src.split.assignment import assign_sides
from src.storage.atomic import write_json
from src.storage.ledger import COPIES, read_ledger, read_table, write_ledger


def main() -> None:
    p = read_params()
    clean = Path("data/clean")
    table = read_ledger(clean / "ledger.parquet", "clean")
    copies = read_table(clean / "copies.parquet", COPIES)
    table = assign_sides(table, copies, p.split, p.seed)
    assignment.report_large_groups(table, p.split)
    assignment.report_parted_groups(table)
    write_ledger(table, Path("data/split/ledger.parquet"), "split")
    write_json(Path("metrics/split.json"), assignment.counts(table))
    assignment.require_both_sides(table, copies, p.split, p.seed)


if __name__ == "__main__":
    with exit_on_user_error("split"):
        main()
