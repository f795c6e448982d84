"""Is there colour that lightness does not explain?

A grayscale photograph may be stored as RGB, carry chroma noise, a cast, sepia or two inks. Its
colour is then a function of how light it is. So a dark picture is brightened, and Lab's (a, b) are
regressed on a polynomial of the channels' mean. The residual is the colour. The mean serves better
than Lab's own lightness: in toned highlights one channel may be clipped, but hardly all three.

In a red shirt on a white sheet, or a blue sky, colour is a function of lightness too. Toned prints
differ from these: their tint is weak beside the contrast that it follows. So a stronger tint counts as
colour. Two inks and a single channel may be as strong; their colours lie on a straight line.
"""

import cv2
import numpy as np

from src.imaging.resizing import thumbnail
from src.storage.slices import slices
from src.vision.compiled import compiled

REDUCED_PX = 48  # chroma noise averages out, and few pixels mix lights with shadows
DEGREE = 7
BRIGHT_LEVEL = 250.0  # to which the brightest 2 % are raised, so that dark colours count as much
MAX_GAIN = 4.0  # of the brightening, for noise is raised too
PERCENTILE = 95
BLOCK = 32  # pictures at a time: their intermediate values fit into a core's cache
FLAT_WEIGHT = 1e-6  # added to the moments: a flat picture has one level only
# Reducing a picture mixes the tones of a strong tint, which leaves a residual. A weak tint leaves none,
# so its residual is multiplied by the factor. Tints in Lab units; between both it is interpolated.
WEAK_TINT, STRONG_TINT, WEAK_FACTOR = 5.0, 12.0, 1.7
# The tint that prints reach, in Lab units: a constant and a share of the levels' deviation.
PRINT_TINT, PRINT_TINT_SHARE = 12.0, 0.75
# Levels of a flat colour, and the share of the pixels that four of these hold: photographs at most
# .65 (drawn, portraits, facades), flags and signs at least .9.
FLAT_LEVELS, FLAT_COLORS, FLAT_SHARE = 5, 4, 0.8
DETAIL_STEP, DETAIL_SHARE = 6, 0.02  # levels between neighbours, and the share of such pixels
ONE_CHANNEL_SHARE = 0.08  # of the strongest channel, which no other channel exceeds
INK_TOLERANCE = 8.0  # levels that two inks' colours lie off their line, at the 95th percentile
# Levels that the line misses black and white by. Light of one colour goes through black, one ink on
# white paper through white.
BLACK_OFFSET, WHITE_OFFSET = 30.0, 8.0
INK_MIDDLE = 0.15  # share of the pixels between a quarter and three quarters of the levels' range
# Legendre polynomials at the 256 levels, and the products of any two.
_BASIS = np.polynomial.legendre.legvander(np.arange(256) / 127.5 - 1, DEGREE)
_PRODUCTS = (_BASIS[:, :, None] * _BASIS[:, None, :]).reshape(256, -1)


def downscale(pixels: np.ndarray) -> np.ndarray:
    """Reduce a picture for `tone_residuals`: (height, width, 3) uint8 RGB → (48, 48, 3) uint8."""
    return thumbnail(pixels, REDUCED_PX)


def tone_residual(pixels: np.ndarray) -> float:
    """Return the colour that lightness leaves unexplained, in Lab units; 0 for any toned gray.

    Args:
        pixels: (height, width, 3) uint8 RGB.
    """
    return float(tone_residuals(downscale(pixels)[None])[0])


def tone_residuals(pictures: np.ndarray) -> np.ndarray:
    """Return the tone residual of many reduced pictures.

    It is the larger of two. The rest is the 95th percentile over the picture, or twice that over its
    middle if that is smaller. The excess is the tint beyond what prints reach, in the picture or in
    its middle, where it is smaller. The middle sees through a coloured frame and past a logo in a
    corner. It is a smaller sample, and must therefore leave half as much.

    Args:
        pictures: (N, 48, 48, 3) uint8 RGB, from `downscale`.

    Returns:
        (N,) float64, in Lab units; 0 where one channel holds the whole picture.
    """
    edge = REDUCED_PX // 6
    middle = np.s_[:, edge:-edge, edge:-edge]
    residuals = [np.empty(0)]
    for block in slices(len(pictures), BLOCK):
        rgb = _brighten(pictures[block])
        # of 8 bits: OpenCV then computes with integers, equal on every machine
        lab = cv2.cvtColor(rgb.reshape(-1, REDUCED_PX, 3), cv2.COLOR_RGB2LAB).reshape(rgb.shape)
        levels, channels = _levels(rgb)
        rest, excess = _rest_and_excess(rgb, levels, lab)
        middle_rest, middle_excess = _rest_and_excess(rgb[middle], levels[middle], lab[middle])
        residual = np.maximum(np.minimum(rest, 2 * middle_rest), np.minimum(excess, middle_excess))
        channels.sort(axis=1)
        residuals.append(residual * (channels[:, 1] > ONE_CHANNEL_SHARE * channels[:, 2]))
    return np.concatenate(residuals)


