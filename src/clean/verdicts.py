"""The verdict on each picture: whether it is kept or removed, and why.

The survivor of several copies is the best one, as `quality` ranks them. A picture is removed only if
it matches the survivor directly. If A resembles B and B resembles C, that alone never removes C.
"""

from collections.abc import Mapping

import pandas as pd

from src.clean import copies, quality, rulings
from src.clean.copies import Copy, Pair
from src.clean.measurement import FileKey, Measurement, is_gray
from src.clean.rulings import Rulings
from src.errors import UserError
from src.params import Clean
from src.vision import perceptual_hash
from src.vision.picture_faults import FAULTS

VERDICTS = (
    "keep",
    "missing",
    "unreadable",
    "too_small",
    "grayscale",
    *FAULTS,
    "exact_duplicate",
    "near_duplicate",
)
# metrics/clean.json's names of verdicts, where they differ.
COUNT_NAMES = {
    "keep": "kept",
    "exact_duplicate": "exact_duplicates",
    "near_duplicate": "near_duplicates",
}
MEASURES = ("tone_residual", "colorfulness", *(fault.measure for fault in FAULTS.values()))
MIN_KEPT = 2  # one to train on, one to validate with
# What to do if too many pictures have a verdict.
REMEDIES = {
    "missing": "not fetched: metrics/scrape.json says why",
    "unreadable": "damaged, or no pictures",
    "too_small": "clean.min_side: 1 keeps them",
    "grayscale": "clean.grayscale: keep keeps them",
    **{word: f"clean.remove without {word!r} keeps them" for word in FAULTS},
    "exact_duplicate": "clean.duplicates: keep keeps them",
    "near_duplicate": "clean.duplicates: keep keeps them",
}
Value = str | int | float | None  # of a ledger's column


def assign_verdicts(
    table: pd.DataFrame,
    measurements: Mapping[FileKey, Measurement],
    clean: Clean,
    ruled: Rulings = rulings.NONE,
) -> tuple[pd.DataFrame, dict[Pair, Copy]]:
    """Give every row one of VERDICTS.

    Args:
        table: The ledger after scrape.
        measurements: By file and layout; a picture without was not fetched.
        clean: The thresholds.
        ruled: What a person rules on pairs.

    Returns:
        The ledger with clean's columns, and all pairs of copies, proven or forced.

    Raises:
        UserError: A ruling cannot hold, see `rulings.overrule`.
    """
    table = table.copy()
    files = zip(table["file"], table["layout"], strict=True)
    by_row = {row: measurements.get(file) for row, file in zip(table["row"], files, strict=True)}
    verdicts = {row: single_verdict(m, clean) for row, m in by_row.items()}
    readable = {row: m for row, m in by_row.items() if m and not m.error}
    firsts = copies.first_of_equals(readable)
    pairs = rulings.overrule(copies.find(readable, clean), ruled, readable, firsts, clean)
    good = {row: m for row, m in readable.items() if verdicts[row] == "keep"}
    survivors = _survivors(good, firsts, pairs, clean)
    removed = {
        row: copies.between(pairs, firsts[row], firsts[survivor])
        for row, survivor in survivors.items()
    }
    if clean.duplicates == "remove":
        for row, copy in removed.items():
            verdicts[row] = "exact_duplicate" if copy.transform == "exact" else "near_duplicate"
    _add_measures(table, readable)
    table["duplicate_of"] = _column(table, survivors)
    for name in ("similarity", "hash_distance", "transform", "certainty"):
        table[name] = _column(table, {row: getattr(copy, name) for row, copy in removed.items()})
    kept_rows = [row for row, verdict in verdicts.items() if verdict == "keep"]
    for name in ("excluded", "forced"):
        table[name] = _column(table, rulings.partners(getattr(ruled, name), firsts, kept_rows))
    table["cluster"] = _column(table, {row: survivors.get(row, row) for row in good})
    table["verdict"] = _column(table, verdicts)
    return table, pairs


def _add_measures(table: pd.DataFrame, readable: Mapping[int, Measurement]) -> None:
    hashes = perceptual_hash.hashes([m.thumbnail for m in readable.values()])
    hex_hashes = [row_hash.tobytes().hex() for row_hash in hashes]
    table["fingerprint"] = _column(table, dict(zip(readable, hex_hashes, strict=True)))
    for name in MEASURES:
        table[name] = _column(table, {row: getattr(m, name) for row, m in readable.items()})


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


def require_pictures(table: pd.DataFrame) -> None:
    """Raise UserError, with counts and settings by reason, if fewer than MIN_KEPT are kept."""
    by_verdict = table["verdict"].value_counts()
    count = int(by_verdict.get("keep", 0))
    if count >= MIN_KEPT:
        return
    reasons = [
        f"{by_verdict[word]} {word} ({REMEDIES[word]})"
        for word in VERDICTS[1:]
        if word in by_verdict
    ]
    raise UserError(
        f"{count} of {len(table)} listed pictures are kept, expected at least {MIN_KEPT}: "
        f"{'; '.join(reasons) or 'list more'}"
    )


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
    for word, limit in clean.remove.items():
        if FAULTS[word].found(getattr(measurement, FAULTS[word].measure), limit):
            return word
    return "keep"


def _survivors(
    good: Mapping[int, Measurement],
    firsts: Mapping[int, int],
    pairs: Mapping[Pair, Copy],
    clean: Clean,
) -> dict[int, int]:
    """Return the survivor of each picture that is a copy of a better one; survivors have none.

    Args:
        good: The pictures that may be kept, by row.
        firsts: See `copies.first_of_equals`.
        pairs: Of the first ones of equals.
        clean: What counts as gray.
    """
    equals: dict[int, list[int]] = {}
    for row, first in firsts.items():
        if row in good:
            equals.setdefault(first, []).append(row)
    partners: dict[int, set[int]] = {first: {first} for first in equals}
    for a, b in pairs:
        if a in partners and b in partners:
            partners[a].add(b)
            partners[b].add(a)
    ranks = quality.rank_copies({first: good[equals[first][0]] for first in equals}, pairs, clean)
    survivors: dict[int, int] = {}
    for row in sorted(good, key=lambda row: (*ranks[firsts[row]], row)):
        if row not in survivors:
            copies_of_row = [copy for first in partners[firsts[row]] for copy in equals[first]]
            survivors |= {c: row for c in copies_of_row if c != row and c not in survivors}
    return survivors
