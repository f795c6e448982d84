"""A match stands if both pictures agree closely, or if they are like no others."""

import numpy as np

from src.vision import likeness
from src.vision.close_look import CloseAgreement
from src.vision.matching import Match


def _agreement(lowest: float, second_lowest: float, blocks: int = 100) -> CloseAgreement:
    return CloseAgreement(lowest, second_lowest, color_difference=np.inf, blocks=blocks)


def test_a_match_of_a_family_must_agree_in_every_block_and_in_colour():
    assert likeness.stands(_agreement(0.9, 0.9), 1.0, has_family=True)
    assert not likeness.stands(_agreement(0.5, 0.9), 1.0, has_family=True)
    assert not likeness.stands(_agreement(0.9, 0.9), 9.0, has_family=True)
    assert not likeness.stands(_agreement(0.9, 0.9, blocks=20), 1.0, has_family=True)


def test_a_match_of_no_family_may_have_a_mark():
    assert likeness.stands(_agreement(-0.5, 0.3), 1.0, has_family=False)
    assert not likeness.stands(_agreement(-0.5, 0.1), 1.0, has_family=False)
    assert not likeness.stands(_agreement(-0.5, 0.3), 9.0, has_family=False)


def test_a_match_that_stands_with_a_family_stands_without():
    for lowest in (0.0, 0.3, 0.6, 0.8, 1.0):
        for colors in (0.0, 3.0, 6.0, 12.0):
            agreement = _agreement(lowest, lowest)
            if likeness.stands(agreement, colors, has_family=True):
                assert likeness.stands(agreement, colors, has_family=False)


def test_a_match_with_differing_blocks_is_not_sure():
    assert likeness.is_sure(Match(0.99))
    assert not likeness.is_sure(Match(0.95))
    assert not likeness.is_sure(Match(0.99, agreement=0.9))
    assert not likeness.is_sure(Match(0.99, differing=((3,), (4,))))
