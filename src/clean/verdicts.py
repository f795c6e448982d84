"""What is kept and what is removed, with the reason and its number in the ledger.

The survivor of several copies is the one in colour, of these the largest, and among equals the
one listed first. Copies are gathered around their survivor only: whoever does not match the
survivor itself stays, so that chains of likeness never swallow a picture that has no copy left.
"""

from typing import NamedTuple

import pandas as pd

from src.clean import near_duplicates
from src.clean.measure import Measurement, same_pixels
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


ALIKE = 0.99  # similarity from which two pictures are looked at for equal pixels
TURNED = 1.0  # degrees from which a copy is said to be turned


class Copy(NamedTuple):
    """What a picture is a copy of: a row, how alike they are, and what was done to it."""

    of: int
    similarity: float
    hash_distance: int
    transform: str


def assign_verdicts(
    table: pd.DataFrame, measured: dict[tuple[str, str], Measurement], clean: Clean
) -> pd.DataFrame:
    """The ledger with clean's columns; every row gets one of VERDICTS."""
    table = table.copy()
    files = zip(table["file"], table["layout"], strict=True)
    by_row = {row: measured.get(key) for row, key in zip(table["row"], files, strict=True)}
    verdict = {row: single_verdict(m, clean) for row, m in by_row.items()}
    good = [row for row, word in verdict.items() if word == "keep"]
    copies = _exact(good, by_row)
    survivors = [row for row in good if row not in copies]
    near = _near(survivors, by_row, clean)
    # a copy of a copy belongs to the survivor
    copies = {row: near.get(copy.of, copy) for row, copy in copies.items()}
    if clean.duplicates == "remove":
        verdict |= dict.fromkeys(copies, "exact_duplicate")
        verdict |= {
            row: "exact_duplicate" if copy.transform == "exact" else "near_duplicate"
            for row, copy in near.items()
        }
    duplicates = copies | near
    readable = {row: m for row, m in by_row.items() if m is not None and not m.error}
    hashes = perceptual_hash.hashes([m.thumbnail for m in readable.values()])
    hexes = {row: own.tobytes().hex() for row, own in zip(readable, hashes, strict=True)}
    table["fingerprint"] = _column(table, hexes)
    table["tone_residual"] = _column(table, {r: m.tone_residual for r, m in readable.items()})
    table["colorfulness"] = _column(table, {r: m.colorfulness for r, m in readable.items()})
    table["duplicate_of"] = _column(table, {r: copy.of for r, copy in duplicates.items()})
    for name in ("similarity", "hash_distance", "transform"):
        values = {row: getattr(copy, name) for row, copy in duplicates.items()}
        table[name] = _column(table, values)
    table["cluster"] = _column(table, {r: duplicates[r].of if r in duplicates else r for r in good})
    table["verdict"] = _column(table, verdict)
    return table


def counts(table: pd.DataFrame) -> dict[str, int]:
    """metrics/clean.json: listed is the sum of all verdicts.

    largest_cluster: pictures that are copies of the same one, that one included.
    """
    found = table["verdict"].value_counts()
    words = {"keep": "kept", "exact_duplicate": "exact_duplicates"}
    words["near_duplicate"] = "near_duplicates"
    by_verdict = {words.get(word, word): int(found.get(word, 0)) for word in VERDICTS}
    kept = table[table["verdict"] == "keep"]
    clusters = table["cluster"].value_counts()
    return {
        "listed": len(table),
        **by_verdict,
        "items_kept": int(kept["item_id"].nunique()),
        "largest_cluster": int(clusters.max()) if len(clusters) else 0,
    }


def _column(table: pd.DataFrame, values: dict[int, object]) -> list[object]:
    return [values.get(row) for row in table["row"]]


def single_verdict(measured: Measurement | None, clean: Clean) -> str:
    """The verdict on a picture by itself; None stands for one that was not fetched."""
    if measured is None:
        return "missing"
    if measured.error:
        return "unreadable"
    if min(measured.width, measured.height) < clean.min_side:
        return "too_small"
    if clean.grayscale == "remove" and is_gray(measured, clean):
        return "grayscale"
    return "keep"


def is_gray(measured: Measurement, clean: Clean) -> bool:
    """Whether lightness explains all of its colour."""
    return measured.tone_residual < clean.tone_residual


def _rank(row: int, by_row: dict[int, Measurement], clean: Clean) -> tuple[bool, int, int]:
    measured = by_row[row]
    return is_gray(measured, clean), -measured.width * measured.height, row


def copy_of(of: int, survivor: Measurement, copy: Measurement, clean: Clean) -> Copy:
    """How like two readable pictures are, whether or not one counts as the other's copy."""
    match = alignment.match(survivor.thumbnail, copy.thumbnail)
    if match.similarity >= ALIKE and same_pixels(survivor, copy):
        return Copy(of, 1.0, 0, "exact")
    bits = near_duplicates.hash_distance(survivor.thumbnail, copy.thumbnail)
    return Copy(of, round(match.similarity, 4), bits, _transform(match, survivor, copy, clean))


def _transform(match: Match, a: Measurement, b: Measurement, clean: Clean) -> str:
    done = {
        "mirrored": match.mirrored,
        "captioned": match.without == "caption",
        "framed": match.without == "frame",
        "turned": match.turned >= TURNED,
        "cropped": match.shown < CROPPED_SHARE,
        "recoloured": is_gray(a, clean) != is_gray(b, clean),
    }
    named = [name for name, was in done.items() if was]
    resized = (a.width, a.height) != (b.width, b.height)
    return " and ".join(named) or ("resized" if resized else "recompressed")


def _exact(rows: list[int], by_row: dict[int, Measurement]) -> dict[int, Copy]:
    """Rows whose decoded pixels equal an earlier row's; a PNG of a JPEG's is told by `copy_of`."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(by_row[row].pixels, row)
    firsts = {row: first[by_row[row].pixels] for row in rows}
    return {row: Copy(of, 1.0, 0, "exact") for row, of in firsts.items() if of != row}


def _near(rows: list[int], by_row: dict[int, Measurement], clean: Clean) -> dict[int, Copy]:
    """Rows that match a better picture."""
    ranked = sorted(rows, key=lambda row: _rank(row, by_row, clean))
    thumbnails = [by_row[row].thumbnail for row in ranked]
    proven: dict[int, list[tuple[int, float]]] = {}
    for i, j, similarity in near_duplicates.find_copies(
        thumbnails, clean.hash_distance, clean.similarity
    ):
        proven.setdefault(i, []).append((j, similarity))
    removed: dict[int, tuple[int, float]] = {}
    for i in range(len(ranked)):
        if i not in removed:
            for j, similarity in proven.get(i, []):
                removed.setdefault(j, (i, similarity))

    def told(pair: tuple[int, tuple[int, float]]) -> tuple[int, Copy]:
        j, (i, similarity) = pair
        of, row = ranked[i], ranked[j]
        copy = copy_of(of, by_row[of], by_row[row], clean)
        # what was found from a hash may be better than what was found without
        return row, copy._replace(similarity=max(copy.similarity, round(similarity, 4)))

    return dict(map_threads(told, list(removed.items()), "telling how copies are made", cores()))