def _brighten(pictures: np.ndarray) -> np.ndarray:
    """Raise each dark picture's 98th percentile to BRIGHT_LEVEL, or as far as MAX_GAIN goes."""
    lightest = np.maximum(np.maximum(pictures[..., 0], pictures[..., 1]), pictures[..., 2])
    lightest = lightest.reshape(len(pictures), -1)
    rank = lightest.shape[1] * 98 // 100
    # stable: numpy then sorts 8 bits by counting, in half the time of a partition
    high = np.sort(lightest, axis=1, kind="stable")[:, rank].astype(np.float32)
    gain = np.clip(BRIGHT_LEVEL / np.maximum(high, 1), 1, MAX_GAIN)
    brightened = pictures.copy()
    for dark in np.nonzero(gain > 1)[0]:
        brightened[dark] = cv2.convertScaleAbs(pictures[dark], alpha=float(gain[dark]))
    return brightened


def _rest_and_excess(
    rgb: np.ndarray, levels: np.ndarray, lab: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each picture's tone curve leaves, and its tint beyond that of prints.

    Args:
        rgb: (N, side, side, 3) uint8.
        levels: Their mean channels, (N, side, side) int16.
        lab: The same in Lab, (N, side, side, 3) uint8.

    Returns:
        Two times (N,) float64, in Lab units.
    """
    counts, sums = _level_sums(levels, lab)
    curves = _fit_curves(counts, sums)
    tints, deviations = _tints(counts, curves)
    squares = _squared_distances(levels, lab, curves)
    rank = squares.shape[1] * PERCENTILE // 100
    rest = np.sqrt(np.partition(squares, rank, axis=1)[:, rank])
    rest *= np.interp(tints, [WEAK_TINT, STRONG_TINT], [WEAK_FACTOR, 1])
    # a smooth gradient has no contrast that a tint could go along with, and a flag is no print
    may_be_prints = _are_detailed(levels) & ~_are_flat(counts)
    excess = tints - PRINT_TINT - PRINT_TINT_SHARE * deviations * may_be_prints
    for strong in np.nonzero((excess > rest) & may_be_prints)[0]:
        if _has_two_inks(rgb[strong], levels[strong]):
            excess[strong] = 0
    return rest, excess


def _fit_curves(counts: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Fit a polynomial of the level to each picture's (a, b) by least squares.

    Args:
        counts: (N, 256), how many pixels have a level.
        sums: (N, 256, 2), of their (a, b).

    Returns:
        (N, 256, 2), the polynomial at each level.
    """
    # each picture's product by itself: its last bits do not depend on the other pictures
    moments = (counts[:, None] @ _PRODUCTS).reshape(-1, DEGREE + 1, DEGREE + 1)
    moments += np.eye(DEGREE + 1) * FLAT_WEIGHT
    return np.asarray(_BASIS @ np.linalg.solve(moments, _BASIS.T @ sums))


def _has_two_inks(rgb: np.ndarray, levels: np.ndarray) -> bool:
    """Say whether a picture's colours lie on one straight line that misses black and white.

    A flat motif on a plain sheet does as well, but leaves the middle of the line empty.

    Args:
        rgb: (side, side, 3) uint8, of a picture with details.
        levels: (side, side) int16.
    """
    # sums of integers: equal on every machine
    colors, level = rgb.reshape(-1, 3).astype(np.int64), levels.ravel().astype(np.int64)
    products = len(level) * (level @ colors) - level.sum() * colors.sum(axis=0)
    slope = products / (len(level) * (level @ level) - level.sum() ** 2)
    black = colors.mean(axis=0) - slope * level.mean()  # the line's colour at level 0
    white = black + 255 * slope - 255  # at level 255, less white
    squares = ((colors - black - slope * level[:, None]) ** 2).sum(axis=1)
    rank = len(squares) * PERCENTILE // 100
    low, high = np.sort(level)[[len(level) * 2 // 100, len(level) * 98 // 100]]
    quarter = (high - low) / 4
    in_middle = (low + quarter < level) & (level < high - quarter)
    return bool(
        np.partition(squares, rank)[rank] <= INK_TOLERANCE**2
        and black @ black >= BLACK_OFFSET**2
        and white @ white >= WHITE_OFFSET**2
        and in_middle.mean() >= INK_MIDDLE
    )


@compiled
def _levels(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the channels' mean at each pixel, rounded down, and each channel's sum, (N, 3)."""
    count, height, width, _ = rgb.shape
    levels = np.empty((count, height, width), np.int16)
    channels = np.zeros((count, 3), np.int64)
    for picture in range(count):
        for y in range(height):
            for x in range(width):
                r, g, b = rgb[picture, y, x]
                levels[picture, y, x] = (int(r) + int(g) + int(b)) // 3
                channels[picture, 0] += r
                channels[picture, 1] += g
                channels[picture, 2] += b
    return levels, channels


@compiled
def _are_detailed(levels: np.ndarray) -> np.ndarray:
    """Say of each picture whether enough pixels are apart from their neighbour, (N,) bool."""
    count, height, width = levels.shape
    detailed = np.empty(count, np.bool_)
    for picture in range(count):
        steps = 0
        for y in range(height):
            for x in range(1, width):
                step = levels[picture, y, x] - levels[picture, y, x - 1]
                steps += abs(step) >= DETAIL_STEP
        detailed[picture] = steps >= DETAIL_SHARE * height * width
    return detailed


@compiled
def _are_flat(counts: np.ndarray) -> np.ndarray:
    """Say of each picture whether a few flat colours fill it, (N,) bool, by its pixels of each level."""
    flat = np.empty(len(counts), np.bool_)
    for picture in range(len(counts)):
        left = counts[picture].copy()
        total, filled = left.sum(), 0.0
        for _ in range(FLAT_COLORS):
            most, first = 0.0, 0
            for level in range(256 - FLAT_LEVELS + 1):
                pixels = left[level : level + FLAT_LEVELS].sum()
                if pixels > most:
                    most, first = pixels, level
            filled += most
            left[first : first + FLAT_LEVELS] = 0
        flat[picture] = filled >= FLAT_SHARE * total
    return flat


@compiled
def _level_sums(levels: np.ndarray, lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count each picture's pixels of each level, and sum their (a, b): (N, 256) and (N, 256, 2)."""
    count, height, width = levels.shape
    counts = np.zeros((count, 256))
    sums = np.zeros((count, 256, 2))
    for picture in range(count):
        for y in range(height):
            for x in range(width):
                level = levels[picture, y, x]
                counts[picture, level] += 1
                sums[picture, level, 0] += lab[picture, y, x, 1]
                sums[picture, level, 1] += lab[picture, y, x, 2]
    return counts, sums


@compiled
def _tints(counts: np.ndarray, curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the chroma of each picture's curve, and the standard deviation of its levels.

    Both are weighted by the pixels and by the chroma's square: what is neutral has no say.

    Args:
        counts: (N, 256), how many pixels have a level.
        curves: (N, 256, 2), their (a, b); 128 is neutral.

    Returns:
        Two times (N,) float64: Lab units, and levels.
    """
    tints, deviations = np.zeros(len(counts)), np.zeros(len(counts))
    for picture in range(len(counts)):
        weights, chromas, firsts, seconds = 0.0, 0.0, 0.0, 0.0
        for level in range(256):
            a, b = curves[picture, level, 0] - 128, curves[picture, level, 1] - 128
            weight = counts[picture, level] * (a * a + b * b)
            weights += weight
            chromas += weight * np.sqrt(a * a + b * b)
            firsts += weight * level
            seconds += weight * level * level
        if weights > 0:
            tints[picture] = chromas / weights
            variance = seconds / weights - (firsts / weights) ** 2
            deviations[picture] = np.sqrt(max(0.0, variance))
    return tints, deviations


@compiled
def _squared_distances(levels: np.ndarray, lab: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Return each pixel's squared distance of (a, b) from its level's, (N, pixels)."""
    count, height, width = levels.shape
    squares = np.empty((count, height * width))
    for picture in range(count):
        for y in range(height):
            for x in range(width):
                level = levels[picture, y, x]
                a = lab[picture, y, x, 1] - curves[picture, level, 0]
                b = lab[picture, y, x, 2] - curves[picture, level, 1]
                squares[picture, y * width + x] = a * a + b * b
    return squares
