"""Judge what the audit measured; open the way to training if that or audit.on_failure allows it."""

from pathlib import Path

from src.audit import findings
from src.audit.gating import gate, leaks
from src.dataset import arrays
from src.errors import exit_on_user_error, printable
from src.params import read_params
from src.storage.atomic import write_json, write_text
from src.storage.ledger import read_ledger


def main() -> None:
    p = read_params()
    data, metrics, listed = Path("data"), Path("metrics"), Path("data/findings/findings.json")
    limits = findings.resolve_limits(p.audit.limits, p.audit.thresholds)
    outcomes = findings.judge(data / "audit" / "measures.json", limits)
    table = read_ledger(data / "split" / "ledger.parquet", "split")
    findings.write(outcomes, table, listed)
    sides = {side: arrays.load(data / "pairs", side) for side in ("train", "val")}
    findings.write_sheets(sides, outcomes, listed.parent)
    write_json(metrics / "audit.json", findings.metrics(outcomes))
    # a file of its own, so that other findings of the audit do not repeat the evaluation
    write_json(metrics / "gate.json", {"leaks": leaks(listed)})
    print(printable(gate(listed, p.audit.on_failure), allowed="\n"))
    # constant: a changed limit or report must not retrain
    write_text(data / "gate" / "open", "open\n")


if __name__ == "__main__":
    with exit_on_user_error("gate"):
        main()
