"""Compares pictures that clean removed as copies with those that it kept in their place.

Both files are decoded by the audit's own decoder and aligned in every way. Nothing of the search in
clean is used: neither its hashes, nor its poses.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from src.audit import source_files
from src.parallel.local import cores, map_threads
from src.vision import alignment, close_look, grayscale, likeness, matching, views, witness
from src.vision.close_look import SIDE_PX
from src.vision.matching import PictureFeatures

SAMPLE, SEED = 200, 0
# Of the second least similar block of the middle; of 1,100 copies 1 in 200 has one below .58.
MIN_CLOSE_AGREEMENT = 0.2
MIN_NEAR_AGREEMENT = 0.74  # of the least similar block, where the whole pictures come near a match
BAND_PX = 128  # at which strips and frames are looked for
BAND_TOLERANCE = 12  # levels from a band's colour, the median of the outermost line
PLAIN_SHARE = 0.9  # of a line's pixels that have the band's colour, where no text is
TEXT_SHARE = 0.35  # the same of a line of text, at least
PICTURE_SHARE = 0.3  # the same behind the band, at most
MIN_BAND, MAX_BAND = 0.02, 0.25  # of a side


class Removal(NamedTuple):
    """A picture that was removed as a copy, compared with its survivor.

    Attributes:
        row: The removed picture's.
        survivor: The kept picture's row.
        similarity: Of both, -1…1.
        is_copy: Whether both show the same.
        marked_edges: The edges at which the survivor has a strip or a frame, less those at which
            the removed picture has one.
    """

    row: int
    survivor: int
    similarity: float
    is_copy: bool
    marked_edges: int


class Photo(NamedTuple):
    """A whole photograph, squeezed to (256, 256, 3) uint8 RGB, and its height over width."""

    pixels: np.ndarray
    aspect: float


def compare(
    ledger: pd.DataFrame, raw: Path, background: str, similarity: float, tone_residual: float
) -> list[Removal]:
    """Compare a seeded sample of the removed near duplicates with their survivors.

    Args:
        ledger: After clean.
        raw: The folder data/raw.
        background: The colour below transparent pixels.
        similarity: The least of a copy, -1…1.
        tone_residual: In Lab units; below it a picture is gray, and has no colours to compare.

    Returns:
        Sorted by row; pairs with a file that cannot be read are left out.
    """
    rows = ledger.drop_duplicates("row").set_index("row")
    files = {
        row: (raw / file, layout)
        for row, file, layout in zip(rows.index, rows["file"], rows["layout"], strict=True)
        if pd.notna(file)
    }
    pairs = [pair for pair in _sample(ledger) if files.keys() >= set(pair)]

    def compare_pair(pair: tuple[int, int]) -> Removal | None:
        squeezed = (source_files.read_squeezed(*files[row], background, SIDE_PX) for row in pair)
        photos = [Photo(*photo) for photo in squeezed if photo is not None]
        if len(photos) < 2:
            return None
        value, is_copy = _likeness(photos[0], photos[1], similarity, tone_residual)
        removed, survivor = (_banded_edges(photo) for photo in photos)
        return Removal(*pair, value, is_copy, survivor - removed)

    removals = map_threads(compare_pair, pairs, "comparing removed copies", cores())
    return [removal for removal in removals if removal]


def _sample(ledger: pd.DataFrame) -> list[tuple[int, int]]:
    """Return the rows of removed near duplicates, and of their survivors; a person forced none."""
    is_near = ledger["verdict"].eq("near_duplicate") & ledger["duplicate_of"].notna()
    is_forced = ledger["transform"].eq("forced")
    near = ledger[is_near.fillna(False) & ~is_forced.fillna(False)].sort_values("row")
    pairs = [
        (int(row), int(survivor))
        for row, survivor in zip(near["row"], near["duplicate_of"], strict=True)
    ]
    if len(pairs) <= SAMPLE:
        return pairs
    chosen = np.random.default_rng(SEED).choice(len(pairs), SAMPLE, replace=False)
    return [pairs[index] for index in np.sort(chosen)]


def _likeness(
    first: Photo, second: Photo, similarity: float, tone_residual: float
) -> tuple[float, bool]:
    """Return the similarity of two photographs, and whether both show the same."""
    a, b = _features_of(first, tone_residual), _features_of(second, tone_residual)
    match = matching.match(a, b)
    is_match = match.is_copy(similarity)
    if not (is_match or likeness.may_be_near(match, similarity)):
        return match.similarity, False
    close_a = close_look.close_look(first.pixels, a.thumbnail, first.aspect)
    close_b = close_look.close_look(second.pixels, b.thumbnail, second.aspect)
    agreement = close_look.close_agreement(close_a, close_b, match)
    agrees = agreement.second_lowest if is_match else agreement.lowest
    return match.similarity, agrees >= (MIN_CLOSE_AGREEMENT if is_match else MIN_NEAR_AGREEMENT)


def _features_of(photo: Photo, tone_residual: float) -> PictureFeatures:
    """Return what a photograph is compared by; a gray one has no colours to compare."""
    thumbnail = alignment.thumbnail(photo.pixels)
    if grayscale.tone_residual(photo.pixels) < tone_residual:
        return PictureFeatures(thumbnail)
    size = (views.THUMBNAIL_PX, views.THUMBNAIL_PX)
    small = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA)
    return PictureFeatures(thumbnail, witness.chroma(small))


def _banded_edges(photo: Photo) -> int:
    """Count the edges at which a photograph has a strip of one colour, with text on it or without."""
    small = cv2.resize(photo.pixels, (BAND_PX, BAND_PX), interpolation=cv2.INTER_AREA)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.int16)
    return sum(map(_has_band, (gray, gray[::-1], gray.T, gray.T[::-1])))


def _has_band(lines: np.ndarray) -> bool:
    """Say whether the first lines of a picture are a strip that ends abruptly."""
    differences = np.abs(lines - np.median(lines[0]))
    shares = (differences <= BAND_TOLERANCE).mean(axis=1)
    ends = np.flatnonzero(shares[: int(MAX_BAND * BAND_PX)] < TEXT_SHARE)
    if shares[0] < PLAIN_SHARE or not len(ends) or ends[0] < MIN_BAND * BAND_PX:
        return False
    end = int(ends[0])
    is_plain_before = shares[end - 2 : end].max() >= PLAIN_SHARE
    return bool(is_plain_before and shares[end : end + 2].min() <= PICTURE_SHARE)
