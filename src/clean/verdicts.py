"""Which pictures are kept and which are removed, and why.

The survivor of several copies is the one in colour; of these the largest; of equally large ones the
first listed. A picture is removed only if it matches the survivor directly. If A resembles B and B
resembles C, that alone never removes C.
"""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from src.clean import near_duplicates
from src.clean.measurement import FileKey, Measurement, same_pixels
from src.parallel.local import cores, map_threads
from src.params import Clean
from src.vision import alignment, perceptual_hash
from src.vision.alignment import CROPPED_SHARE, Match

VERDICTS = (
    "keep",
    "missing",
    "unreadable",
    "too_small",
    "grayscale",
    "exact_duplicate",
    "near_duplicate",
)
# metrics/clean.json's names of verdicts, where they differ.
COUNT_NAMES = {
    "keep": "kept",
    "exact_duplicate": "exact_duplicates",
    "near_duplicate": "near_duplicates",
}
MIN_EXACT_SIMILARITY = 0.99  # below which pixels are not compared: they cannot be equal
MIN_ROTATION_DEGREES = 1.0  # from which a copy counts as turned
Value = str | int | float | None  # of a ledger's column


class Copy(NamedTuple):
    """How a picture is a copy of another.

    Attributes:
        original: The other one's row.
        similarity: Their correlation, -1…1.
        hash_distance: Bits of 256.
        transform: What was done to the copy: exact, mirrored, cropped, ….
    """

    original: int
    similarity: float
    hash_distance: int
    transform: str


def assign_verdicts(
    table: pd.DataFrame, measurements: Mapping[FileKey, Measurement], clean: Clean
) -> pd.DataFrame:
    """Return the ledger with clean's columns; every row gets one of VERDICTS.

    Args:
        table: The ledger after scrape.
        measurements: By file and layout; a picture without was not fetched.
        clean: The thresholds.
    """
    table = table.copy()
    files = zip(table["file"], table["layout"], strict=True)
    by_row = {row: measurements.get(file) for row, file in zip(table["row"], files, strict=True)}
    verdicts = {row: single_verdict(m, clean) for row, m in by_row.items()}
    readable = {row: m for row, m in by_row.items() if m and not m.error}
    good = {row: m for row, m in readable.items() if verdicts[row] == "keep"}
    exact = _exact_copies(good)
    near = _near_copies({row: m for row, m in good.items() if row not in exact}, clean)
    # a copy of a copy belongs to the survivor
    copies = {row: near.get(copy.original, copy) for row, copy in exact.items()} | near
    if clean.duplicates == "remove":
        for row, copy in copies.items():
            is_exact = row in exact or copy.transform == "exact"
            verdicts[row] = "exact_duplicate" if is_exact else "near_duplicate"
    originals = {row: copy.original for row, copy in copies.items()}
    hashes = perceptual_hash.hashes([m.thumbnail for m in readable.values()])
    hex_hashes = [row_hash.tobytes().hex() for row_hash in hashes]
    table["fingerprint"] = _column(table, dict(zip(readable, hex_hashes, strict=True)))
    table["tone_residual"] = _column(table, {r: m.tone_residual for r, m in readable.items()})
    table["colorfulness"] = _column(table, {r: m.colorfulness for r, m in readable.items()})
    table["duplicate_of"] = _column(table, originals)
    for name in ("similarity", "hash_distance", "transform"):
        table[name] = _column(table, {row: getattr(copy, name) for row, copy in copies.items()})
    table["cluster"] = _column(table, {row: originals.get(row, row) for row in good})
    table["verdict"] = _column(table, verdicts)
    return table


def _column(table: pd.DataFrame, values: Mapping[int, Value]) -> list[Value]:
    return [values.get(row) for row in table["row"]]


def counts(table: pd.DataFrame) -> dict[str, int]:
    """Return metrics/clean.json of a ledger with verdicts.

    `listed` is the sum of all verdicts. `largest_cluster` counts the copies of one picture, with
    the survivor.
    """
    by_verdict = table["verdict"].value_counts()
    clusters = table["cluster"].value_counts()
    return {
        "listed": len(table),
        **{COUNT_NAMES.get(word, word): int(by_verdict.get(word, 0)) for word in VERDICTS},
        "items_kept": int(table.loc[table["verdict"] == "keep", "item_id"].nunique()),
        "largest_cluster": int(clusters.max()) if len(clusters) else 0,
    }


