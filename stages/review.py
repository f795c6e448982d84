"""Check the model's pictures of validation, and that the scores belong to them; never stop."""

from pathlib import Path

from src.audit import findings
from src.audit.evidence import OutputEvidence
from src.audit.experiment_metrics import summary
from src.audit.verdict import announcement, verdict
from src.errors import exit_on_user_error, printable
from src.params import read_params
from src.storage.atomic import read_json, write_json
from src.storage.checksums import file_sha256
from src.storage.ledger import read_ledger


def main() -> None:
    p = read_params()
    data, metrics, review = Path("data"), Path("metrics"), Path("data/review")
    limits = findings.resolve_limits(p.audit.limits, p.audit.thresholds)
    evidence = OutputEvidence.read(data, metrics, p.task, p.train, limits)
    outcomes = findings.run(evidence, "after")
    table = read_ledger(data / "split" / "ledger.parquet", "split")
    findings.write(outcomes, table, review / "findings.json")
    outcome, counts = verdict(evidence, findings.failures(outcomes)), findings.metrics(outcomes)
    scored = {"evaluate_sha256": file_sha256(metrics / "evaluate.json")}  # whose verdict it is
    write_json(review / "verdict.json", outcome | scored)
    write_json(metrics / "review.json", counts)
    failed = read_json(metrics / "audit.json")["failed"] + counts["failed"]
    summarised = summary(read_json(metrics / "evaluate.json"), failed, len(evidence.train_rows))
    write_json(metrics / "summary.json", summarised)
    print(printable(announcement(outcome, review / "findings.json"), allowed="\n"))


if __name__ == "__main__":
    with exit_on_user_error("review"):
        main()
