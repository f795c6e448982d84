"""Grayscale in every disguise, and colour that looks like it: (pixels, rng) → pixels."""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from src.demo.inventory import alter
from src.imaging import decoding
from src.storage.encoding import encode_jpeg

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def stored(values: np.ndarray, quality: int = 90) -> np.ndarray:
    """Encode floats of 0…255 as a JPEG and decode it."""
    pixels = np.ascontiguousarray(values.clip(0, 255).round().astype(np.uint8))
    return decoding.decode(encode_jpeg(pixels, quality))


def gray(pixels: np.ndarray) -> np.ndarray:
    """Return the luma, (height, width, 1) float, 0…255."""
    return np.asarray(Image.fromarray(pixels).convert("L")).astype(np.float64)[..., None]


def inks(dark: tuple[int, int, int], light: tuple[int, int, int]) -> Change:
    """Print in two inks, or two ends of a gradient."""

    def print_(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
        share = gray(pixels) / 255
        return stored((1 - share) * np.array(dark) + share * np.array(light))

    return print_


def split_tone(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Tone with blue shadows and warm lights, as selenium and gold do."""
    share = gray(pixels) / 255
    cool, warm = np.array([-18, -4, 22]), np.array([24, 12, -26])
    return stored(share * 255 + cool * (1 - share) ** 1.5 + warm * share**1.5)


def cyanotype(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    share = gray(pixels) / 255
    return stored(255 * np.concatenate([share**1.7, share, share**0.65], axis=2))


def clipped_sepia(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Apply the matrix of many editors, whose lights are clipped in red and green."""
    matrix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    return stored(pixels @ matrix.T)


def toned(*inks: tuple[int, int, int]) -> Change:
    """Tone by a gradient through colours at equal steps of the luma."""
    stops = np.array(inks, np.float64)

    def tone(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
        luma, at = gray(pixels)[..., 0], np.linspace(0, 255, len(stops))
        return stored(np.stack([np.interp(luma, at, stops[:, c]) for c in range(3)], axis=2))

    return tone


def clipped_print(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Tone warmly, and brighten until the lights are clipped."""
    return stored(gray(pixels) * 1.35 * (1.04, 0.95, 0.82) + (8, 0, 0))


def _tinted(pixels: np.ndarray, hue: float, chroma: np.ndarray | float) -> np.ndarray:
    """Give the luma a hue, in radians, of some chroma in Lab."""
    lightness = gray(pixels) / 2.55
    lab = np.concatenate(
        [lightness, chroma * np.cos(hue) + 0 * lightness, chroma * np.sin(hue) + 0 * lightness], 2
    )
    return stored(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255.0)


def weak_cast(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cast any hue over the whole picture."""
    return _tinted(pixels, rng.uniform(0, 2 * np.pi), rng.uniform(4, 10))


def hand_toned(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tone the middle tones in any hue; black and white stay neutral."""
    share = gray(pixels) / 255
    return _tinted(pixels, rng.uniform(0, 2 * np.pi), rng.uniform(8, 22) * 4 * share * (1 - share))


def channel_alone(number: int) -> Change:
    return lambda pixels, _: stored(pixels * (np.arange(3) == number))


def blotched(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add coarse chroma noise, and compress strongly."""
    height, width = pixels.shape[:2]
    noise = rng.normal(0, 2.5, (height // 4, width // 4, 3))
    return stored(gray(pixels) + cv2.resize(noise, (width, height)), 45)


def noisy(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return stored(gray(pixels) + rng.normal(0, 6, pixels.shape), 70)


def framed(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return _in_frame(gray(pixels), np.array([200.0, 40, 40]))


def framed_at_random(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _in_frame(gray(pixels), rng.uniform(0, 255, 3))


def _in_frame(values: np.ndarray, color: np.ndarray) -> np.ndarray:
    picture = np.full((*values.shape[:2], 3), color)
    y, x = values.shape[0] // 10, values.shape[1] // 10
    picture[y:-y, x:-x] = values[y:-y, x:-x]
    return stored(picture)


def with_logo(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put a coloured badge of a sixth of the shorter side into one of the corners."""
    picture = np.repeat(gray(pixels), 3, axis=2)
    side = min(picture.shape[:2]) // 6
    top, left = (int(rng.integers(2)) * (length - side - 8) + 4 for length in picture.shape[:2])
    picture[top : top + side, left : left + side] = 250
    cv2.circle(picture, (left + side // 2, top + side // 2), side // 2 - 2, (200, 30, 30), -1)
    return stored(picture)


def saturated(share: float) -> Change:
    return lambda pixels, _: stored(gray(pixels) * (1 - share) + pixels * share)


def _distance_from_middle(pixels: np.ndarray) -> np.ndarray:
    """Return 1 on an ellipse where a face may end, less inside; (height, width, 1)."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width]
    return (((y / height - 0.45) / 0.3) ** 2 + ((x / width - 0.5) / 0.28) ** 2)[..., None]


def low_key(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Light the middle only."""
    return stored(pixels * (0.05 + 0.9 * np.exp(-_distance_from_middle(pixels))))


GRAY: dict[str, Change] = {
    "one channel": lambda pixels, _: decoding.decode(
        encode_jpeg(gray(pixels)[..., 0].astype(np.uint8))
    ),
    "three equal channels": lambda pixels, _: np.repeat(gray(pixels).astype(np.uint8), 3, axis=2),
    "chroma noise": lambda pixels, rng: decoding.decode(alter(pixels, "gray_rgb", rng)),
    "strong noise, quality 70": noisy,
    "weak cast": lambda pixels, _: stored(gray(pixels) * (1, 0.97, 0.91), 85),
    "sepia": lambda pixels, rng: decoding.decode(alter(pixels, "sepia", rng)),
    "clipped sepia": clipped_sepia,
    "duotone, navy and cream": inks((24, 20, 90), (250, 236, 170)),
    "duotone, red and pale blue": inks((120, 0, 20), (190, 250, 255)),
    "toned print": split_tone,
    "cyanotype": cyanotype,
    "deep cyanotype": toned((8, 22, 58), (40, 84, 132), (120, 165, 200), (236, 242, 238)),
    "selenium": toned((14, 8, 20), (90, 78, 88), (170, 158, 160), (250, 246, 240)),
    "faded sepia": inks((70, 52, 40), (220, 197, 160)),
    "clipped print": clipped_print,
    "cast of any hue": weak_cast,
    "toned in any hue": hand_toned,
    "duotone, green and cream": inks((10, 50, 30), (250, 240, 200)),
    "duotone, purple and yellow": inks((60, 20, 90), (250, 230, 110)),
    "red channel alone": channel_alone(0),
    "green channel alone": channel_alone(1),
    "blue channel alone": channel_alone(2),
    "chroma blotches, quality 45": blotched,
    "in a coloured frame": framed,
    "in a frame of any colour": framed_at_random,
    "with a small logo": with_logo,
}
# Tints beyond those of chemical toners: on both sides of the threshold.
STRONGLY_TONED: dict[str, Change] = {
    "strong sepia": toned((24, 10, 2), (112, 66, 20), (200, 158, 104), (255, 240, 214)),
    "black and orange": toned((18, 16, 16), (150, 84, 50), (240, 190, 140), (252, 248, 240)),
    "black and blue": toned((10, 12, 20), (50, 80, 140), (150, 175, 220), (250, 250, 252)),
}
PARTLY: dict[str, Change] = {
    "saturation 12 %": saturated(0.12),
    "saturation 25 %": saturated(0.25),
}
COLOUR: dict[str, Change] = {
    "colour": lambda pixels, _: stored(pixels),
    "colour, quality 60": lambda pixels, _: stored(pixels, 60),
    "dark colour": lambda pixels, _: stored(pixels * 0.3),
    "low-key colour": low_key,
    "colour on gray": lambda pixels, _: stored(
        np.where(_distance_from_middle(pixels) < 1, pixels, gray(pixels))
    ),
    "colour on plain gray": lambda pixels, _: stored(
        np.where(_distance_from_middle(pixels) < 1, pixels, 150)
    ),
}
