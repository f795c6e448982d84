"""Pictures of one template are no copies; copies of one picture are, also among look-alikes."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from src.clean import copies
from src.clean.copies import Pair
from src.clean.lookalikes import without_lookalikes
from src.clean.measure import measure_files
from src.clean.near_duplicates import Likenesses, Proof
from src.demo import portraits
from src.params import read_params
from src.storage.encoding import encode_jpeg
from src.vision import likeness
from src.vision.close_look import SIDE_PX, CloseLook
from src.vision.matching import Match
from tests.copies import COPIES
from tests.lookalikes import LOOKALIKES

COUNT, SIMILARITY = 12, 0.93


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
    others = [Proof(*pair, 9, Match(0.85, agreement=-1.0)) for pair in near_misses]
    return len(without_lookalikes(Likenesses([proof], others), looks.__getitem__, SIMILARITY))


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


def _near(*pairs: Pair) -> list[Proof]:
    return [Proof(*pair, 9, Match(0.85)) for pair in pairs]


def test_a_near_miss_that_agrees_everywhere_is_a_copy_and_sorted_among_the_others():
    looks = [_look(0), _look(0), _half_equal(1), _look(0)]
    near_misses = _near((0, 1), (0, 2))
    proofs = without_lookalikes(
        Likenesses([Proof(0, 3, 9, Match(0.99))], near_misses), looks.__getitem__, SIMILARITY
    )
    assert [(proof.first, proof.second) for proof in proofs] == [(0, 1), (0, 3)]


def test_where_many_nearly_match_one_another_none_of_them_is_looked_at():
    count = likeness.MAX_NEAR_OTHERS + 3
    pairs = list(combinations(range(count), 2))
    looks = [_look(0)] * count
    assert without_lookalikes(Likenesses([], _near(*pairs)), looks.__getitem__, SIMILARITY) == []
    few = [pair for pair in pairs if max(pair) < count - 1]
    assert len(
        without_lookalikes(Likenesses([], _near(*few)), looks.__getitem__, SIMILARITY)
    ) == len(few)


def test_a_copy_whose_tone_varies_over_the_picture_is_proven(tmp_path: Path):
    """A strong vignette: at 64 pixels it correlates with its original below the limit."""
    pictures = [portraits.draw(3, person) for person in range(6)]
    height, width = pictures[0].shape[:2]
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    falloff = np.clip(1.1 - 0.5 * (rows**2 + columns**2), 0, 1)[..., None]
    copied = [np.rint(picture * falloff).astype(np.uint8) for picture in pictures]
    files = [encode_jpeg(p, 92) for p in [*pictures, *copied]]
    found = _pairs(tmp_path, files)
    assert found <= {(n, 6 + n) for n in range(6)}
    assert len(found) >= 5
