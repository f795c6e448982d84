"""Where a picture ends: nothing of it is cut off, whatever its header states."""

import io
import struct

import pytest
from PIL import Image

from src.imaging import decoding
from src.scrape.trailing_bytes import image_end


def bmp(mode: str, stated: int | None) -> bytes:
    """A BMP of 9x5 pixels whose header states a size; None for the right one."""
    buffer = io.BytesIO()
    Image.new("RGB", (9, 5), (250, 20, 20)).convert(mode).save(buffer, "BMP")
    data = bytearray(buffer.getvalue())
    if stated is not None:
        struct.pack_into("<I", data, 2, stated % (1 << 32))
    return bytes(data)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
@pytest.mark.parametrize("stated", [None, 0, 60, -1])
def test_a_bmp_is_whole_whatever_size_it_states(mode: str, stated: int | None):
    data = bmp(mode, stated)
    end = image_end(data, "BMP")
    assert end == len(data)
    assert (decoding.decode(data[:end]) == decoding.decode(data)).all()


def test_a_bmp_whose_stated_size_leaves_out_its_headers_ends_behind_its_pixels():
    size = len(bmp("RGB", None))
    assert image_end(bmp("RGB", size - 54) + b"a page", "BMP") == size
