"""Which of several copies is best: in colour, unmarked, uncut, sharp, and little compressed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from src.clean.copies import EXACT, Copy, Marks, Pair
from src.clean.measurement import Measurement, is_gray
from src.imaging import decoding
from src.parallel.local import cores, map_threads
from src.params import Clean
from src.storage.archives import read_bytes
from src.storage.row_components import smallest_connected

BLOCKS = 8  # into which a side is divided, as `witness` does
COMPARED_PX = 256  # at which marks are looked for
MAX_PX = 1024  # at which sharpness is compared
MARKED_SHARE = 0.3  # of its copies that lack what a marked picture has
BUSIER_BY_TEXT = 1.4  # of a picture with a strip of text added; 20 % cut off change less
SAME_SHARPNESS = 0.06  # relative difference that encoding alone makes
Rank = tuple[bool, bool, bool, int, float, int]


@dataclass(frozen=True)
class Quality:
    """What is measured on a copy's pixels.

    Attributes:
        busyness: (64,) float32, high frequencies of each of 8x8 blocks at 256 pixels, in levels:
            text and logos raise it.
        sharpness: Share of the high frequencies among the middle ones, at the size of the largest
            copy: an enlarged or blurred picture has few.
        quantization: Mean of a JPEG's quantisation table; 0 for a lossless file.
    """

    busyness: np.ndarray = field(default_factory=lambda: np.zeros(BLOCKS**2, np.float32))
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
    components: dict[int, list[int]] = {}
    for row, smallest in sorted(smallest_connected(known).items()):
        components.setdefault(smallest, []).append(row)
    sides: dict[int, int] = {}
    for rows in components.values():
        area = max(pictures[row].width * pictures[row].height for row in rows)
        sides |= dict.fromkeys(rows, min(MAX_PX, round(area**0.5)))

    def measure_row(row: int) -> Quality:
        return measure(pictures[row], sides[row])

    measured = map_threads(measure_row, list(sides), "comparing copies", cores())
    qualities = dict(zip(sides, measured, strict=True))
    marked, cut = _faults(known, qualities)
    compression = _least_compression(known, qualities)
    ranks: dict[int, Rank] = {
        row: (is_gray(picture, clean), False, False, 0, 0.0, row)
        for row, picture in pictures.items()
    }
    for rows in components.values():
        plain = [row for row in rows if row not in marked | cut] or rows
        best = max(qualities[row].sharpness for row in plain)
        for row in rows:
            # marks are sharp, whatever the picture is
            blur = 0 if row in marked | cut else _steps(best, qualities[row].sharpness)
            gray = is_gray(pictures[row], clean)
            ranks[row] = (gray, row in marked, row in cut, blur, compression[row], row)
    return ranks


def _steps(best: float, sharpness: float) -> int:
    """Return by how many steps of SAME_SHARPNESS a picture is less sharp than the best."""
    return round(math.log(max(best, 1e-9) / max(sharpness, 1e-9)) / SAME_SHARPNESS)


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
    path, layout = picture.source
    try:
        data = read_bytes(path)
        pixels = decoding.split_pair(decoding.decode(data), layout)[0]
    except (decoding.ImageError, OSError):
        return Quality()
    gray = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    small = _square(gray, COMPARED_PX)
    large = _square(_middle(gray), side * 2 // 3)
    middle = cv2.GaussianBlur(large, (0, 0), 2) - cv2.GaussianBlur(large, (0, 0), 6)
    fine = large - cv2.GaussianBlur(large, (0, 0), 1)
    return Quality(
        busyness=_block_means(np.abs(small - cv2.GaussianBlur(small, (0, 0), 1))),
        sharpness=float(np.abs(fine).mean()) / max(float(np.abs(middle).mean()), 1e-3),
        quantization=_quantization(data),
    )


def _block_means(values: np.ndarray) -> np.ndarray:
    size = len(values) // BLOCKS
    return np.asarray(values.reshape(BLOCKS, size, BLOCKS, size).mean(axis=(1, 3)).ravel())


def _middle(gray: np.ndarray) -> np.ndarray:
    """Cut off a sixth at each side, where marks and the corners of a tilted picture are."""
    height, width = gray.shape[0] // 6, gray.shape[1] // 6
    return np.ascontiguousarray(gray[height : len(gray) - height, width : gray.shape[1] - width])


def _square(gray: np.ndarray, side: int) -> np.ndarray:
    shrinks = min(gray.shape) > side
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(gray, (side, side), interpolation=interpolation).astype(np.float32)


def _quantization(data: bytes) -> float:
    with Image.open(BytesIO(data)) as image:
        tables = getattr(image, "quantization", None)
    return float(np.mean(tables[0])) if tables else 0.0


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


def _faults(
    pairs: Mapping[Pair, Copy], qualities: Mapping[int, Quality]
) -> tuple[set[int], set[int]]:
    """Return the pictures with bands or marks that many of their copies lack, and those cut."""
    blames: dict[int, list[bool]] = {}
    smaller: set[tuple[int, int]] = set()
    for pair, copy in pairs.items():
        culprit = _culprit(pair, copy, qualities)
        for row in pair:
            blames.setdefault(row, []).append(row == culprit)
        if copy.marks in (Marks.BEYOND_FIRST, Marks.BEYOND_SECOND):
            smaller.add(pair if copy.marks == Marks.BEYOND_FIRST else pair[::-1])
    marked = {row for row, blamed in blames.items() if np.mean(blamed) >= MARKED_SHARE}
    return marked, {row for row, larger in smaller if larger not in marked}


def _culprit(pair: Pair, copy: Copy, qualities: Mapping[int, Quality]) -> int | None:
    """Return the row of a pair that has the bands or marks, or None."""
    busyness = [qualities[row].busyness for row in pair]
    match copy.marks:
        case Marks.FIRST | Marks.SECOND:
            return pair[copy.marks == Marks.SECOND]
        case Marks.EITHER:
            first, second = (
                values[list(blocks)].sum()
                for values, blocks in zip(busyness, copy.blocks, strict=True)
            )
            return pair[int(second > first)]
        case Marks.BEYOND_FIRST | Marks.BEYOND_SECOND:
            larger = int(copy.marks == Marks.BEYOND_FIRST)
            is_text = busyness[larger].mean() >= BUSIER_BY_TEXT * busyness[1 - larger].mean()
            return pair[larger] if is_text else None
    return None
