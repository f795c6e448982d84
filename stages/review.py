"""Check what the model made of validation, and that its scores belong to it."""

from pathlib import Path

from src.audit import findings
from src.audit.evidence import OutputEvidence
from src.dataset import arrays
from src.errors import exit_on_user_error
from src.params import read_params
from src.storage.atomic import read_json, write_json
from src.storage.ledger import read_ledger


def main() -> None:
    p = read_params()
    data, metrics = Path("data"), Path("metrics")
    outcome = OutputEvidence.read(
        arrays.load(data / "pairs", "train"),
        arrays.load(data / "pairs", "val"),
        data / "predictions",
        read_json(metrics / "evaluate.json")["val"],
        findings.resolve_limits(p.audit.limits),
    )
    found = findings.run(outcome, "after")
    table = read_ledger(data / "split" / "ledger.parquet", "split")
    findings.write(found, table, data / "review" / "findings.json")
    write_json(metrics / "review.json", findings.metrics(found))


if __name__ == "__main__":
    with exit_on_user_error("review"):
        main()
