"""No file is measured twice, and the result is the same as without a cache."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.clean import measure, measurement_cache
from src.clean.measure import measure_pictures
from src.clean.measurement import FileKey, Measurement
from src.imaging import decoding
from src.imaging.resizing import resize
from src.storage.encoding import encode_jpeg, encode_png
from tests.builders import ledger_table

Measurements = dict[FileKey, Measurement]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that have been decoded so far."""
    names: list[str] = []
    read_thumbnail = measure.read_thumbnail

    def record(path: Path, layout: str) -> measure.Thumbnail:
        names.append(path.name)
        return read_thumbnail(path, layout)

    monkeypatch.setattr("src.clean.measure.read_thumbnail", record)
    return names


def _listed(raw: Path, pictures: dict[str, bytes]) -> pd.DataFrame:
    """Write the pictures and return their ledger."""
    for name, data in pictures.items():
        (raw / name).write_bytes(data)
    rows = [
        {"file": name, "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in pictures.items()
    ]
    return ledger_table(rows, "raw")


def _equal(a: Measurements, b: Measurements) -> bool:
    return a == b and all(np.array_equal(a[key].thumbnail, b[key].thumbnail) for key in a)


def test_only_added_pictures_are_decoded_and_the_result_is_that_from_scratch(
    raw: Path, cache: Path, faces: list[np.ndarray], decoded: list[str]
):
    pictures = {f"{n}.jpg": encode_jpeg(face) for n, face in enumerate(faces[:8])}
    pictures["broken.jpg"] = pictures["0.jpg"][:3000]
    pictures["page.jpg"] = b"<html>not found</html>"
    measure_pictures(_listed(raw, pictures), raw, cache)
    assert sorted(decoded) == sorted(pictures)
    decoded.clear()
    pictures |= {"new.png": encode_png(faces[9]), "again.png": encode_png(faces[9])}
    table = _listed(raw, pictures)
    measurements = measure_pictures(table, raw, cache)
    assert len(decoded) == 1  # new.png and again.png have the same content
    assert _equal(measurements, measure_pictures(table, raw))
    assert measurements["broken.jpg", "single"].error == "truncated"
    decoded.clear()
    assert _equal(measure_pictures(table, raw, cache), measurements)
    assert decoded == []


def test_pixels_are_compared_with_those_of_a_cached_picture(
    raw: Path, cache: Path, faces: list[np.ndarray]
):
    first = encode_jpeg(resize(faces[0], 96, 128))  # small: neither is decoded reduced
    lossless = encode_png(decoding.decode(first))
    measure_pictures(_listed(raw, {"a.jpg": first}), raw, cache)
    changed = decoding.decode(first).copy()
    changed[80, 60] ^= 1  # too little for a thumbnail to show
    table = _listed(raw, {"a.jpg": first, "b.png": lossless, "c.png": encode_png(changed)})
    measurements = measure_pictures(table, raw, cache)
    digests = {file: m.pixel_digest for (file, _), m in measurements.items()}
    assert digests["a.jpg"] == digests["b.png"] != digests["c.png"]


def test_a_file_that_differs_from_the_ledger_is_measured_and_not_cached(
    raw: Path, cache: Path, faces: list[np.ndarray]
):
    pictures = {f"{n}.jpg": encode_jpeg(face) for n, face in enumerate(faces[:3])}
    table = _listed(raw, pictures)
    expected = measure_pictures(table, raw, cache)
    (raw / "0.jpg").write_bytes(pictures["1.jpg"])
    (raw / "2.jpg").write_bytes(b"broken")
    overwritten = measure_pictures(table, raw, cache)
    assert _equal(overwritten, measure_pictures(table, raw))
    digests = {file: m.pixel_digest for (file, _), m in overwritten.items()}
    assert digests["0.jpg"] == digests["1.jpg"]
    assert overwritten["2.jpg", "single"].error == "not_an_image"
    assert _equal(measure_pictures(_listed(raw, pictures), raw, cache), expected)


@pytest.mark.parametrize("damage", [b"", b"not a table"])
def test_a_damaged_cache_is_ignored(
    raw: Path, cache: Path, faces: list[np.ndarray], decoded: list[str], damage: bytes
):
    table = _listed(raw, {"a.jpg": encode_jpeg(faces[0])})
    for _ in range(2):
        measure_pictures(table, raw, cache)
        [file] = cache.iterdir()
        file.write_bytes(damage)
    assert decoded == ["a.jpg", "a.jpg"]


def test_another_version_of_the_code_measures_again_and_leaves_no_old_file(
    raw: Path,
    cache: Path,
    faces: list[np.ndarray],
    decoded: list[str],
    monkeypatch: pytest.MonkeyPatch,
):
    table = _listed(raw, {"a.jpg": encode_jpeg(faces[0])})
    measure_pictures(table, raw, cache)
    monkeypatch.setattr(measurement_cache.PIL, "__version__", "another")
    measure_pictures(table, raw, cache)
    assert decoded == ["a.jpg", "a.jpg"]
    assert len(list(cache.iterdir())) == 1


def test_a_cache_that_cannot_be_written_does_not_stop_the_run(
    raw: Path, cache: Path, faces: list[np.ndarray]
):
    table = _listed(raw, {"a.jpg": encode_jpeg(faces[0])})
    cache.write_text("a file where the folder should be")
    measurements = measure_pictures(table, raw, cache)
    assert measurements["a.jpg", "single"].width == faces[0].shape[1]
