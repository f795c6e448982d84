"""Give every listed picture a verdict: keep, or why not."""

from pathlib import Path

from src import cluster, ledger, params
from src.clean import measure, verdicts
from src.errors import reported
from src.files import write_json


def main() -> None:
    p = params.read()
    raw, clean = Path("data/raw"), Path("data/clean")
    table = ledger.read(raw / "ledger.parquet", "raw")
    with cluster.joined(p.engine, keep=True):
        measured = measure.measure(table, raw, Path(".cache/clean"))
        table = verdicts.judge(table, measured, p.clean)
    prints = measure.as_table(measured)
    ledger.write_table(prints, clean / "fingerprints.parquet", measure.COLUMNS)
    ledger.write(table, clean / "ledger.parquet", "clean")
    write_json(Path("metrics/clean.json"), verdicts.counts(table))


if __name__ == "__main__":
    with reported("clean"):
        main()
