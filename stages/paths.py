"""Refuse pictures and files of the user's inside data/, before DVC deletes what is there."""

from pathlib import Path

from src.errors import exit_on_user_error
from src.params import read_params
from src.storage.atomic import write_text
from src.storage.outside_data import require_outside_data


def main() -> None:
    p = read_params()
    require_outside_data("demo.portraits", p.demo.portraits)
    require_outside_data("folder.path", p.folder.path)
    require_outside_data("pairs.path", p.pairs.path)
    require_outside_data("clean.exclude", p.clean.exclude)
    require_outside_data("clean.force", p.clean.force)
    require_outside_data("evaluate.inception_weights", p.evaluate.inception_weights)
    require_outside_data("evaluate.lpips_weights", p.evaluate.lpips_weights)
    # constant: what depends on it does not run again where another path is as good
    write_text(Path("data/paths/outside.txt"), "the paths of params.yaml are outside data/\n")


if __name__ == "__main__":
    with exit_on_user_error("paths"):
        main()
