"""Refuse pictures and files of the user's inside data/, before DVC deletes what is there."""

from pathlib import Path

from src.errors import exit_on_user_error
from src.params import read_params
from src.storage.atomic import write_text
from src.storage.outside_data import require_originals_outside


def main() -> None:
    require_originals_outside(read_params().model_dump())
    # constant: what depends on it does not run again where another path is as good
    write_text(Path("data/paths/outside.txt"), "the paths of params.yaml are outside data/\n")


if __name__ == "__main__":
    with exit_on_user_error("paths"):
        main()
