"""How well clean and the audit tell copies from look-alikes: python -m benchmarks.copies

Every option prints a Markdown table. Without --portraits the originals are drawn people. With it they
are the files whose names have a SHA-256 with an odd first byte: the other half served to choose
the thresholds. --layout photo_left takes the left half of each file.

    python -m benchmarks.copies --lookalikes     different pictures that clean takes for copies
    python -m benchmarks.copies --copies         copies of each kind in a set of their own
    python -m benchmarks.copies --copies --mixed     all kinds in one set
    python -m benchmarks.copies --leaks          copies in training that the audit reports

In the tables of copies, each share is one of `count` copies:

- proven: the search proves the copy against its original.
- connected: proven pairs lead from the copy to its original.
- merged: clean puts both into one cluster, so that one picture of it is kept.
- original kept: of the merged ones, the kept picture is the original or a file equal to it.
- label right: of the merged ones, the word for what was done to the copy is right.

Grayscale is kept, so that gray copies count as copies. A pair is false if it joins two originals or
their copies.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.clean import build_table, originals
from src.audit import candidates, findings, leak
from src.audit.compared_pictures import ComparedPictures
from src.clean import measure, verdicts
from src.imaging.decoding import decode
from src.pair.pairing import largest_crop
from src.params import read_params
from src.storage.encoding import encode_jpeg
from src.storage.row_components import smallest_connected
from src.vision.alignment import thumbnail
from tests.copies import COPIES, HARD_COPIES, MARKED, again
from tests.lookalikes import LOOKALIKES

KINDS = {**COPIES, **HARD_COPIES}
LOOKALIKES_COUNT = 30  # of each set
OTHERS = 8  # originals that do not leak, but whose copies are in training too
ROUNDS = 6  # of the mixed leaks, at least: each original has another kind of copy in each
PLAIN_LABELS = {"recompressed"}
# What clean may call each kind; those that are not named have PLAIN_LABELS.
LABELS = {
    "exact": {"exact"},
    "resized to 70 %": {"resized"},
    "enlarged to 200 %": {"resized"},
    "gray": {"recoloured"},
    "sepia": {"recoloured"},
    "mirrored": {"mirrored"},
    "caption strip": {"captioned"},
    "strip below": {"captioned"},
    "strip above": {"captioned"},
    "logo in a corner": {"recompressed", "watermarked"},
    "watermark": {"recompressed", "watermarked"},
    "polaroid": {"framed"},
    "uneven frame": {"framed"},
    "phone screenshot": {"framed", "captioned", "screenshot"},
    "phone screenshot with text": {"framed", "captioned", "screenshot"},
    "mirrored and cropped by 10 %": {"mirrored and cropped"},
    "rotated by 2 degrees": {"tilted", "tilted and cropped"},
    "turned by 5 degrees": {"tilted", "tilted and cropped"},
    "turned by 5 degrees, no corners": {"tilted", "tilted and cropped"},
    "turned by 90 degrees": {"turned by a quarter"},
    "turned by 180 degrees": {"upside down"},
    "turned by 270 degrees": {"turned by a quarter"},
    "upside down": {"mirrored and upside down"},
    "transposed": {"mirrored and turned by a quarter"},
    "transversed": {"mirrored and turned by a quarter"},
    **{kind: {"cropped"} for kind in KINDS if kind.startswith(("cropped by", "cut by"))},
}


class Verdicts(NamedTuple):
    """What clean says of some files.

    Attributes:
        table: The ledger after clean; row n is the n-th file.
        pairs: The rows of each two that are proven copies, the smaller number first.
    """

    table: pd.DataFrame
    pairs: set[tuple[int, int]]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.copies",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--lookalikes", action="store_true", help="different pictures only")
    parser.add_argument("--copies", action="store_true", help="recall, survivors and labels")
    parser.add_argument("--mixed", action="store_true", help="all kinds of copies in one set")
    parser.add_argument("--leaks", action="store_true", help="what the audit reports")
    parser.add_argument("--portraits", type=Path, help="a folder of different photographs")
    parser.add_argument("--layout", choices=["single", "photo_left"], default="single")
    parser.add_argument("--count", type=int, default=60, help="originals")
    arguments = parser.parse_args()
    if arguments.lookalikes:
        tabulate_lookalikes()
    if arguments.copies or arguments.leaks:
        count = arguments.count + (OTHERS if arguments.leaks else 0)
        pictures = originals(arguments.portraits, count, arguments.layout)
        if arguments.copies and arguments.mixed:
            tabulate_mixed(pictures[: arguments.count])
        elif arguments.copies:
            tabulate_copies(pictures[: arguments.count])
        if arguments.leaks:
            tabulate_leaks(pictures[: arguments.count], pictures[arguments.count :])
        if arguments.leaks and not arguments.portraits:
            tabulate_false_leaks()


def copies_of(pictures: Sequence[np.ndarray], kind: str) -> list[bytes]:
    """Return a copy of each picture, one of KINDS, or its original file."""
    number = ["original", *KINDS].index(kind)
    copy = KINDS.get(kind, again)
    return [copy(p, np.random.default_rng([n, number])) for n, p in enumerate(pictures)]


def judge(files: Sequence[bytes]) -> Verdicts:
    """Clean some files as the stage does, but keep grayscale."""
    clean = read_params().clean.model_copy(update={"grayscale": "keep"})
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{number:06d}.jpeg" for number in range(len(files))]
        for path, data in zip(paths, files, strict=True):
            path.write_bytes(data)
        table = build_table(paths)
        measurements = measure.measure_pictures(table, Path(name))
        table, pairs = verdicts.assign_verdicts(table, measurements, clean)
    return Verdicts(table, set(pairs))


def tabulate_lookalikes() -> None:
    """Print how many of each set clean removes, and how many false pairs it proves."""
    print("| look-alikes | pictures | removed | false pairs |\n| --- | ---: | ---: | ---: |")
    everything, totals = [], np.zeros(3, int)
    for name, photograph in LOOKALIKES.items():
        files = [encode_jpeg(pixels, 92) for pixels in photograph(LOOKALIKES_COUNT)]
        totals += _print_false(name, files)
        everything += files
    print(f"| **sum** | {totals[0]} | {totals[1]} | {totals[2]} |")
    _print_false("all of them in one set", everything)


def _print_false(name: str, files: list[bytes]) -> tuple[int, int, int]:
    table, pairs = judge(files)
    removed = int((table["verdict"] != "keep").sum())
    print(f"| {name} | {len(files)} | {removed} | {len(pairs)} |", flush=True)
    return len(files), removed, len(pairs)


def tabulate_copies(pictures: list[np.ndarray]) -> None:
    """Print what clean does with copies of one kind among their originals, for each kind."""
    print(
        f"| {len(pictures)} copies, each kind alone | proven | connected | merged | original kept "
        "| label right |\n| --- " + "| ---: " * 5 + "|"
    )
    false = marked = 0
    for kind in KINDS:
        both = [*copies_of(pictures, "original"), *copies_of(pictures, kind)]
        verdicts = judge(both)
        shares = recall(verdicts, len(pictures))[0]
        merged = _merged(verdicts.table, len(pictures))
        kept = [survivor < len(pictures) or kind == "exact" for survivor, _ in merged]
        labels = [label in LABELS.get(kind, PLAIN_LABELS) for _, label in merged]
        false += false_pairs(verdicts, len(pictures))
        marked += kind in MARKED and len(kept) - sum(kept)
        print(f"| {kind} | {_row([*shares, _mean(kept), _mean(labels)])} |", flush=True)
    print(f"\nfalse pairs: {false}; clusters of which a marked picture is kept: {marked}\n")


def _merged(table: pd.DataFrame, count: int) -> list[tuple[int, str]]:
    """Return the kept row and the label of each original that is in one cluster with its copy."""
    rows = zip(range(count), range(count, 2 * count), strict=True)
    pairs = [(a, b) if table["verdict"][a] == "keep" else (b, a) for a, b in rows]
    return [
        (kept, str(table["transform"][removed]))
        for kept, removed in pairs
        if table["cluster"][kept] == table["cluster"][removed]
    ]


def tabulate_mixed(pictures: list[np.ndarray]) -> None:
    """Print what clean does with copies of all kinds in one set."""
    count, kinds = len(pictures), ["original", *KINDS]
    verdicts = judge([file for kind in kinds for file in copies_of(pictures, kind)])
    print(
        f"| {count} copies, all kinds in one set | proven | connected | merged |\n| --- "
        + "| ---: " * 3
        + "|"
    )
    for kind, shares in zip(KINDS, recall(verdicts, count), strict=True):
        print(f"| {kind} | {_row(shares)} |")
    members: dict[int, set[str]] = {}  # the kinds in each cluster
    clusters = verdicts.table["cluster"].tolist()
    for row, cluster in enumerate(clusters):
        members.setdefault(cluster, set()).add(kinds[row // count])
    of_originals = {clusters[row] for row in range(count)}
    kept = [kinds[cluster // count] in ("original", "exact") for cluster in of_originals]
    marked = [kinds[c // count] in MARKED and bool(m - MARKED) for c, m in members.items()]
    print(
        f"\nfalse pairs: {false_pairs(verdicts, count)}; "
        f"clusters of originals that keep the original or an equal file: {_share(_mean(kept))}; "
        f"clusters that keep a marked picture though a plain one is there: {sum(marked)} "
        f"of {len(marked)}\n"
    )


def recall(verdicts: Verdicts, count: int) -> list[list[float]]:
    """Return the shares of proven, connected and merged copies, for each kind.

    Args:
        verdicts: Of `count` originals and then as many copies of each kind, in the same order.
        count: How many originals.
    """
    rows = np.arange(len(verdicts.table))
    proven = [(row % count, row) in verdicts.pairs for row in rows.tolist()]
    smallest = smallest_connected(verdicts.pairs)
    component = np.array([smallest.get(row, row) for row in rows.tolist()])
    cluster = verdicts.table["cluster"].to_numpy()
    connected, merged = (ids == ids[rows % count] for ids in (component, cluster))
    shares = np.stack([proven, connected, merged]).reshape(3, -1, count).mean(axis=2)
    return shares.T[1:].tolist()


def false_pairs(verdicts: Verdicts, count: int) -> int:
    """Count the proven pairs of different originals or of their copies."""
    return sum((b - a) % count != 0 for a, b in verdicts.pairs)


def tabulate_leaks(pictures: list[np.ndarray], others: list[np.ndarray]) -> None:
    """Print the share of leaks that the audit reports.

    The original is in validation, its copy in training: either all copies are of one kind and
    nothing else is there, or each original has a copy of another kind, among look-alikes and all
    copies of other originals.
    """
    val = pairs_of(copies_of(pictures, "original"), "val")
    copies = {kind: pairs_of(copies_of(pictures, kind), "train") for kind in KINDS}
    alone = {kind: np.mean(_is_own(*reported(val, copies[kind]))) for kind in KINDS}
    around = [photo for kind in KINDS for photo in pairs_of(copies_of(others, kind), "train")]
    around += [photo for name in LOOKALIKES for photo in _lookalike_pairs(name, 10, "train")]
    caught: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    false = 0
    for kinds in _rounds(len(pictures)):
        own = [copies[kind][n] for n, kind in enumerate(kinds)]
        is_reported, match = reported(val, np.stack(own + around))
        is_own = _is_own(is_reported, match)
        false += int((is_reported & ~is_own).sum())
        for kind, is_caught in zip(kinds, is_own.tolist(), strict=True):
            caught[kind].append(is_caught)
    print(f"| leaks | alone | among {len(around)} others |\n| --- | ---: | ---: |")
    for kind in KINDS:
        print(f"| {kind} | {_row([float(alone[kind]), _mean(caught[kind])])} |")
    trials = [is_caught for kind in KINDS for is_caught in caught[kind]]
    print(f"| **mean** | {_row([float(np.mean(list(alone.values()))), _mean(trials)])} |")
    print(f"\nreported with a picture that is no copy: {false} of {len(trials)}\n")


def _rounds(count: int) -> Iterator[list[str]]:
    """Yield the kind of each original's copy, for each round; no original has one twice."""
    kinds = list(KINDS)
    for start in range(0, len(kinds), len(kinds) // ROUNDS):
        yield [kinds[(start + number) % len(kinds)] for number in range(count)]


def tabulate_false_leaks() -> None:
    """Print how many of a set's pictures the audit takes for copies of the others in it."""
    print("| look-alikes in validation | pictures | reported |\n| --- | ---: | ---: |")
    total = 0
    for name in LOOKALIKES:
        photos = _lookalike_pairs(name, LOOKALIKES_COUNT, "val")
        found = int(reported(photos[::2], photos[1::2])[0].sum())
        total += found
        print(f"| {name} | {len(photos[::2])} | {found} |", flush=True)
    print(f"| **sum** | {len(LOOKALIKES) * len(photos[::2])} | {total} |")


def _lookalike_pairs(name: str, count: int, side: str) -> np.ndarray:
    return pairs_of([encode_jpeg(pixels, 92) for pixels in LOOKALIKES[name](count)], side)


def pairs_of(files: Sequence[bytes], side: str) -> np.ndarray:
    """Return the photos that the pair stage makes of files, (N, size, size, 3) uint8."""
    pair = read_params().pair
    size = pair.load_size if side == "train" else pair.crop_size
    return np.stack([largest_crop(decode(data), size, pair.crop) for data in files])


def reported(val: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which pictures of validation the audit reports, (N,) bool, and with which of training."""
    limits = findings.resolve_limits(read_params().audit.limits)
    sides = [
        ComparedPictures(
            photos, candidates.variants(map(thumbnail, photos)), limits["tone_residual"]
        )
        for photos in (val, train)
    ]
    nearest = leak.nearest(*sides, limits["leak_similarity"])
    return nearest.copies, nearest.indices


def _is_own(is_reported: np.ndarray, match: np.ndarray) -> np.ndarray:
    """Say which are reported with their own copy, which has the same number."""
    return is_reported & (match == np.arange(len(match)))


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _share(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _row(values: Sequence[float]) -> str:
    return " | ".join(map(_share, values))


if __name__ == "__main__":
    main()
