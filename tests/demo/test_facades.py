"""Facades drawn from numbers: a photograph beside its label map."""

import numpy as np
import pytest

from src.demo.facades import draw_pair, photograph
from src.demo.house import SIDE_PX
from src.demo.house_plan import plan_house
from src.demo.label_map import COLORS, draw_labels

SEED = 5
PIXELS = 256
SLACK_PX = 32  # by which pillars and shutters may be cut off


@pytest.fixture(scope="module")
def drawn() -> list[np.ndarray]:
    """Forty photographs beside their label maps."""
    return [draw_pair(SEED, number) for number in range(40)]


def _photos(pairs: list[np.ndarray]) -> list[np.ndarray]:
    return [pair[:, :PIXELS] for pair in pairs]


def _labels(pairs: list[np.ndarray]) -> list[np.ndarray]:
    return [pair[:, PIXELS:] for pair in pairs]


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def test_a_pair_is_as_large_as_those_of_cmp_and_the_same_each_time(drawn):
    assert drawn[3].shape == (PIXELS, 2 * PIXELS, 3)
    assert drawn[3].dtype == np.uint8
    assert np.array_equal(draw_pair(SEED, 3), drawn[3])


def test_label_maps_have_the_twelve_colours_of_cmp_and_no_other(drawn):
    shown = {
        tuple(color)
        for labels in _labels(drawn)
        for color in np.unique(labels.reshape(-1, 3), axis=0)
    }
    assert shown == set(COLORS.values())
    assert len(COLORS) == 12


@pytest.mark.parametrize("kind", ["facade", "window", "background"])
def test_every_label_map_shows_a_wall_with_windows(drawn, kind: str):
    shares = [(labels == COLORS[kind]).all(axis=2).mean() for labels in _labels(drawn)]
    assert min(shares) > 0.01


def test_houses_differ(drawn):
    for pictures in (_photos(drawn), _labels(drawn)):
        assert min(_apart(a, b) for n, a in enumerate(pictures) for b in pictures[n + 1 :]) > 8


def test_another_seed_draws_other_houses(drawn):
    assert _apart(draw_pair(SEED + 1, 3), drawn[3]) > 8


def test_one_house_has_many_photographs():
    """What the labels do not say: materials, colours and light."""
    house = plan_house(np.random.default_rng(7))
    photos = [photograph(house, np.random.default_rng(n)) for n in range(6)]
    assert min(_apart(a, b) for n, a in enumerate(photos) for b in photos[n + 1 :]) > 15


def test_labels_follow_the_plan_to_within_two_pixels_of_the_picture():
    house = plan_house(np.random.default_rng(7))
    first, second = (draw_labels(house, np.random.default_rng(n)) for n in range(2))
    assert 0 < (first != second).any(axis=2).mean() < 0.2


def test_photographs_are_as_bright_and_varied_as_those_of_cmp(drawn):
    """Of 100 CMP facades the mean colour is (121, 115, 106), with a deviation of 24, 22, 21."""
    means = np.array([photo.reshape(-1, 3).mean(axis=0) for photo in _photos(drawn)])
    assert means.mean(axis=0) == pytest.approx([121, 115, 106], abs=14)
    assert means.std(axis=0).min() > 14


def test_every_part_stands_in_the_picture():
    for number in range(60):
        for part in plan_house(np.random.default_rng(number)).parts:
            left, top, right, bottom = part.box
            assert -SLACK_PX < left < right < SIDE_PX + SLACK_PX
            assert 0 <= top < bottom <= SIDE_PX
