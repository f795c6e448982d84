"""Check what the model made of validation, and that its scores belong to it."""

from pathlib import Path

from src import arrays, ledger, params
from src.audit import findings
from src.audit.evidence import Outcome
from src.errors import reported
from src.files import read_json, write_json


def main() -> None:
    p = params.read()
    data, metrics = Path("data"), Path("metrics")
    outcome = Outcome.read(
        arrays.load(data / "pairs", "train"),
        arrays.load(data / "pairs", "val"),
        data / "predictions",
        read_json(metrics / "evaluate.json")["val"],
        p.audit.limits,
    )
    found = findings.run(outcome, "after")
    table = ledger.read(data / "split" / "ledger.parquet", "split")
    findings.write(found, table, data / "review" / "findings.json")
    write_json(metrics / "review.json", findings.metrics(found))


if __name__ == "__main__":
    with reported("review"):
        main()
