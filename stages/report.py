"""One self-contained page of what happened and how well it went."""

from pathlib import Path

from src import params
from src.errors import reported
from src.files import write_text
from src.report import page


def main() -> None:
    params.read()  # also what no stage reads must be right
    parameters = Path("params.yaml").read_text(encoding="utf-8")
    html = page.render(Path("data"), Path("metrics"), parameters)
    write_text(Path("data/report/index.html"), html)


if __name__ == "__main__":
    with reported("report"):
        main()
