"""Pictures of one template are no leaks; copies are, also among pictures of one template."""

import numpy as np
import pytest

from src.imaging.decoding import decode
from src.storage.encoding import encode_jpeg
from tests.audit.conftest import Search
from tests.builders import square_crop
from tests.copies import COPIES, HARD_COPIES
from tests.lookalikes import LOOKALIKES

COUNT = 10


def _squares(files: list[bytes], size: int) -> np.ndarray:
    return np.stack([square_crop(decode(data), size, "center") for data in files])


def _lookalikes(name: str, size: int) -> np.ndarray:
    return _squares([encode_jpeg(pixels, 92) for pixels in LOOKALIKES[name](COUNT)], size)


@pytest.mark.parametrize(
    "name",
    [
        "portraits in an oval mat",
        "one-letter badges",
        "T-shirts of one cut",
        "bottles of one shape",
    ],
)
def test_pictures_of_one_template_are_no_leaks(search: Search, name: str):
    val, train = _lookalikes(name, 128)[::2], _lookalikes(name, 142)[1::2]
    assert not search(val, train).copies.any()


def test_a_template_of_which_one_picture_is_in_validation_leaks_nothing(search: Search):
    """Its family is all in training."""
    val, train = (_lookalikes("bottles of one shape", size) for size in (128, 142))
    assert not search(val[:1], train[1:]).copies.any()
    assert not search(val[1:], train[:1]).copies.any()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bottles of one shape", "recompressed, quality 60"),
        ("bottles of one shape", "mirrored"),
        ("portraits in an oval mat", "cropped by 5 %"),
    ],
)
def test_a_copy_among_pictures_of_one_template_is_found(search: Search, name: str, kind: str):
    pictures = LOOKALIKES[name](COUNT)
    copies = [COPIES[kind](p, np.random.default_rng(n)) for n, p in enumerate(pictures[:2])]
    _, indices, are_copies = search(_squares(copies, 128), _lookalikes(name, 142))
    assert are_copies.all()
    assert indices.tolist() == [0, 1]


@pytest.mark.parametrize(
    "kind",
    ["logo in a corner", "caption strip", "cropped by 10 %", "gray", "polaroid", "upside down"],
)
def test_copies_with_no_family_are_found(faces, search: Search, kind: str):
    copy = {**COPIES, **HARD_COPIES}[kind]
    copies = [copy(face, np.random.default_rng(n)) for n, face in enumerate(faces[:4])]
    train = np.stack([square_crop(face, 142, "center") for face in faces[:8]])
    _, indices, are_copies = search(_squares(copies, 128), train)
    assert are_copies.all()
    assert indices.tolist() == [0, 1, 2, 3]
