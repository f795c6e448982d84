"""Measure the files, the ledger and the final arrays; always succeed: the gate judges."""

from pathlib import Path

from src.audit import findings
from src.audit.evidence import Evidence
from src.dataset import arrays
from src.errors import exit_on_user_error
from src.parallel import cluster
from src.params import read_params
from src.storage.ledger import read_ledger


def main() -> None:
    p = read_params()
    pairs = Path("data/pairs")
    evidence = Evidence(
        ledger=read_ledger(Path("data/split/ledger.parquet"), "split"),
        train=arrays.load(pairs, "train"),
        val=arrays.load(pairs, "val"),
        raw=Path("data/raw"),
        task=p.task,
        pair=p.pair,
        limits=findings.resolve_limits({}, p.audit.thresholds),
    )
    with cluster.connect(p.engine):
        measures = findings.measure(evidence, "before")
    findings.write_measures(measures, Path("data/audit/measures.json"))
    findings.write_nearest(evidence, Path("data/audit/nearest.json"))


if __name__ == "__main__":
    with exit_on_user_error("audit"):
        main()
