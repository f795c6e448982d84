"""The format of a file is told by its bytes."""

import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from src.imaging.decoding import FORMATS
from src.imaging.signatures import HEAD_BYTES, format_of

PIXELS = np.random.default_rng(3).integers(0, 256, (9, 7, 3), np.uint8)


def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_that_is_read_is_known_by_its_bytes(kind):
    assert format_of(saved(kind)[:HEAD_BYTES]) == kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (saved("MPO"), "JPEG"),
        (saved("PNG", save_all=True, append_images=[Image.new("RGB", (7, 9))]), "PNG"),
        (saved("TIFF", big_tiff=True), "TIFF"),
        (saved("PPM"), "Netpbm"),
        (saved("ICO"), "icon"),
        (saved("JPEG2000"), "JPEG 2000"),
        (b'<?xml version="1.0"?>\n<SVG xmlns="x">', "SVG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x14ftypisom\0\0\0\0isom" + b"avif", None),  # a film; avif follows its box
        (b"BM is how this text begins, and it is no picture", None),
        (b"Pictures of the house", None),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"", None),
    ],
)
def test_formats_are_told_apart(data, kind):
    assert format_of(data[:HEAD_BYTES]) == kind


@given(st.binary(max_size=64))
@example(b"\0\0\0\0ftyp")
@example(b"\xff\xff\xff\xffftypavi")
def test_any_bytes_have_a_format_or_none(data):
    assert format_of(data) is None or isinstance(format_of(data), str)
