"""Check the final arrays and the ledger; always succeeds, the gate decides."""

from pathlib import Path

from src import arrays, ledger, params
from src.audit import report
from src.audit.checks import Evidence
from src.errors import reported
from src.files import write_json


def main() -> None:
    p = params.read()
    pairs = Path("data/pairs")
    evidence = Evidence(
        ledger=ledger.read(Path("data/split/ledger.parquet"), "split"),
        train=arrays.load(pairs, "train"),
        val=arrays.load(pairs, "val"),
        limits=p.audit.limits,
    )
    findings = report.run(evidence)
    report.write(evidence, findings, Path("data/audit"))
    write_json(Path("metrics/audit.json"), report.metrics(findings))


if __name__ == "__main__":
    with reported("audit"):
        main()
