"""The colour space that a file states, and pixels in sRGB, by the audit's own arithmetic."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

Points = tuple[tuple[float, float], ...]
# Chromaticities of white, red, green and blue, by the code points of ITU-T H.273
SRGB = ((0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
P3 = ((0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
REC2020 = ((0.3127, 0.329), (0.708, 0.292), (0.17, 0.797), (0.131, 0.046))
PAL = ((0.3127, 0.329), (0.64, 0.33), (0.29, 0.6), (0.15, 0.06))
NTSC = ((0.3127, 0.329), (0.63, 0.34), (0.31, 0.595), (0.155, 0.07))
PRIMARIES = {1: SRGB, 5: PAL, 6: NTSC, 7: NTSC, 9: REC2020, 12: P3}
# Powers of light; codes that are in neither table are of HDR or cinema
GAMMAS = {1: 2.4, 4: 2.2, 5: 2.8, 6: 2.4, 8: 1.0, 11: 2.4, 14: 2.4, 15: 2.4}
SRGB_TRANSFERS = (2, 13)  # 2 is unspecified
RARE_PRIMARIES, RARE_TRANSFERS = (4, 8, 11, 22), (7, 16, 17, 18)  # known, and not computed here


class ColorSpaceError(Exception):
    """The audit cannot say how the picture's colours look."""


@dataclass(frozen=True)
class ColorSpace:
    """What the numbers of pixels mean.

    Attributes:
        profile: ICC; it decides alone if there is one.
        gamma: Light is the signal to this power; None for sRGB's curve.
        primaries: Chromaticities of white, red, green and blue.
    """

    profile: bytes = b""
    gamma: float | None = None
    primaries: Points = SRGB


def is_known(primaries: int, transfer: int) -> bool:
    """Say whether browsers know both code points."""
    is_named = primaries in (*PRIMARIES, *RARE_PRIMARIES)
    return is_named and transfer in (*GAMMAS, *SRGB_TRANSFERS[1:], *RARE_TRANSFERS)


def from_code_points(primaries: int, transfer: int) -> ColorSpace:
    """Return the colour space of code points (ITU-T H.273).

    Raises:
        ColorSpaceError: The transfer function is not known, or the primaries are rare.
    """
    if primaries in RARE_PRIMARIES:
        raise ColorSpaceError(f"primaries {primaries}")
    if transfer not in GAMMAS and transfer not in SRGB_TRANSFERS:
        raise ColorSpaceError(f"transfer function {transfer}")
    return ColorSpace(b"", GAMMAS.get(transfer), PRIMARIES.get(primaries, SRGB))


def to_srgb(image: Image.Image, space: ColorSpace) -> Image.Image:
    """Return 8-bit RGB in sRGB; a broken profile says nothing about the pixels."""
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if space.profile:
        if image.mode == "L" and space.profile[16:20] == b"RGB ":  # its space
            image = image.convert("RGB")
        with ignore_metadata_errors():
            profile, srgb = io.BytesIO(space.profile), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
            image = converted or image
    image = image.convert("RGB")
    if space.gamma is None and space.primaries == SRGB:
        return image
    levels = np.asarray(image) / 255
    linear = levels**space.gamma if space.gamma else _from_srgb_curve(levels)
    matrix = np.linalg.inv(_matrix(SRGB)) @ _matrix(space.primaries)
    light = (linear @ matrix.T).clip(0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return Image.fromarray((255 * curved).round().astype(np.uint8))


def _from_srgb_curve(levels: np.ndarray) -> np.ndarray:
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _matrix(points: Points) -> np.ndarray:
    """Return the matrix from RGB to XYZ relative to white (von Kries)."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in points])
    colors = (xyz[1:] / xyz[0]).T
    return np.asarray(colors * np.linalg.solve(colors, np.ones(3)))


@contextmanager
def ignore_metadata_errors() -> Iterator[None]:
    """Ignore errors of odd metadata, but not that memory is short."""
    try:
        yield
    except MemoryError:
        raise
    except Exception:
        pass
