"""Write one self-contained page about the data, the training and the scores."""

import os
from pathlib import Path

from src.errors import exit_on_user_error
from src.params import as_yaml, read_params
from src.report import page
from src.storage.atomic import write_text


def main() -> None:
    p = read_params()
    experiment = page.experiment_label(os.environ)
    html = page.render(Path("data"), Path("metrics"), p, as_yaml(p), experiment)
    write_text(Path("data/report/index.html"), html)


if __name__ == "__main__":
    with exit_on_user_error("report"):
        main()
