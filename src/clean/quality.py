"""Ranks copies: the best one is in colour, unmarked, uncut, sharp, and little compressed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from src.clean.copies import EXACT, Copy, Marks, Pair
from src.clean.measurement import Measurement, is_gray
from src.imaging import decoding
from src.imaging.encoded_picture import EncodedPicture, open_picture
from src.parallel.local import cores, map_threads
from src.params import Clean
from src.storage.archives import read_bytes
from src.storage.row_components import smallest_connected

MAX_PX = 1024  # at which sharpness is compared
MARKED_SHARE = 0.3  # of a marked picture's copies, which lack its mark, at least
# Relative difference that encoding alone makes: up to .04 at qualities from 30 on, of 72 pictures.
SAME_SHARPNESS = 0.04
CLIPPED_BLUR = 2  # such steps that a picture counts as less sharp if it lost details in white
FINE_PX, BROAD_PX = 1, 3  # between which structure lies; below it are fine details and noise
ENLARGED_AREA = 3  # times that of a copy that is as sharp, beyond which a picture was enlarged
LARGER_AREA = 4  # times that of a copy, beyond which 256 colours show more than all of a thumbnail


class Rank(NamedTuple):
    """A sort key: of several copies the best one comes first.

    Attributes:
        blur: By how many steps of SAME_SHARPNESS it is less sharp than its sharpest plain copy; not
            for marked and cut pictures, because marks are sharp, whatever the picture is. White in
            which details were lost counts as CLIPPED_BLUR.
        has_palette: Whether it has 256 colours at most, and a plain copy that is not much smaller has
            more; dithering looks sharp.
        is_enlarged: Whether a much smaller plain copy is as sharp: more pixels show no more.
        compression: See `Quality.quantization`.
        row: Decides between equal ones.
    """

    is_gray: bool
    is_marked: bool = False
    is_cut: bool = False
    has_palette: bool = False
    blur: int = 0
    is_enlarged: bool = False
    compression: float = 0.0
    row: int = 0


@dataclass(frozen=True)
class Quality:
    """The quality of a copy's pixels.

    Attributes:
        sharpness: How far fine details follow the structure, at the size of the largest copy: what is
            enlarged or blurred has few. Noise of encoding follows nothing, and hardly counts.
        quantization: Mean of a JPEG's quantisation table; 0 for a lossless file, and infinite for
            lossy ones without a table, which are mostly made of a JPEG.
        has_palette: Whether it has 256 colours at most.
    """

    sharpness: float = 0.0
    quantization: float = math.inf
    has_palette: bool = False


def rank_copies(
    pictures: Mapping[int, Measurement], pairs: Mapping[Pair, Copy], clean: Clean
) -> dict[int, Rank]:
    """Return the rank of each picture among its copies.

    Args:
        pictures: By row; of pictures with equal pixels only one has pairs.
        pairs: The proven pairs among them; others are ignored.
        clean: What counts as gray.
    """
    known = {pair: copy for pair, copy in pairs.items() if set(pair) <= pictures.keys()}
    components: dict[int, list[int]] = {}
    for row, smallest in sorted(smallest_connected(known).items()):
        components.setdefault(smallest, []).append(row)
    sides: dict[int, int] = {}
    for rows in components.values():
        area = max(_area(pictures[row]) for row in rows)
        sides |= dict.fromkeys(rows, min(MAX_PX, round(area**0.5)))

    def measure_row(row: int) -> Quality:
        return measure(pictures[row], sides[row])

    measured = map_threads(measure_row, list(sides), "comparing copies", cores())
    qualities = dict(zip(sides, measured, strict=True))
    marked, cut = _faults(known)
    faulty = marked | cut
    clipped = {pair[copy.clipped] for pair, copy in known.items() if copy.clipped is not None}
    compression = _least_compression(known, qualities)
    ranks = {row: Rank(is_gray(picture, clean), row=row) for row, picture in pictures.items()}
    for rows in components.values():
        plain = [row for row in rows if row not in faulty]
        rivals = [r for r in plain if not (qualities[r].has_palette or ranks[r].is_gray)]
        most = LARGER_AREA * max((_area(pictures[row]) for row in rivals), default=0)
        sharpest = max((qualities[row].sharpness for row in plain), default=0.0)
        blurs = {row: _steps(sharpest, qualities[row].sharpness) for row in plain}
        for row in rows:
            ranks[row] = ranks[row]._replace(
                is_marked=row in marked,
                is_cut=row in cut,
                has_palette=qualities[row].has_palette and _area(pictures[row]) <= most,
                blur=blurs.get(row, 0) + CLIPPED_BLUR * (row in clipped),
                is_enlarged=row in blurs and _is_enlarged(row, blurs, pictures, sides[row]),
                compression=compression[row],
            )
    return ranks


def _area(picture: Measurement) -> int:
    return picture.width * picture.height


def _steps(sharpest: float, sharpness: float) -> int:
    """Return by how many whole steps of SAME_SHARPNESS a picture is less sharp than the sharpest."""
    return int(math.log(max(sharpest, 1e-9) / max(sharpness, 1e-9)) / SAME_SHARPNESS)


def _is_enlarged(
    row: int, blurs: Mapping[int, int], pictures: Mapping[int, Measurement], side: int
) -> bool:
    """Say whether a picture is no sharper than a much smaller one, at a square of `side` pixels."""
    area = _area(pictures[row])
    is_seen_whole = area <= ENLARGED_AREA * side**2
    return is_seen_whole and any(
        ENLARGED_AREA * _area(pictures[other]) < area and blur <= blurs[row]
        for other, blur in blurs.items()
    )


def measure(picture: Measurement, side: int) -> Quality:
    """Measure a picture's quality, and its sharpness at a square of `side` pixels.

    It is the lowest if the file is missing or cannot be decoded.
    """
    try:
        pixels, quantization, has_palette = _read(*picture.source)
    except (decoding.ImageError, OSError):
        return Quality()
    gray = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    large = _square(_middle(gray), side * 2 // 3)
    return Quality(_sharpness(large), quantization, has_palette)


def _sharpness(levels: np.ndarray) -> float:
    """Return how far fine details follow the structure: (H, W) float32 → the slope, 0…"""
    blurred = cv2.GaussianBlur(levels, (0, 0), FINE_PX)
    structure = blurred - cv2.GaussianBlur(levels, (0, 0), BROAD_PX)
    fine = levels - blurred
    shared = float((fine * structure).sum(dtype=np.float64))
    return max(shared, 0.0) / max(float((structure**2).sum(dtype=np.float64)), 1e-3)


def _read(path: Path, layout: str) -> tuple[np.ndarray, float, bool]:
    """Return a file's photograph, its quantisation, and whether it has a palette."""
    data = read_bytes(path)
    picture = open_picture(data)
    pixels = decoding.split_pair(decoding.decode_picture(picture), layout)[0]
    return pixels, _quantization(picture, data), picture.image.mode == "P"


