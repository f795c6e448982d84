"""Fixtures of the tests of training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from src.dataset.arrays import Pairs
from src.pair.pairing import largest_crop
from src.params import Params, Size
from src.train import loop
from src.train.gan import Networks
from tests.builders import pairs_of
from tests.train.trainings import TINY, networks


@pytest.fixture
def tiny(changed, monkeypatch, tmp_path: Path) -> Callable[..., Params]:
    """Parameters of a training of a second, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda changes=None: changed(TINY | (changes or {}))


@pytest.fixture
def sides(faces) -> Callable[[Params], tuple[Pairs, Pairs]]:
    """Five training pairs and three of validation, of the size that the parameters ask for."""

    def side(first: int, last: int, size: Size) -> Pairs:
        photos = [largest_crop(face, size, "center") for face in faces[first:last]]
        labels = np.stack([photo[::-1] for photo in photos])
        return pairs_of(photos, range(first, last), labels)

    return lambda p: (side(0, 5, p.pair.load_size), side(5, 8, p.pair.crop_size))


@pytest.fixture
def train(sides) -> Callable[[Params], dict]:
    return lambda p: loop.train(p, *sides(p), Path("model"), Path())


@pytest.fixture
def nets(tiny) -> Networks:
    return networks(tiny())
