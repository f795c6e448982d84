"""What it takes to share pictures by a DVC remote, against one tar: python -m benchmarks.remote

So many pictures (random bytes, no two alike) go to a folder remote and into a fresh clone: packed as
the scrape stage packs them (scrape.shard_size), and with --files also one file each. The tar is written into
a folder and unpacked from there into files; packed pictures stay packed, as every stage reads them so.
The headline is on the last line: packing, `dvc add`, push and pull together, over the tar.
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
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--kilobytes", type=int, default=5, help="of a picture")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", action="store_true", help="also as one file each (minutes)")
    arguments = parser.parse_args()
    print("| | pack s | track s | push s | pull s |\n" + "| ---: " * 5 + "|", flush=True)
    rounds = [compared(arguments) for _ in range(arguments.rounds)]
    ratio = statistics.median(one["packed"] / one["tar"] for one in rounds)
    print(f"\n{arguments.pictures:,} pictures shared, packed over one tar: {ratio:.2f}")


def compared(arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds of all together, by how the pictures are kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = written(folder / "raw", arguments.pictures, 1000 * arguments.kilobytes)
        took = {"tar": tarred(folder)}
        if arguments.files:
            took["files"] = shared(folder, "files", 0.0)
        most = read_params(Path(__file__).parents[1] / "params.yaml").scrape.shard_size
        parts = [names[at : at + most] for at in range(0, len(names), most)]
        packing = seconds(
            lambda: [archives.pack(part, folder / "raw", n) for n, part in enumerate(parts)]
        )
        took["packed"] = shared(folder, "packed", packing)
    return took


def written(raw: Path, count: int, size: int) -> list[str]:
    rng = np.random.default_rng(0)
    (raw / "images").mkdir(parents=True)
    names = [f"images/{number:08d}.jpeg" for number in range(count)]
    for name in names:
        (raw / name).write_bytes(rng.bytes(size))
    return names


def tarred(folder: Path) -> float:
    def push() -> None:
        with tarfile.open(folder / "raw.tar", "w") as archive:
            archive.add(folder / "raw", "raw")

    def pull() -> None:
        with tarfile.open(folder / "raw.tar") as archive:
            archive.extractall(folder / "unpacked", filter="data")

    return told("one tar", 0.0, 0.0, seconds(push), seconds(pull))


def shared(folder: Path, kind: str, packing: float) -> float:
    """The pictures, tracked in a repository of their own, through a remote into a clone."""
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
    return told(kind, packing, track, push, pull)


def told(kind: str, *took: float) -> float:
    print(f"| {kind} | {' | '.join(f'{s:.1f}' for s in took)} |", flush=True)
    return sum(took)


def dvc(where: Path, *arguments: object) -> None:
    run(where, sys.executable, "-m", "dvc", *arguments)


def run(where: Path, *command: object) -> None:
    subprocess.run([str(word) for word in command], cwd=where, check=True)


if __name__ == "__main__":
    main()
