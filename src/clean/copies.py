"""All proven pairs of copies among the readable pictures, removed ones included."""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

import pandas as pd

from src.clean import near_duplicates
from src.clean.lookalikes import without_lookalikes
from src.clean.measure import read_thumbnail
from src.clean.measurement import Measurement, is_gray, look, same_pixels
from src.clean.near_duplicates import Proof
from src.imaging.decoding import ImageError
from src.parallel.local import cores, map_threads
from src.params import Clean
from src.storage.ledger import COPIES
from src.vision import forms, witness
from src.vision.bands import borders
from src.vision.close_look import SIDE_PX, CloseLook, close_look
from src.vision.matching import Match
from src.vision.views import THUMBNAIL_PX

MIN_EXACT_SIMILARITY = 0.99  # below which pixels are not compared: they cannot be equal
BAND_TOLERANCE = 0.06  # share of a side by which bands and what the other picture lacks may differ
MIN_ROTATION_DEGREES = 1.0  # from which a copy counts as tilted


class Marks(Enum):
    """Which picture of a pair has bands or marks that the other one lacks."""

    NONE = "none"
    FIRST = "first"
    SECOND = "second"
    EITHER = "either"  # something differs, in one of them
    BEYOND_FIRST = "beyond first"  # the second shows more: the first was cut, or a strip added
    BEYOND_SECOND = "beyond second"


class Copy(NamedTuple):
    """How a picture differs from another one that shows the same.

    Attributes:
        similarity: Their correlation, -1…1.
        hash_distance: Bits of 256.
        transform: What was done to it: exact, mirrored, cropped, ….
        marks: What one of them has and the other lacks.
        blocks: Where they differ, see `Match.differing`.
        certainty: See `_certainty`; None if a person ruled it.
    """

    similarity: float
    hash_distance: int
    transform: str
    marks: Marks = Marks.NONE
    blocks: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    certainty: float | None = 1.0


EXACT = Copy(1.0, 0, "exact")
Pair = tuple[int, int]  # rows, the smaller one first


def find(pictures: Mapping[int, Measurement], clean: Clean) -> dict[Pair, Copy]:
    """Return every proven pair of copies, sorted.

    Pictures of equal pixels are each paired with the first of them; only that one is compared with
    others.

    Args:
        pictures: The readable pictures by row.
        clean: The thresholds.
    """
    firsts = first_of_equals(pictures)
    pairs = {(first, row): EXACT for row, first in firsts.items() if row != first}
    rows = sorted(set(firsts.values()))
    looks = [look(pictures[row], clean) for row in rows]
    likenesses = near_duplicates.find_copies(looks, clean.hash_distance, clean.similarity)
    proofs = without_lookalikes(likenesses, lambda picture: _close_look(pictures[rows[picture]]))

    def describe_proof(proof: Proof) -> tuple[Pair, Copy]:
        a, b = rows[proof.first], rows[proof.second]
        copy = describe(pictures[a], pictures[b], proof.match, proof.hash_distance, clean)
        return (a, b), copy

    pairs |= map_threads(describe_proof, proofs, "describing copies", cores())
    return dict(sorted(pairs.items()))


def _close_look(picture: Measurement) -> CloseLook | None:
    """Return a readable picture's close look, or None if its file is missing or has changed."""
    if picture.source is None:
        return None
    try:
        pixels = read_thumbnail(*picture.source, SIDE_PX).pixels
    except (ImageError, OSError):
        return None
    return close_look(pixels, picture.thumbnail, picture.height / picture.width)


def between(pairs: Mapping[Pair, Copy], a: int, b: int) -> Copy:
    """Return the pair of two rows in any order; rows without one have equal pixels."""
    return pairs.get((min(a, b), max(a, b)), EXACT)


def first_of_equals(pictures: Mapping[int, Measurement]) -> dict[int, int]:
    """Return for each row the first row whose decoded pixels are equal.

    Only pictures with equal thumbnails are compared. The thumbnails of a reduced JPEG and of a PNG
    of the same pixels may differ: such a pair is a near one, which `describe` calls exact.
    """
    firsts: dict[str, int] = {}
    return {row: firsts.setdefault(pictures[row].pixel_digest, row) for row in sorted(pictures)}


