"""Check the model's pictures of validation, and that the scores belong to them."""

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
    evidence = OutputEvidence.read(
        arrays.load(data / "pairs", "train"),
        arrays.load(data / "pairs", "val"),
        data / "predictions",
        read_json(metrics / "evaluate.json")["val"],
        findings.resolve_limits(p.audit.limits),
    )
    outcomes = findings.run(evidence, "after")
    table = read_ledger(data / "split" / "ledger.parquet", "split")
    findings.write(outcomes, table, data / "review" / "findings.json")
    write_json(metrics / "review.json", findings.metrics(outcomes))


if __name__ == "__main__":
    with exit_on_user_error("review"):
        main()
