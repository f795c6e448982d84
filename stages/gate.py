"""Let training go on only where every check passed, or audit.on_failure says so."""

from pathlib import Path

from src import params
from src.audit.gate import gate
from src.errors import printable, reported
from src.files import write_text


def main() -> None:
    p = params.read()
    print(printable(gate(Path("data/audit/findings.json"), p.audit.on_failure), "\n"))
    # constant: a changed limit or report must not retrain
    write_text(Path("data/gate/open"), "open\n")


if __name__ == "__main__":
    with reported("gate"):
        main()