def _middle(gray: np.ndarray) -> np.ndarray:
    """Cut off a sixth at each side, where marks and the corners of a tilted picture are."""
    height, width = gray.shape[0] // 6, gray.shape[1] // 6
    return np.ascontiguousarray(gray[height : len(gray) - height, width : gray.shape[1] - width])


def _square(gray: np.ndarray, side: int) -> np.ndarray:
    shrinks = min(gray.shape) > side
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(gray, (side, side), interpolation=interpolation).astype(np.float32)


def _quantization(picture: EncodedPicture, data: bytes) -> float:
    if tables := getattr(picture.image, "quantization", None):
        return float(np.mean(tables[0]))
    is_lossy = picture.format == "AVIF" or (picture.format == "WEBP" and b"VP8L" not in data)
    return math.inf if is_lossy else 0.0


def _least_compression(
    pairs: Mapping[Pair, Copy], qualities: Mapping[int, Quality]
) -> dict[int, float]:
    """Return each picture's quantisation; of equal pictures in several formats the least."""
    least = {row: quality.quantization for row, quality in qualities.items()}
    for pair, copy in pairs.items():
        if copy == EXACT:
            quantization = min(qualities[row].quantization for row in pair)
            for row in pair:
                least[row] = min(least[row], quantization)
    return least


def _faults(pairs: Mapping[Pair, Copy]) -> tuple[set[int], set[int]]:
    """Return the pictures with bands or marks that many of their copies lack, and those cut.

    A picture is not cut if the one that shows more is marked.
    """
    has_marks: dict[int, list[bool]] = {}  # of each picture, for each of its copies
    cuts: set[tuple[int, int]] = set()  # a picture, and one that shows more
    for (first, second), copy in pairs.items():
        has_marks.setdefault(first, []).append(copy.marks == Marks.FIRST)
        has_marks.setdefault(second, []).append(copy.marks == Marks.SECOND)
        if copy.marks == Marks.FIRST_CUT:
            cuts.add((first, second))
        elif copy.marks == Marks.SECOND_CUT:
            cuts.add((second, first))
    marked = {row for row, values in has_marks.items() if np.mean(values) >= MARKED_SHARE}
    return marked, {row for row, larger in cuts if larger not in marked}
