"""The photograph in a picture file on disk."""

from pathlib import Path

import numpy as np

from src.imaging import decoding
from src.storage.archives import read_bytes


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
