"""All proven pairs of copies among the readable pictures, removed ones included."""

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

import pandas as pd

from src.clean import near_duplicates
from src.clean.lookalikes import without_lookalikes
from src.clean.measure import read_thumbnail
from src.clean.measurement import Measurement, features_of, is_gray, same_pixels
from src.clean.near_duplicates import Proof
from src.imaging.decoding import ImageError
from src.parallel.local import cores, map_threads
from src.params import Clean
from src.storage.ledger import COPIES
from src.vision import forms, inspection, witness
from src.vision.close_look import MIN_TILT_DEGREES, SIDE_PX, CloseLook, close_look
from src.vision.inspection import Inspection
from src.vision.matching import CROPPED_SHARE, Match

MIN_EXACT_SIMILARITY = 0.99  # below which pixels are not compared: they cannot be equal
# Least share of a side by which one picture shows more. It is larger for tilted pictures and for
# those with something added, whose place in the other is less sure.
MIN_CUT_SHARE, MIN_UNSURE_CUT_SHARE = 1 - CROPPED_SHARE, 0.05
CACHED = 256  # close looks that are remembered, of at most .6 MB each
CloseLooks = tuple[CloseLook | None, CloseLook | None]


class Marks(Enum):
    """Which picture of a pair has bands or marks that the other one lacks, or was cut."""

    NONE = "none"
    FIRST = "first"
    SECOND = "second"
    FIRST_CUT = "first cut"  # the second shows more
    SECOND_CUT = "second cut"


class Copy(NamedTuple):
    """How a picture differs from another one that shows the same.

    Attributes:
        similarity: Their correlation, -1…1.
        hash_distance: Bits of 256 in which their hashes differ.
        transform: What was done to it: exact, mirrored, cropped, ….
        marks: What one of them has and the other lacks.
        clipped: Which of them, 0 or 1, is white where the other shows details, if either.
        certainty: See `_certainty`; None if a person ruled it.
    """

    similarity: float
    hash_distance: int
    transform: str
    marks: Marks = Marks.NONE
    clipped: int | None = None
    certainty: float | None = 1.0


EXACT = Copy(1.0, 0, "exact")
Pair = tuple[int, int]  # rows, the smaller one first


def find(pictures: Mapping[int, Measurement], clean: Clean) -> dict[Pair, Copy]:
    """Return every proven pair of copies among readable pictures, which are given by row; sorted.

    Pictures of equal pixels are each paired with the first of them; only that one is compared with
    others.
    """
    firsts = first_of_equals(pictures)
    pairs = {(first, row): EXACT for row, first in firsts.items() if row != first}
    rows = sorted(set(firsts.values()))
    features = [features_of(pictures[row], clean) for row in rows]
    likenesses = near_duplicates.find_copies(features, clean.hash_distance, clean.similarity)
    read = lru_cache(CACHED)(lambda picture: read_close_look(pictures[rows[picture]]))
    proofs = without_lookalikes(likenesses, read, clean.similarity)

    def describe_proof(proof: Proof) -> tuple[Pair, Copy]:
        a, b = rows[proof.first], rows[proof.second]
        close_looks = read(proof.first), read(proof.second)
        copy = describe(
            pictures[a], pictures[b], proof.match, proof.hash_distance, clean, close_looks
        )
        return (a, b), copy

    pairs |= map_threads(describe_proof, proofs, "describing copies", cores())
    return dict(sorted(pairs.items()))


def read_close_look(picture: Measurement) -> CloseLook | None:
    """Return a readable picture's close look, or None if its file is missing or has changed."""
    try:
        pixels = read_thumbnail(*picture.source, SIDE_PX).pixels
    except (ImageError, OSError):
        return None
    return close_look(pixels, picture.thumbnail, picture.height / picture.width)


def between(pairs: Mapping[Pair, Copy], a: int, b: int) -> Copy:
    """Return the copy of two rows in any order; rows that are in no pair have equal pixels."""
    return pairs.get((min(a, b), max(a, b)), EXACT)


