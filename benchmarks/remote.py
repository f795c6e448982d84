"""What a DVC remote costs to share pictures, against one tar: python -m benchmarks.remote

The pictures (random bytes, no two alike) go to a folder remote and into a fresh clone. They are
packed as the scrape stage packs them (scrape.shard_size); --files also shares them as one file each.
The script writes the tar into a folder and unpacks it there into files. Packed pictures stay packed,
because every stage reads them in that form. The headline is on the last line: the seconds of packing,
`dvc add`, push and pull together, over those of the tar.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.clean import seconds
from src.params import read_params
from src.storage import archives

IDENTITY = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.remote",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pictures", type=int, default=50_000, help="how many")
    parser.add_argument("--kilobytes", type=int, default=5, help="kilobytes of a picture")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--files", action="store_true", help="also share one file per picture (takes minutes)"
    )
    arguments = parser.parse_args()
    print("| | pack s | track s | push s | pull s |\n" + "| ---: " * 5 + "|", flush=True)
    rounds = [compare(arguments) for _ in range(arguments.rounds)]
    ratio = statistics.median(one["packed"] / one["tar"] for one in rounds)
    print(f"\n{arguments.pictures:,} pictures shared, packed over one tar: {ratio:.2f}")


def compare(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the total seconds of each form of storage, by its name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = write_pictures(folder / "raw", arguments.pictures, 1000 * arguments.kilobytes)
        took = {"tar": share_tar(folder)}
        if arguments.files:
            took["files"] = share(folder, "files", 0.0)
        shard_size = read_params(Path(__file__).parents[1] / "params.yaml").scrape.shard_size
        parts = [names[at : at + shard_size] for at in range(0, len(names), shard_size)]
        packing = seconds(
            lambda: [archives.pack(part, folder / "raw", n) for n, part in enumerate(parts)]
        )
        took["packed"] = share(folder, "packed", packing)
    return took


def write_pictures(raw: Path, count: int, size: int) -> list[str]:
    """Write random files of `size` bytes and return their names."""
    rng = np.random.default_rng(0)
    (raw / "images").mkdir(parents=True)
    names = [f"images/{number:08d}.jpeg" for number in range(count)]
    for name in names:
        (raw / name).write_bytes(rng.bytes(size))
    return names


def share_tar(folder: Path) -> float:
    """Return the seconds to write a tar and to unpack it."""

    def push() -> None:
        with tarfile.open(folder / "raw.tar", "w") as archive:
            archive.add(folder / "raw", "raw")

    def pull() -> None:
        with tarfile.open(folder / "raw.tar") as archive:
            archive.extractall(folder / "unpacked", filter="data")

    return print_row("one tar", 0.0, 0.0, seconds(push), seconds(pull))


def share(folder: Path, kind: str, packing: float) -> float:
    """Share the pictures through a remote into a clone, and return the seconds.

    Args:
        folder: Holds the pictures in `raw`.
        kind: Names the repositories and the line of the table.
        packing: The seconds that packing took.
    """
    first, clone = folder / f"{kind}-first", folder / f"{kind}-clone"
    run(folder, "git", "init", "-q", first)
    dvc(first, "init", "-q")
    dvc(first, "remote", "add", "-q", "-d", "team", folder / f"{kind}-remote")
    shutil.move(folder / "raw", first / "raw")
    track = seconds(lambda: dvc(first, "add", "-q", "raw"))
    run(first, "git", "add", ".")
    run(first, "git", *IDENTITY, "commit", "-q", "-m", "pictures")
    push = seconds(lambda: dvc(first, "push", "-q"))
    run(folder, "git", "clone", "-q", first, clone)
    pull = seconds(lambda: dvc(clone, "pull", "-q"))
    shutil.move(first / "raw", folder / "raw")
    return print_row(kind, packing, track, push, pull)


def print_row(kind: str, *seconds_of: float) -> float:
    """Print a line of the table and return the sum of its seconds."""
    print(f"| {kind} | {' | '.join(f'{s:.1f}' for s in seconds_of)} |", flush=True)
    return sum(seconds_of)


def dvc(where: Path, *arguments: object) -> None:
    run(where, sys.executable, "-m", "dvc", *arguments)


def run(where: Path, *command: object) -> None:
    subprocess.run([str(word) for word in command], cwd=where, check=True)


if __name__ == "__main__":
    main()
