"""Pictures that show the same: candidates by hash, proof by pixels.

The hash is PDQ's idea (Facebook, 2019) in integers: the 16x16 lowest frequencies of a 64x64
gray thumbnail's discrete cosine transform, each one bit: above the median or not. A crop or a
caption changes all of them, so a picture is hashed in several cuts, and each cut is looked up
among the others' same cuts and whole pictures, mirrored too. What lies near enough is then
compared by its pixels, aligned over small changes of scale and place.
"""

from dataclasses import dataclass, replace

import cv2
import faiss
import numpy as np

from src.images import resize

SIDE = 64  # of the thumbnail
BITS = 256
# What a cut leaves out: shares of the top, bottom, left and right.
CUTS = (
    (0, 0, 0, 0),
    (0.025, 0.025, 0.025, 0.025),
    (0.05, 0, 0.05, 0),
    (0.05, 0, 0, 0.05),
    (0, 0.05, 0.05, 0),
    (0, 0.05, 0, 0.05),
    (0.05, 0.05, 0.05, 0.05),
    (0, 0.12, 0, 0),
)
WHOLE = 0
CAPTION = len(CUTS) - 1  # the cut that loses a caption strip
AS_WELL = 0.01  # of similarity
SCALES = (1.0, 0.975, 0.95, 0.925, 0.9)

# Rounded to integers: sums of products stay exact in float64, on every machine.
_angles = np.pi / SIDE * (np.arange(SIDE) + 0.5) * np.arange(1, 17)[:, None]
_COSINES = np.round(np.cos(_angles) * 1024)


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a picture for finding and proving its copies.

    hashes, mirrored: (cuts, 32) uint8, 256 bits per cut, of the picture and its mirror image.
    thumbnail: (64, 64) uint8 gray.
    """

    hashes: np.ndarray
    mirrored: np.ndarray
    thumbnail: np.ndarray


@dataclass(frozen=True)
class Match:
    """How well one picture matches another, -1…1, and what was done to it for that.

    scale: how much of the other's width the smaller one shows.
    """

    similarity: float
    mirrored: bool = False
    captioned: bool = False
    scale: float = 1.0


def fingerprint(pixels: np.ndarray) -> Fingerprint:
    """Fingerprint a picture, (height, width, 3) uint8 RGB."""
    middle = _reduced(pixels)
    thumbnails = [resize(_cut(middle, cut), SIDE, SIDE) for cut in CUTS]
    frequencies = _COSINES @ np.stack(thumbnails).astype(np.float64) @ _COSINES.T
    flipped = frequencies * np.where(np.arange(1, 17) % 2, -1, 1)
    return Fingerprint(_bits(frequencies), _bits(flipped), thumbnails[WHOLE])


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """A picture's (64, 64) uint8 gray thumbnail, for `similarity`."""
    return resize(_reduced(pixels), SIDE, SIDE)


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """One large reduction, of which cuts are made: cheaper than reducing for each cut."""
    gray = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return resize(gray, 4 * SIDE, 4 * SIDE)


def _cut(gray: np.ndarray, cut: tuple) -> np.ndarray:
    height, width = gray.shape
    top, bottom, left, right = cut
    return gray[
        round(top * height) : round((1 - bottom) * height),
        round(left * width) : round((1 - right) * width),
    ]


def _bits(frequencies: np.ndarray) -> np.ndarray:
    flat = frequencies.reshape(len(frequencies), BITS)
    return np.packbits(flat > np.median(flat, axis=1, keepdims=True), axis=1)


def candidates(prints: list[Fingerprint], distance: int) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, with some cuts' hashes within `distance` bits of 256, sorted."""
    if len(prints) < 2:
        return []
    found = set()
    for cut in range(len(CUTS)):
        asked = np.concatenate([[p.hashes[cut] for p in prints], [p.mirrored[cut] for p in prints]])
        for among in {WHOLE, cut}:
            index = faiss.IndexBinaryFlat(BITS)
            index.add(np.stack([p.hashes[among] for p in prints]))
            # faiss keeps what is strictly nearer
            limits, _, hits = index.range_search(asked, distance + 1)
            askers = np.repeat(
                np.arange(len(asked)) % len(prints), np.diff(limits.astype(np.int64))
            )
            pairs = np.sort(np.stack([askers, hits], axis=1), axis=1)
            found.update(map(tuple, np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0).tolist()))
    return sorted(found)


def distance(a: Fingerprint, b: Fingerprint) -> int:
    """Bits of 256 between the nearest of two pictures' hashes, of those that `candidates` compares."""
    return min(_bits_apart(a, b), _bits_apart(b, a))


def _bits_apart(asking: Fingerprint, asked: Fingerprint) -> int:
    cuts = np.stack([asking.hashes, asking.mirrored])
    among = (asked.hashes, asked.hashes[WHOLE])
    return min(int(np.bitwise_count(cuts ^ hashes).sum(axis=-1).min()) for hashes in among)


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """The best normalised correlation of two thumbnails, -1…1, over scale, place and mirroring."""
    return match(a, b).similarity


def match(a: np.ndarray, b: np.ndarray) -> Match:
    """How two thumbnails, (64, 64) uint8, match best.

    Either picture may be a cut of the other, and the strip of a caption is left out of both
    where that matches better. Of what matches as well as the best, the plainest is told.
    """
    found = []
    for captioned, kept in ((False, 1), (True, 1 - CUTS[CAPTION][1])):
        rows = round(SIDE * kept)
        one, other = _detail(a[:rows]), _detail(b[:rows])
        for fixed, moved in ((one, other), (other, one)):
            for mirrored in (False, True):
                form = moved[:, ::-1] if mirrored else moved
                for scale in SCALES:
                    value = _correlation(fixed, form, scale)
                    found.append(Match(value, mirrored, captioned, scale))
    best = max(m.similarity for m in found)
    told = min((m for m in found if m.similarity >= best - AS_WELL), key=_effort)
    return replace(told, similarity=best)


def _effort(match: Match) -> tuple[int, float]:
    return match.mirrored + match.captioned + (match.scale < 1), -match.scale


def _detail(gray: np.ndarray) -> np.ndarray:
    """What distinguishes pictures: between single pixels, which misalign, and broad light."""
    values = gray.astype(np.float32)
    return cv2.GaussianBlur(values, (0, 0), 1) - cv2.GaussianBlur(values, (0, 0), 8)


def _correlation(fixed: np.ndarray, moved: np.ndarray, scale: float) -> float:
    size = (round(SIDE * scale), round(moved.shape[0] * scale))
    small = cv2.resize(np.ascontiguousarray(moved), size, interpolation=cv2.INTER_AREA)
    if scale == 1:
        small = small[1:-1, 1:-1]
    # a flat picture correlates with nothing
    if small.std() < 0.5 or fixed.std() < 0.5:
        return -1.0
    return float(cv2.matchTemplate(fixed, small, cv2.TM_CCOEFF_NORMED).max())
