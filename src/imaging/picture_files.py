"""Picture files on disk: which there are, and the photograph in one."""

from pathlib import Path

import numpy as np

from src.imaging import decoding
from src.storage.archives import read_bytes

SUFFIXES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def read_photo(path: Path, layout: str = "single") -> np.ndarray:
    """Decode the photograph of a file.

    Args:
        path: May lead through an archive.
        layout: Where the photograph stands: `single`, or `photo_left` or `photo_right` of a
            side-by-side pair.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ImageError: As `decode` and `split_pair`.
        OSError: If there is no such file.
    """
    return decoding.split_pair(decoding.decode(read_bytes(path)), layout)[0]


def find_pictures(folder: Path) -> list[Path]:
    """List the picture files in a folder and below, by the suffixes of their names, sorted."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
