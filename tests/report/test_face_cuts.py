"""What the page shows of cuts around faces."""

import numpy as np
import pytest

from src.dataset.picture_parts import Part
from src.report.face_cuts import FACE_COLOR, MIDDLE_COLOR, N_CUTS, N_WITHOUT, draw_outlines
from tests.report.artifacts import Artifacts, text_of

FACE = (0.1, 0.2, 0.4, 0.6)
OTHER = (0.6, 0.2, 0.7, 0.4)


@pytest.fixture
def around(artifacts: Artifacts) -> Artifacts:
    """Rows 0 and 3 have a face, row 1 has two."""
    artifacts.p = artifacts.p.model_copy(
        update={"pair": artifacts.p.pair.model_copy(update={"crop": "face"})}
    )
    artifacts.faces = {0: [FACE], 1: [FACE, OTHER], 3: [FACE]}
    return artifacts


def test_a_run_without_faces_shows_no_cuts(artifacts: Artifacts):
    assert "Cuts around faces" not in artifacts.render()


def test_pictures_are_counted_by_their_faces(around: Artifacts):
    text = text_of(around.soup().select_one("#pairs"))
    assert "2 pictures with one face, 1 with several, 5 without a face, cut at the top" in text


def test_each_picture_has_both_cuts_outlined_and_beside_it(around: Artifacts):
    captions = [text_of(c) for c in around.soup().select("#pairs figcaption")]
    for row, words in ((0, "around the face"), (1, "around the face"), (2, "without a face")):
        first = captions.index(f"row {row}, both cuts")
        expected = [f"row {row}, middle", f"row {row}, {words}"]
        assert captions[first + 1 : first + 3] == expected


def test_a_picture_that_is_gone_is_left_out(around: Artifacts):
    around.write()
    (around.data / "raw/images/0.png").unlink()
    captions = [text_of(c) for c in around.soup().select("#pairs figcaption")]
    assert "row 0, both cuts" not in captions
    assert "row 1, both cuts" in captions


def test_a_long_list_is_shown_in_part(tmp_path):
    artifacts = Artifacts(tmp_path, words=["keep"] * 40, val=30)
    artifacts.faces = {row: [FACE] for row in range(20)}
    captions = [text_of(c) for c in artifacts.soup().select("#pairs figcaption")]
    shown = [caption for caption in captions if caption.endswith("both cuts")]
    assert len(shown) == N_CUTS + N_WITHOUT


def test_outlines_lie_on_the_edges_of_their_parts():
    picture = draw_outlines(
        np.zeros((200, 400, 3), np.uint8), Part(100, 0, 200, 200), Part(0, 50, 80, 80)
    )
    height, width = picture.shape[:2]
    assert (height, width) == (128, 256)
    face = (picture == FACE_COLOR).all(axis=2)
    assert [
        int(np.flatnonzero(face.any(axis=axis))[edge]) for axis in (0, 1) for edge in (0, -1)
    ] == [
        0,
        50,
        32,
        82,
    ]
    middle = (picture == MIDDLE_COLOR).all(axis=2)
    columns = np.flatnonzero(middle.any(axis=0))
    assert (columns[0], columns[-1]) == (64, 191)
    assert 0.3 < middle[0, 64:192].mean() < 0.7  # dashed
    assert not face[60:70, 10:40].any()
