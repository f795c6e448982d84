"""Pixels are encoded as PNG and JPEG."""

import io

import numpy as np
import pytest
from PIL import Image

from src.imaging import decoding
from src.storage.encoding import encode_jpeg, encode_png


@pytest.fixture
def picture() -> np.ndarray:
    """A picture of noise, (18, 12, 3)."""
    return np.random.default_rng(5).integers(0, 256, (18, 12, 3), np.uint8)


def test_png_is_lossless_and_jpeg_grows_with_quality(picture: np.ndarray):
    assert np.array_equal(decoding.decode(encode_png(picture)), picture)
    assert len(encode_jpeg(picture, 95)) > len(encode_jpeg(picture, 30))


def test_gray_pixels_become_gray_files(picture: np.ndarray):
    for data in (encode_jpeg(picture[..., 0]), encode_png(picture[..., 0])):
        image = Image.open(io.BytesIO(data))
        assert (image.mode, image.size) == ("L", (12, 18))
    assert decoding.inspect(encode_jpeg(picture[..., 0])) == ("JPEG", 12, 18, False)


def test_a_png_holds_transparency_and_exif():
    rgba = np.random.default_rng(5).integers(0, 256, (4, 3, 4), np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    image = Image.open(io.BytesIO(encode_png(rgba, exif.tobytes())))
    assert np.array_equal(np.asarray(image), rgba)
    assert dict(image.getexif()) == {0x010F: "A camera"}
    assert b"eXIf" not in encode_png(rgba)
