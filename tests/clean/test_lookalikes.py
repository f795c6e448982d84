"""Pictures of one template are no copies; copies of one picture are, also among look-alikes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.clean import copies
from src.clean.copies import Pair
from src.clean.lookalikes import without_lookalikes
from src.clean.measure import measure_files
from src.clean.near_duplicates import Likenesses, Proof
from src.params import read_params
from src.storage.encoding import encode_jpeg
from src.vision.close_look import SIDE_PX, CloseLook
from src.vision.matching import Match
from tests.copies import COPIES
from tests.lookalikes import LOOKALIKES

COUNT = 12


def _pairs(folder: Path, files: list[bytes]) -> set[Pair]:
    paths = [folder / f"{number:03d}.jpeg" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    measurements = measure_files([(path, "single") for path in paths])
    pictures = {n: replace(m, pixel_digest=str(n)) for n, m in enumerate(measurements)}
    return set(copies.find(pictures, read_params().clean))


@pytest.mark.parametrize(
    "name",
    [
        "portraits in an ornate passe-partout",
        "portraits in an oval mat",
        "identity cards",
        "screenshots of a video player",
        "T-shirts of one cut",
        "bottles of one shape",
        "playing cards",
    ],
)
def test_pictures_of_one_template_are_no_copies(tmp_path: Path, name: str):
    assert _pairs(tmp_path, [encode_jpeg(p, 92) for p in LOOKALIKES[name](COUNT)]) == set()


@pytest.mark.parametrize("kind", ["recompressed, quality 60", "resized to 70 %"])
def test_copies_among_pictures_of_one_template_are_proven(tmp_path: Path, kind: str):
    pictures = LOOKALIKES["bottles of one shape"](COUNT)
    copied = [COPIES[kind](p, np.random.default_rng(n)) for n, p in enumerate(pictures[:4])]
    files = [*(encode_jpeg(p, 92) for p in pictures), *copied]
    assert _pairs(tmp_path, files) == {(n, COUNT + n) for n in range(4)}


def _look(seed: int, colors: int = 0) -> CloseLook:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE_PX, SIDE_PX), np.uint8)
    chroma = np.random.default_rng(colors).integers(0, 256, (64, 64, 2), np.uint8)
    return CloseLook(pixels, (0, 0, 0, 0), 1.0, chroma)


def _half_equal(seed: int) -> CloseLook:
    look = _look(0)
    look.gray[:128] = _look(seed).gray[:128]
    return look


def _judge(looks: list[CloseLook | None], near_misses: list[Pair], **match: float) -> int:
    proof = Proof(0, 1, 9, Match(0.95, **match))
    return len(without_lookalikes(Likenesses([proof], near_misses), looks.__getitem__))


def test_a_pair_that_both_look_like_others_must_agree_in_colour():
    pair = [_look(0, colors=0), _look(0, colors=1)]
    assert _judge(pair, [], color_difference=7.0) == 1
    assert _judge(pair, [(0, 2), (0, 3), (1, 2), (1, 3)], color_difference=7.0) == 0
    assert _judge(pair, [(0, 2), (0, 3), (1, 2), (1, 4)], color_difference=7.0) == 1
    assert _judge(pair, [(0, 2), (0, 3), (1, 2), (1, 3)], color_difference=1.0) == 1


def test_a_pair_that_disagrees_in_half_of_its_middle_is_none():
    assert _judge([_look(0), _half_equal(1)], []) == 0


def test_a_pair_whose_file_is_gone_stands():
    assert _judge([_look(0), None], [(0, 2), (0, 3), (1, 2), (1, 3)]) == 1
