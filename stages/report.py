"""One self-contained page of what happened and how well it went."""

import os
from pathlib import Path

from src.errors import exit_on_user_error
from src.params import read_params, text
from src.report import page
from src.storage.atomic import write_text


def main() -> None:
    p = read_params()
    # set by `dvc exp run`; a plain `dvc repro` must give the same bytes at every commit
    name, commit = (os.environ.get(f"DVC_EXP_{key}", "") for key in ("NAME", "BASELINE_REV"))
    experiment = f"experiment {name} on {commit[:10]}" if name else "dvc repro in the workspace"
    html = page.render(Path("data"), Path("metrics"), p, text(p), experiment)
    write_text(Path("data/report/index.html"), html)


if __name__ == "__main__":
    with exit_on_user_error("report"):
        main()