def describe(
    original: Measurement, copy: Measurement, match: Match, bits: int, clean: Clean
) -> Copy:
    """Return how a picture differs from another one, given what their thumbnails have in common.

    Args:
        original: The measurement of one picture.
        copy: That of the other.
        match: What the thumbnails have in common.
        bits: In which the hashes differ.
        clean: What counts as gray.
    """
    if match.similarity >= MIN_EXACT_SIMILARITY and same_pixels(original, copy):
        return EXACT
    similarity, border = round(match.similarity, 4), _border(match, original, copy)
    transform = _transform(match, border, original, copy, clean)
    marks, certainty = _marks(match, border), _certainty(match, clean)
    return Copy(similarity, bits, transform, marks, match.differing, certainty)


def _certainty(match: Match, clean: Clean) -> float:
    """Return the smallest margin of a pair above the limits of a copy, 0…1 of the widest one."""
    margins = (
        (match.similarity - clean.similarity) / max(1 - clean.similarity, 1e-6),
        (match.agreement - witness.MIN_AGREEMENT) / (1 - witness.MIN_AGREEMENT),
        1 - match.color_difference / witness.MAX_COLOR_DIFFERENCE,
    )
    return round(max(0.0, min(margins)), 4)


def _border(match: Match, original: Measurement, copy: Measurement) -> str:
    """Return what one picture has around it and the other lacks: "", "caption" or "frame".

    A picture with bands also matches as one that shows more than the other, by their thickness. A
    plain margin that was cut is thicker or thinner, or some of it remains.
    """
    if match.border or not match.is_cut():
        return match.border
    larger, smaller = (copy, original) if match.is_first_smaller else (original, copy)
    sides = zip(borders(larger.thumbnail), borders(smaller.thumbnail), strict=True)
    top, bottom, left, right = (0 if rest else lines / THUMBNAIL_PX for lines, rest in sides)
    thickness = max(top + bottom, left + right)
    if not thickness or abs(thickness - (1 - match.visible_share)) > BAND_TOLERANCE:
        return ""
    return "frame" if left + right else "caption"


def _marks(match: Match, border: str) -> Marks:
    if border and not match.border:
        return Marks.SECOND if match.is_first_smaller else Marks.FIRST
    first, second = match.banded
    if first != second:
        return Marks.FIRST if first else Marks.SECOND
    if match.has_marks():
        return Marks.EITHER
    if match.is_cut():
        return Marks.BEYOND_FIRST if match.is_first_smaller else Marks.BEYOND_SECOND
    return Marks.NONE


def _transform(
    match: Match, border: str, original: Measurement, copy: Measurement, clean: Clean
) -> str:
    is_cropped = match.is_cut() and bool(match.border) == bool(border)
    is_tilted = match.rotation >= MIN_ROTATION_DEGREES
    has_other_edge = not (is_cropped or is_tilted or border or match.edges_agree())
    changes = {
        forms.NAMES[match.form]: match.form != forms.PLAIN,
        "captioned": border == "caption" or has_other_edge,
        "framed": border == "frame",
        "tilted": is_tilted,
        "cropped": is_cropped,
        "recoloured": is_gray(original, clean) != is_gray(copy, clean),
    }
    names = [name for name, is_changed in changes.items() if is_changed]
    resized = (original.width, original.height) != (copy.width, copy.height)
    return " and ".join(names) or ("resized" if resized else "recompressed")


def to_table(pairs: Mapping[Pair, Copy]) -> pd.DataFrame:
    """Return the pairs as a table with the columns COPIES."""
    rows = [
        (*pair, copy.hash_distance, copy.similarity, copy.transform, copy.certainty)
        for pair, copy in pairs.items()
    ]
    return pd.DataFrame(rows, columns=COPIES.names)
