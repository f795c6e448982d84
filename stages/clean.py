"""Give every listed picture a verdict: keep, or why it is removed."""

from pathlib import Path

from src.clean import copies, measure, rulings, verdicts
from src.errors import exit_on_user_error
from src.parallel import cluster
from src.params import read_params
from src.storage.atomic import write_json
from src.storage.ledger import COPIES, read_ledger, write_ledger, write_table


def main() -> None:
    p = read_params()
    raw, clean = Path("data/raw"), Path("data/clean")
    table = read_ledger(raw / "ledger.parquet", "raw")
    ruled = rulings.read(p.clean, table)
    with cluster.connect(p.engine, resume=True):
        measurements = measure.measure_pictures(table, raw, Path(".cache/clean"))
        table, pairs = verdicts.assign_verdicts(table, measurements, p.clean, ruled)
    fingerprints = measure.fingerprint_table(measurements)
    write_table(fingerprints, clean / "fingerprints.parquet", measure.COLUMNS)
    write_table(copies.to_table(pairs), clean / "copies.parquet", COPIES)
    write_ledger(table, clean / "ledger.parquet", "clean")
    write_json(Path("metrics/clean.json"), verdicts.counts(table))
    verdicts.require_pictures(table)


if __name__ == "__main__":
    with exit_on_user_error("clean"):
        main()
