"""One self-contained page of what happened and how well it went."""

import os
from pathlib import Path

from src import params
from src.errors import reported
from src.files import write_text
from src.report import page


def main() -> None:
    p = params.read()
    # set by `dvc exp run`; a plain `dvc repro` must give the same bytes at every commit
    name, commit = (os.environ.get(f"DVC_EXP_{key}", "") for key in ("NAME", "BASELINE_REV"))
    experiment = f"experiment {name} on {commit[:10]}" if name else "dvc repro in the workspace"
    html = page.render(Path("data"), Path("metrics"), p, params.text(p), experiment)
    write_text(Path("data/report/index.html"), html)


if __name__ == "__main__":
    with reported("report"):
        main()