def first_of_equals(pictures: Mapping[int, Measurement]) -> dict[int, int]:
    """Return for each row the first row whose decoded pixels are equal.

    Only pictures with equal thumbnails are compared. The thumbnails of a reduced JPEG and of a PNG
    of the same pixels may differ: such a pair is a near one, which `describe` calls exact.
    """
    firsts: dict[str, int] = {}
    return {row: firsts.setdefault(pictures[row].pixel_digest, row) for row in sorted(pictures)}


def describe(
    original: Measurement,
    copy: Measurement,
    match: Match,
    bits: int,
    clean: Clean,
    close_looks: CloseLooks | None = None,
) -> Copy:
    """Return how a picture differs from another one, given what their thumbnails have in common.

    `bits` are those in which the hashes differ. Close looks that are left out are taken now.
    """
    if match.similarity >= MIN_EXACT_SIMILARITY and same_pixels(original, copy):
        return EXACT
    seen = _inspect(match, close_looks or (read_close_look(original), read_close_look(copy)))
    transform = _transform(match, seen, original, copy, clean)
    marks, certainty = _marks(seen), _certainty(match, clean)
    return Copy(round(match.similarity, 4), bits, transform, marks, seen.clipped, certainty)


def _inspect(match: Match, close_looks: CloseLooks) -> Inspection:
    """Look at both pictures closely, or judge by the match if either cannot be read."""
    first, second = close_looks
    if first and second:
        return inspection.inspect(first, second, match)
    surplus = 1 / match.visible_share - 1
    both = (0.0, surplus) if match.is_first_smaller else (surplus, 0.0)
    return Inspection(surplus=both, rotation=match.rotation)


def _certainty(match: Match, clean: Clean) -> float:
    """Return the smallest margin above the limits of a copy, each as a share of the possible: 0…1."""
    margins = (
        (match.similarity - clean.similarity) / max(1 - clean.similarity, 1e-6),
        (match.agreement - witness.MIN_AGREEMENT) / (1 - witness.MIN_AGREEMENT),
        1 - match.color_difference / witness.MAX_COLOR_DIFFERENCE,
    )
    return round(max(0.0, min(margins)), 4)


def _marks(seen: Inspection) -> Marks:
    first, second = (bool(name) for name in seen.added)
    if first != second:
        return Marks.FIRST if first else Marks.SECOND
    if seen.marked is not None:
        return Marks.SECOND if seen.marked else Marks.FIRST
    first_surplus, second_surplus = seen.surplus
    if abs(first_surplus - second_surplus) < _min_cut_share(seen):
        return Marks.NONE
    return Marks.FIRST_CUT if first_surplus < second_surplus else Marks.SECOND_CUT


def _transform(
    match: Match, seen: Inspection, original: Measurement, copy: Measurement, clean: Clean
) -> str:
    surplus = (share for share, name in zip(seen.surplus, seen.added, strict=True) if not name)
    changes = {
        forms.NAMES[match.form]: match.form != forms.PLAIN,
        "captioned": "caption" in seen.added,
        "framed": "frame" in seen.added,
        "tilted": seen.rotation >= MIN_TILT_DEGREES,
        "cropped": max(surplus, default=0.0) >= _min_cut_share(seen),
        "recoloured": is_gray(original, clean) != is_gray(copy, clean),
    }
    names = [name for name, is_changed in changes.items() if is_changed]
    resized = (original.width, original.height) != (copy.width, copy.height)
    return " and ".join(names) or ("resized" if resized else "recompressed")


def _min_cut_share(seen: Inspection) -> float:
    is_unsure = seen.rotation >= MIN_TILT_DEGREES or any(seen.added)
    return MIN_UNSURE_CUT_SHARE if is_unsure else MIN_CUT_SHARE


def to_table(pairs: Mapping[Pair, Copy]) -> pd.DataFrame:
    """Return the pairs as a table with the columns COPIES."""
    rows = [
        (*pair, copy.hash_distance, copy.similarity, copy.transform, copy.certainty)
        for pair, copy in pairs.items()
    ]
    return pd.DataFrame(rows, columns=COPIES.names)
