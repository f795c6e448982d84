"""What was measured is not measured again, and what comes out is the same."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.clean import measure, measurement_cache
from src.clean.measure import Measurement
from src.imaging import decoding
from src.imaging.resizing import resize
from src.storage.encoding import encode_jpeg, encode_png


def _listed(raw: Path, pictures: dict[str, bytes]) -> pd.DataFrame:
    raw.mkdir(exist_ok=True)
    for name, data in pictures.items():
        (raw / name).write_bytes(data)
    digests = [hashlib.sha256(data).hexdigest() for data in pictures.values()]
    table = pd.DataFrame({"file": list(pictures), "sha256": digests})
    return table.assign(layout="single", status="ok")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are decoded, as they are."""
    names: list[str] = []
    seen = measure._read_thumbnail

    def counted(path: Path, layout: str):
        names.append(path.name)
        return seen(path, layout)

    monkeypatch.setattr("src.clean.measure._read_thumbnail", counted)
    return names


def _same(one: dict[tuple, Measurement], other: dict[tuple, Measurement]) -> bool:
    thumbnails = [(one[key].thumbnail, other[key].thumbnail) for key in one]
    return one == other and all(np.array_equal(a, b) for a, b in thumbnails)


def test_added_pictures_alone_are_decoded_and_the_result_is_that_from_scratch(
    tmp_path: Path, faces: list[np.ndarray], decoded: list[str]
):
    pictures = {f"{n}.jpg": encode_jpeg(face) for n, face in enumerate(faces[:8])}
    pictures["broken.jpg"] = pictures["0.jpg"][:3000]
    pictures["page.jpg"] = b"<html>not found</html>"
    raw, kept = tmp_path / "raw", tmp_path / "kept"
    measure.measure(_listed(raw, pictures), raw, kept)
    assert sorted(decoded) == sorted(pictures)
    decoded.clear()
    pictures |= {"new.png": encode_png(faces[9]), "again.png": encode_png(faces[9])}
    table = _listed(raw, pictures)
    found = measure.measure(table, raw, kept)
    assert len(decoded) == 1  # new.png and again.png have the same content
    assert _same(found, measure.measure(table, raw))
    assert found["broken.jpg", "single"].error == "truncated"
    decoded.clear()
    assert _same(measure.measure(table, raw, kept), found)
    assert decoded == []


def test_pixels_are_told_apart_whether_or_not_they_were_kept(
    tmp_path: Path, faces: list[np.ndarray]
):
    first = encode_jpeg(resize(faces[0], 96, 128))  # small: neither is decoded reduced
    lossless = encode_png(decoding.decode(first))
    raw, kept = tmp_path / "raw", tmp_path / "kept"
    measure.measure(_listed(raw, {"a.jpg": first}), raw, kept)
    changed = decoding.decode(first).copy()
    changed[80, 60] ^= 1  # too little for a thumbnail to show
    table = _listed(raw, {"a.jpg": first, "b.png": lossless, "c.png": encode_png(changed)})
    found = {file: m.pixels for (file, _), m in measure.measure(table, raw, kept).items()}
    assert found["a.jpg"] == found["b.png"] != found["c.png"]


def test_a_file_that_is_not_what_the_ledger_says_is_measured_and_not_kept(
    tmp_path: Path, faces: list[np.ndarray]
):
    pictures = {f"{n}.jpg": encode_jpeg(face) for n, face in enumerate(faces[:3])}
    raw, kept = tmp_path / "raw", tmp_path / "kept"
    table = _listed(raw, pictures)
    right = measure.measure(table, raw, kept)
    (raw / "0.jpg").write_bytes(pictures["1.jpg"])
    (raw / "2.jpg").write_bytes(b"broken")
    overwritten = measure.measure(table, raw, kept)
    assert _same(overwritten, measure.measure(table, raw))
    assert overwritten["0.jpg", "single"].pixels == overwritten["1.jpg", "single"].pixels
    assert overwritten["2.jpg", "single"].error == "not_an_image"
    assert _same(measure.measure(_listed(raw, pictures), raw, kept), right)


@pytest.mark.parametrize("damage", [b"", b"not a table"])
def test_what_cannot_be_read_is_measured_anew(
    tmp_path: Path, faces: list[np.ndarray], decoded: list[str], damage: bytes
):
    table = _listed(tmp_path / "raw", {"a.jpg": encode_jpeg(faces[0])})
    for _ in range(2):
        measure.measure(table, tmp_path / "raw", tmp_path / "kept")
        (file,) = (tmp_path / "kept").iterdir()
        file.write_bytes(damage)
    assert decoded == ["a.jpg", "a.jpg"]


def test_another_version_of_the_code_measures_anew_and_leaves_no_old_file(
    tmp_path: Path, faces: list[np.ndarray], decoded: list[str], monkeypatch
):
    table = _listed(tmp_path / "raw", {"a.jpg": encode_jpeg(faces[0])})
    measure.measure(table, tmp_path / "raw", tmp_path / "kept")
    monkeypatch.setattr(measurement_cache.PIL, "__version__", "another")
    measure.measure(table, tmp_path / "raw", tmp_path / "kept")
    assert decoded == ["a.jpg", "a.jpg"]
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path, faces: list[np.ndarray]):
    table = _listed(tmp_path / "raw", {"a.jpg": encode_jpeg(faces[0])})
    (tmp_path / "kept").write_text("a file where the folder should be")
    found = measure.measure(table, tmp_path / "raw", tmp_path / "kept")
    assert found["a.jpg", "single"].width == faces[0].shape[1]
