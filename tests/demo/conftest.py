"""Photographs for the site to show."""

from pathlib import Path

import numpy as np
import pytest

from src.imaging.resizing import resize
from src.storage.encoding import encode_jpeg, encode_png


@pytest.fixture
def album(tmp_path: Path, faces: list[np.ndarray]) -> Path:
    """Ten photographs in a folder, one of them deeper, beside a file that is none."""
    (tmp_path / "more").mkdir()
    for n, face in enumerate(faces[:10]):
        name = f"more/{n}.JPG" if n == 0 else f"{n}.png" if n == 1 else f"{n}.jpg"
        small = resize(face, 48, 64)
        (tmp_path / name).write_bytes(encode_png(small) if n == 1 else encode_jpeg(small))
    (tmp_path / "notes.txt").write_text("not a photograph")
    return tmp_path
