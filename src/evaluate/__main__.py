"""Two experiments held against each other: python -m src.evaluate compare EXP_A EXP_B."""

import argparse
import tempfile
from pathlib import Path

from src import params
from src.errors import UserError, reported
from src.evaluate import compare, features, weights

NEEDED = ("data/predictions", "data/pairs/val")
WORKSPACE = "workspace"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m src.evaluate", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="compare")
    command = commands.add_parser(
        "compare", help="the difference of each score, and whether it is more than chance"
    )
    for name in ("a", "b"):
        command.add_argument(
            name, metavar=f"EXP_{name.upper()}", help=f"experiment, commit, or {WORKSPACE}"
        )
    arguments = parser.parse_args()
    p = params.read()
    file = weights.extractor_file(Path("data/weights"))
    e = p.evaluate
    extractor = features.build(file, e.random_seed, e.batch_size, Path(".cache/features"))
    with tempfile.TemporaryDirectory() as temporary:
        a, b = (
            compare.opened(name, brought(name, Path(temporary) / str(number)))
            for number, name in enumerate((arguments.a, arguments.b))
        )
        for difference in compare.compare(a, b, extractor, p.seed):
            print(difference.sentence(a.name, b.name))
    print(f"{len(a.table)} validation pictures, 95 % intervals by a paired bootstrap over them")


def brought(name: str, folder: Path) -> Path:
    """A folder with an experiment's artifacts, from DVC's cache; UserError where it has none."""
    if name == WORKSPACE:
        return Path()
    if not name:
        raise UserError(f"an experiment without a name: expected one, a commit or {WORKSPACE}")
    # of this command alone: no stage needs it, and it takes a second to load
    from dvc.api import DVCFileSystem

    try:
        files = DVCFileSystem(rev=name)
        for path in NEEDED:
            files.get(path, str(folder / path), recursive=True)
    except Exception as error:  # DVC's, its index's and git's have no common kind
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{name}: its {' and '.join(NEEDED)} cannot be had from DVC: {reason}"
        ) from None
    return folder


if __name__ == "__main__":
    with reported("compare"):
        main()
