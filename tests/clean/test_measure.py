"""Every readable file is measured once, by its content."""

from pathlib import Path

import numpy as np
import pytest

from src.clean import measure
from src.clean.measurement import Measurement
from src.errors import UserError
from src.storage.encoding import encode_jpeg, encode_png
from src.vision.alignment import thumbnail
from tests.builders import ledger_table
from tests.clean.conftest import CleanedDemo


def test_every_readable_picture_has_a_hash_and_a_thumbnail(demo: CleanedDemo):
    unreadable = demo.table["verdict"].isin(["missing", "unreadable"])
    fingerprints = measure.fingerprint_table(demo.measurements)
    assert list(fingerprints) == measure.COLUMNS.names
    assert set(fingerprints["file"]) == set(demo.table.loc[~unreadable, "file"])
    assert {len(data) for data in fingerprints["hash"]} == {32}
    assert {len(data) for data in fingerprints["thumbnail"]} == {64 * 64}


def test_the_size_and_thumbnail_are_those_of_the_photograph(tmp_path: Path, faces):
    labels = np.zeros_like(faces[0])
    (tmp_path / "pair.png").write_bytes(encode_png(np.hstack([labels, faces[0]])))
    (tmp_path / "page.png").write_bytes(b"<html>not found</html>")
    files = [(tmp_path / "pair.png", "photo_right"), (tmp_path / "page.png", "single")]
    pair, page = measure.measure_files(files)
    assert (pair.width, pair.height) == (192, 256)
    np.testing.assert_array_equal(pair.thumbnail, thumbnail(faces[0]))
    assert page == Measurement(error="not_an_image")
    assert page.thumbnail.shape == (0, 0)
    assert [m.source for m in (pair, page)] == files


def test_pictures_that_were_not_fetched_are_not_measured(tmp_path: Path, faces):
    (tmp_path / "0.jpg").write_bytes(encode_jpeg(faces[0]))
    rows = [{"file": "0.jpg"}, {"file": None, "status": "http_404"}]
    measurements = measure.measure_pictures(ledger_table(rows, "raw", sha256=""), tmp_path)
    assert list(measurements) == [("0.jpg", "single")]


def test_a_file_that_is_gone_is_named(tmp_path: Path):
    table = ledger_table([{"file": "gone.jpg", "sha256": ""}], "raw")
    with pytest.raises(UserError, match=r"gone\.jpg cannot be read any more: .*`dvc checkout`"):
        measure.measure_pictures(table, tmp_path)
