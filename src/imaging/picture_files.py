"""Picture files on disk: which there are, and the photograph in one."""

from pathlib import Path

import numpy as np

from src.imaging import decoding
from src.storage.archives import read_bytes

SUFFIXES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def read_photo(path: Path, layout: str = "single") -> np.ndarray:
    """Decode the photograph of a file, (height, width, 3) uint8.

    `path` may lead through a pack. `layout` says where it stands: `single`, or `photo_left` /
    `photo_right` of a side-by-side pair. Raises ImageError as `decode` does, OSError where there is
    no file.
    """
    return decoding.split_pair(decoding.decode(read_bytes(path)), layout)[0]


def find_pictures(folder: Path) -> list[Path]:
    """The picture files in a folder and below, by their names' endings, sorted."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
