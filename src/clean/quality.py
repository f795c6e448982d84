"""Which of several copies is best: in colour, unmarked, sharp, and little compressed."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from src.clean.copies import EXACT, Copy, Marks, Pair
from src.clean.measurement import Measurement, is_gray
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.parallel.local import cores, map_threads
from src.params import Clean
from src.storage.archives import read_bytes

COMPARED_PX = 256  # at which marks are looked for
MAX_PX = 1024  # at which sharpness is compared
SAME_SHARPNESS = 0.03  # relative difference that encoding alone makes
Rank = tuple[bool, bool, int, float, int, int]


@dataclass(frozen=True)
class Quality:
    """What is measured on a copy's pixels.

    Attributes:
        busyness: Mean high frequencies of 256 pixels, in levels: text and logos raise it.
        sharpness: Share of the high frequencies among the middle ones, at the size of the largest
            copy: an enlarged or blurred picture has few.
        quantization: Mean of a JPEG's quantisation table; 0 for a lossless file.
    """

    busyness: float = 0.0
    sharpness: float = 0.0
    quantization: float = math.inf


def rank_copies(
    pictures: Mapping[int, Measurement], pairs: Mapping[Pair, Copy], clean: Clean
) -> dict[int, Rank]:
    """Return a sort key of each picture; of several copies the best one comes first.

    Args:
        pictures: By row; of pictures with equal pixels only one has pairs.
        pairs: The proven pairs among them; others are ignored.
        clean: What counts as gray.
    """
    known = {pair: copy for pair, copy in pairs.items() if set(pair) <= pictures.keys()}
    sides = _sides(pictures, known)

    def measure_row(row: int) -> Quality:
        return measure(pictures[row], sides[row])

    qualities = dict(
        zip(sides, map_threads(measure_row, list(sides), "comparing copies", cores()), strict=True)
    )
    marked = _marked(known, qualities)
    ranks: dict[int, Rank] = {}
    best, least = _best_sharpness(known, qualities), _least_compression(known, qualities)
    for row, picture in pictures.items():
        quality = qualities.get(row, Quality())
        blur = 0
        if row in best:
            blur = round(math.log(best[row] / max(quality.sharpness, 1e-9)) / SAME_SHARPNESS)
        area = picture.width * picture.height
        compression = least.get(row, quality.quantization)
        ranks[row] = (is_gray(picture, clean), row in marked, blur, compression, -area, row)
    return ranks


def measure(picture: Measurement, side: int) -> Quality:
    """Measure a picture's quality.

    Args:
        picture: Where it lies.
        side: Pixels of the square at which its sharpness is compared.

    Returns:
        The lowest quality if its file is missing or cannot be decoded.
    """
    if picture.source is None:
        return Quality()
    try:
        pixels = read_photo(*picture.source)
        data = read_bytes(picture.source[0])
    except (decoding.ImageError, OSError):
        return Quality()
    gray = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    small = _square(gray, COMPARED_PX)
    large = _square(gray, side)
    middle = cv2.GaussianBlur(large, (0, 0), 2) - cv2.GaussianBlur(large, (0, 0), 6)
    fine = large - cv2.GaussianBlur(large, (0, 0), 1)
    return Quality(
        busyness=float(np.abs(small - cv2.GaussianBlur(small, (0, 0), 1)).mean()),
        sharpness=float(np.abs(fine).mean()) / max(float(np.abs(middle).mean()), 1e-3),
        quantization=_quantization(data),
    )


def _square(gray: np.ndarray, side: int) -> np.ndarray:
    shrinks = min(gray.shape) > side
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(gray, (side, side), interpolation=interpolation).astype(np.float32)


def _quantization(data: bytes) -> float:
    with Image.open(BytesIO(data)) as image:
        tables = getattr(image, "quantization", None)
    return float(np.mean(tables[0])) if tables else 0.0


def _sides(pictures: Mapping[int, Measurement], pairs: Iterable[Pair]) -> dict[int, int]:
    """Return for each picture of a pair the side at which it is compared: its largest copy's."""
    areas: dict[int, int] = {}
    for pair in pairs:
        area = max(pictures[row].width * pictures[row].height for row in pair)
        for row in pair:
            areas[row] = max(areas.get(row, 0), area)
    return {row: min(MAX_PX, round(area**0.5)) for row, area in areas.items()}


def _best_sharpness(pairs: Iterable[Pair], qualities: Mapping[int, Quality]) -> dict[int, float]:
    """Return for each picture of a pair the greatest sharpness of its copies and itself."""
    best: dict[int, float] = {}
    for pair in pairs:
        sharpness = max(qualities[row].sharpness for row in pair)
        for row in pair:
            best[row] = max(best.get(row, 1e-9), sharpness)
    return best


def _least_compression(
    pairs: Mapping[Pair, Copy], qualities: Mapping[int, Quality]
) -> dict[int, float]:
    """Return for each picture with equals in another format the least quantisation of these."""
    least: dict[int, float] = {}
    for pair, copy in pairs.items():
        if copy == EXACT:
            quantization = min(qualities[row].quantization for row in pair)
            for row in pair:
                least[row] = min(least.get(row, math.inf), quantization)
    return least


def _marked(pairs: Mapping[Pair, Copy], qualities: Mapping[int, Quality]) -> set[int]:
    """Return the pictures with bands or marks that at least half of their copies lack."""
    blamed: dict[int, list[bool]] = {}
    for pair, copy in pairs.items():
        busier = pair[qualities[pair[1]].busyness > qualities[pair[0]].busyness]
        culprit = {Marks.NONE: None, Marks.FIRST: pair[0], Marks.SECOND: pair[1]}.get(
            copy.marks, busier
        )
        for row in pair:
            blamed.setdefault(row, []).append(row == culprit)
    return {row for row, blames in blamed.items() if 2 * sum(blames) >= len(blames)}
