"""The measurements of a picture's file."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.params import Clean
from src.vision import picture_faults
from src.vision.matching import PictureFeatures

ContentKey = tuple[str, str]  # a file's SHA-256 and its layout
FileKey = tuple[str, str]  # a file's name in the ledger and its layout
FileRef = tuple[Path, str]  # a file and its layout
NO_FILE: FileRef = (Path(), "single")  # a folder: reading it is an OSError


@dataclass(frozen=True)
class Measurement:
    """The measurements of one file's photograph.

    Attributes:
        error: Why the file cannot be decoded. If it is set, only `source` is set too.
        width: Pixels of the whole photograph.
        height: Pixels of the whole photograph.
        pixel_digest: Equal if and only if the decoded pixels are equal. It compares only pictures
            of one ledger with equal thumbnails.
        tone_residual: See `grayscale.tone_residual`.
        colorfulness: See `colorfulness.colorfulness`.
        sharpness: See `picture_faults.Measures`, as for the next three.
        highlights: Level, 0…255.
        shadows: Level, 0…255.
        entropy: Bits.
        thumbnail: (64, 64) uint8 gray; (0, 0) if the file cannot be decoded.
        chroma: (16, 16, 2) uint8, see `witness.chroma`; (0, 0, 2) if the file cannot be decoded.
        source: Where the file lies.
    """

    error: str | None = None
    width: int = 0
    height: int = 0
    pixel_digest: str = ""
    tone_residual: float = 0.0
    colorfulness: float = 0.0
    sharpness: float = 0.0
    highlights: int = 0
    shadows: int = 0
    entropy: float = 0.0
    thumbnail: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.uint8), compare=False)
    chroma: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 2), np.uint8), compare=False)
    source: FileRef = field(default=NO_FILE, compare=False)

    @property
    def aspect_ratio(self) -> float:
        """The shorter side over the longer one, 0…1."""
        return picture_faults.aspect_ratio(self.width, self.height)


def is_gray(measurement: Measurement, clean: Clean) -> bool:
    """Say whether lightness explains all of a picture's colour."""
    return measurement.tone_residual < clean.tone_residual


def features_of(measurement: Measurement, clean: Clean) -> PictureFeatures:
    """Return what a readable picture is compared by; a gray one has no colours to compare."""
    chroma = None if is_gray(measurement, clean) else measurement.chroma
    return PictureFeatures(measurement.thumbnail, chroma)


def same_pixels(a: Measurement, b: Measurement) -> bool:
    """Say whether two readable pictures have equal pixels, whatever their files' formats."""
    if a.pixel_digest == b.pixel_digest:
        return True
    if (a.width, a.height) != (b.width, b.height):
        return False
    digest_a = digest_pixels(a)
    return digest_a is not None and digest_a == digest_pixels(b)


def digest_pixels(measurement: Measurement) -> str | None:
    """Return the SHA-256 of a photograph's pixels and shape in hex; None if it cannot be read."""
    try:
        pixels = np.ascontiguousarray(read_photo(*measurement.source))
    except (decoding.ImageError, OSError):
        return None
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    digest.update(pixels.data)
    return digest.hexdigest()
