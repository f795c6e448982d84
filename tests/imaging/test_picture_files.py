"""Picture files are read as photographs."""

from pathlib import Path

import numpy as np
import pytest

from src.imaging.decoding import ImageError
from src.imaging.picture_files import read_photo
from src.storage.archives import pack
from src.storage.encoding import encode_png


@pytest.fixture
def picture() -> np.ndarray:
    """A picture of noise, (18, 12, 3)."""
    return np.random.default_rng(5).integers(0, 256, (18, 12, 3), np.uint8)


def test_the_photograph_of_a_pair_is_read_from_its_file(tmp_path: Path, picture: np.ndarray):
    (tmp_path / "a.png").write_bytes(encode_png(picture))
    assert np.array_equal(read_photo(tmp_path / "a.png"), picture)
    assert np.array_equal(read_photo(tmp_path / "a.png", "photo_left"), picture[:, :6])
    assert np.array_equal(read_photo(tmp_path / "a.png", "photo_right"), picture[:, 6:])


def test_a_photograph_is_read_from_an_archive(tmp_path: Path, picture: np.ndarray):
    (tmp_path / "a.png").write_bytes(encode_png(picture))
    names = pack(["a.png"], tmp_path, 0)
    assert np.array_equal(read_photo(tmp_path / names["a.png"]), picture)


def test_a_missing_or_broken_file_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_photo(tmp_path / "b.png")
    (tmp_path / "b.png").write_bytes(b"<html>not found</html>")
    with pytest.raises(ImageError, match="expected one of JPEG"):
        read_photo(tmp_path / "b.png")
