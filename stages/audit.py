"""Check the files, the ledger and the final arrays; always succeeds, the gate decides."""

from pathlib import Path

from src import arrays, cluster, ledger, params
from src.audit import findings
from src.audit.evidence import Evidence
from src.errors import reported
from src.files import write_json


def main() -> None:
    p = params.read()
    pairs = Path("data/pairs")
    evidence = Evidence(
        ledger=ledger.read(Path("data/split/ledger.parquet"), "split"),
        train=arrays.load(pairs, "train"),
        val=arrays.load(pairs, "val"),
        raw=Path("data/raw"),
        task=p.task,
        pair=p.pair,
        limits=p.audit.limits,
    )
    with cluster.joined(p.engine):
        found = findings.run(evidence, "before")
    audit = Path("data/audit")
    findings.write(found, evidence.ledger, audit / "findings.json")
    findings.write_nearest(evidence, audit / "nearest.json")
    findings.write_sheets(evidence, found, audit)
    write_json(Path("metrics/audit.json"), findings.metrics(found))


if __name__ == "__main__":
    with reported("audit"):
        main()
