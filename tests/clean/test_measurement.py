"""Pixels are compared exactly, whatever the files' formats."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.clean.measure import measure_files
from src.clean.measurement import NO_FILE, Measurement, digest_pixels, same_pixels
from src.imaging import decoding
from src.imaging.resizing import resize
from src.storage.encoding import encode_jpeg, encode_png


@pytest.fixture
def measurements(tmp_path: Path, faces: list[np.ndarray]) -> list[Measurement]:
    """A JPEG, a PNG of the same pixels, one of others, and a larger picture."""
    first = encode_jpeg(faces[0])
    changed = decoding.decode(first).copy()
    changed[80, 60] ^= 1
    files = [
        first,
        encode_png(decoding.decode(first)),
        encode_png(changed),
        encode_png(resize(faces[0], 300, 400)),
    ]
    for number, data in enumerate(files):
        (tmp_path / str(number)).write_bytes(data)
    paths = [(tmp_path / str(number), "single") for number in range(len(files))]
    return [replace(m, pixel_digest=str(n)) for n, m in enumerate(measure_files(paths))]


def test_equal_pixels_are_the_same_in_any_format(measurements: list[Measurement]):
    first, same, *others = measurements
    assert same_pixels(first, same)
    assert not any(same_pixels(first, other) for other in others)


def test_equal_digests_need_no_decoding(measurements: list[Measurement]):
    first = replace(measurements[0], source=NO_FILE)
    assert same_pixels(first, replace(measurements[3], pixel_digest=first.pixel_digest))


def test_pixels_that_cannot_be_read_have_no_digest(measurements: list[Measurement]):
    path, _ = measurements[0].source
    path.write_bytes(path.read_bytes()[:300])
    assert digest_pixels(measurements[0]) is None
    path.unlink()
    assert digest_pixels(measurements[0]) is None
    assert digest_pixels(Measurement()) is None
    assert not same_pixels(measurements[0], measurements[1])
