"""Open the way to training if every check passed, or if audit.on_failure allows it."""

from pathlib import Path

from src.audit.gating import gate, leaks
from src.errors import exit_on_user_error, printable
from src.params import read_params
from src.storage.atomic import write_json, write_text


def main() -> None:
    p = read_params()
    findings = Path("data/audit/findings.json")
    print(printable(gate(findings, p.audit.on_failure), allowed="\n"))
    # a file of its own, so that other findings of the audit do not repeat the evaluation
    write_json(Path("metrics/gate.json"), {"leaks": leaks(findings)})
    # constant: a changed limit or report must not retrain
    write_text(Path("data/gate/open"), "open\n")


if __name__ == "__main__":
    with exit_on_user_error("gate"):
        main()
