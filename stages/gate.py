"""Let training go on only where every check passed, or audit.on_failure says so."""

from pathlib import Path

from src.audit.gating import gate, leaks
from src.errors import exit_on_user_error, printable
from src.params import read_params
from src.storage.atomic import write_json, write_text


def main() -> None:
    p = read_params()
    findings = Path("data/audit/findings.json")
    print(printable(gate(findings, p.audit.on_failure), "\n"))
    # alone, so that nothing else in the audit scores anew
    write_json(Path("metrics/gate.json"), {"leaks": leaks(findings)})
    # constant: a changed limit or report must not retrain
    write_text(Path("data/gate/open"), "open\n")


if __name__ == "__main__":
    with exit_on_user_error("gate"):
        main()