def single_verdict(measurement: Measurement | None, clean: Clean) -> str:
    """Return the verdict on a picture by itself; None stands for one that was not fetched."""
    if measurement is None:
        return "missing"
    if measurement.error:
        return "unreadable"
    if min(measurement.width, measurement.height) < clean.min_side:
        return "too_small"
    if clean.grayscale == "remove" and is_gray(measurement, clean):
        return "grayscale"
    return "keep"


def is_gray(measurement: Measurement, clean: Clean) -> bool:
    """Say whether lightness explains all of a picture's colour."""
    return measurement.tone_residual < clean.tone_residual


def describe_copy(row: int, original: Measurement, copy: Measurement, clean: Clean) -> Copy:
    """Compare two readable pictures, whether or not one counts as the other's copy.

    Args:
        row: The original's row.
        original: The picture that may be kept instead.
        copy: The other picture.
        clean: What counts as gray.
    """
    match = alignment.match(original.thumbnail, copy.thumbnail)
    if match.similarity >= MIN_EXACT_SIMILARITY and same_pixels(original, copy):
        return Copy(row, 1.0, 0, "exact")
    bits = near_duplicates.hash_distance(original.thumbnail, copy.thumbnail)
    return Copy(row, round(match.similarity, 4), bits, _transform(match, original, copy, clean))


def _transform(match: Match, original: Measurement, copy: Measurement, clean: Clean) -> str:
    changes = {
        "mirrored": match.mirrored,
        "captioned": match.border == "caption",
        "framed": match.border == "frame",
        "turned": match.rotation >= MIN_ROTATION_DEGREES,
        "cropped": match.visible_share < CROPPED_SHARE,
        "recoloured": is_gray(original, clean) != is_gray(copy, clean),
    }
    names = [name for name, is_changed in changes.items() if is_changed]
    resized = (original.width, original.height) != (copy.width, copy.height)
    return " and ".join(names) or ("resized" if resized else "recompressed")


def _exact_copies(pictures: dict[int, Measurement]) -> dict[int, Copy]:
    """Find the pictures whose decoded pixels equal those of an earlier row.

    Only pictures with equal thumbnails are compared. The thumbnails of a reduced JPEG and of a PNG
    of the same pixels may differ: such a pair is a near copy, which `describe_copy` calls exact.
    """
    first_rows: dict[str, int] = {}
    copies = {}
    for row, measurement in pictures.items():
        original = first_rows.setdefault(measurement.pixel_digest, row)
        if original != row:
            copies[row] = Copy(original, 1.0, 0, "exact")
    return copies


def _near_copies(pictures: dict[int, Measurement], clean: Clean) -> dict[int, Copy]:
    """Find the pictures that match a better one which is no copy itself."""
    ranked = sorted(pictures, key=lambda row: _rank(row, pictures[row], clean))
    thumbnails = [pictures[row].thumbnail for row in ranked]
    originals: dict[int, tuple[int, float]] = {}
    for i, j, similarity in near_duplicates.find_copies(
        thumbnails, clean.hash_distance, clean.similarity
    ):
        # sorted: all pairs that make a copy of i came before
        if i not in originals:
            originals.setdefault(j, (i, similarity))

    def describe(pair: tuple[int, tuple[int, float]]) -> tuple[int, Copy]:
        j, (i, similarity) = pair
        original, row = ranked[i], ranked[j]
        copy = describe_copy(original, pictures[original], pictures[row], clean)
        # the alignment that began with a hash may be the better one
        return row, copy._replace(similarity=max(copy.similarity, round(similarity, 4)))

    return dict(map_threads(describe, list(originals.items()), "describing copies", cores()))


def _rank(row: int, measurement: Measurement, clean: Clean) -> tuple[bool, int, int]:
    """Return a sort key: pictures in colour, then large ones, then earlier rows come first."""
    return is_gray(measurement, clean), -measurement.width * measurement.height, row
