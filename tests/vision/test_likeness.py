"""A match stands if both pictures agree closely, or if they are like no others."""

import numpy as np

from src.vision import likeness
from src.vision.close_look import CloseAgreement
from src.vision.matching import Match


def _agreement(lowest: float, second_lowest: float, blocks: int = 100) -> CloseAgreement:
    return CloseAgreement(lowest, second_lowest, lowest, color_difference=np.inf, blocks=blocks)


def _stands(agreement: CloseAgreement, colors: float, has_family: bool, cut: float = 1.0) -> bool:
    match = Match(0.95, visible_share=cut, color_difference=colors)
    return likeness.stands(agreement, match, has_family)


def test_a_match_of_a_family_must_agree_in_every_block_and_in_colour():
    assert _stands(_agreement(0.9, 0.9), 1.0, has_family=True)
    assert not _stands(_agreement(0.5, 0.9), 1.0, has_family=True)
    assert not _stands(_agreement(0.9, 0.9), 9.0, has_family=True)
    assert not _stands(_agreement(0.9, 0.9, blocks=20), 1.0, has_family=True)


def test_a_match_of_no_family_may_have_a_mark():
    assert _stands(_agreement(-0.5, 0.3), 1.0, has_family=False)
    assert not _stands(_agreement(-0.5, 0.1), 1.0, has_family=False)
    assert not _stands(_agreement(-0.5, 0.3), 9.0, has_family=False)


def test_a_match_that_stands_with_a_family_stands_without():
    for lowest in (0.0, 0.3, 0.6, 0.8, 1.0):
        for colors in (0.0, 3.0, 6.0, 12.0):
            agreement = _agreement(lowest, lowest)
            if _stands(agreement, colors, has_family=True):
                assert _stands(agreement, colors, has_family=False)


def test_a_match_with_differing_blocks_is_not_sure():
    assert likeness.is_sure(Match(0.99))
    assert not likeness.is_sure(Match(0.95))
    assert not likeness.is_sure(Match(0.99, agreement=0.9))
    assert not likeness.is_sure(Match(0.99, differing=((3,), (4,))))


def test_a_thing_that_one_picture_of_a_family_lacks_counts():
    agreement = _agreement(0.9, 0.9)
    assert not _stands(agreement._replace(lowest_of_either=0.1), 1.0, has_family=True)
    assert _stands(agreement._replace(lowest_of_either=0.1), 1.0, has_family=False)


def test_a_cut_with_few_details_in_common_is_none():
    assert _stands(_agreement(0.9, 0.9, blocks=8), 1.0, has_family=False)
    assert not _stands(_agreement(0.9, 0.9, blocks=8), 1.0, has_family=False, cut=0.8)
    assert not likeness.is_sure(Match(0.99, visible_share=0.8))


def test_a_near_miss_stands_if_it_agrees_everywhere_and_in_many_details():
    assert likeness.near_miss_stands(_agreement(0.7, 0.9))
    assert not likeness.near_miss_stands(_agreement(0.5, 0.9))
    assert not likeness.near_miss_stands(_agreement(0.9, 0.9, blocks=20))
    assert not likeness.near_miss_stands(_agreement(0.9, 0.9)._replace(lowest_of_either=0.1))


def test_a_near_miss_of_other_colours_or_another_middle_needs_no_close_look():
    assert likeness.may_be_near(Match(0.85, agreement=0.5), 0.93)
    assert not likeness.may_be_near(Match(0.75, agreement=0.5), 0.93)
    assert not likeness.may_be_near(Match(0.85, agreement=0.1), 0.93)
    assert not likeness.may_be_near(Match(0.85, agreement=0.5, color_difference=9.0), 0.93)


def test_a_stricter_limit_of_a_match_is_one_of_near_misses_too():
    assert not likeness.may_be_near(Match(0.85), 0.96)
    assert likeness.may_be_near(Match(0.9), 0.96)
    assert not likeness.may_be_near(Match(0.9999), 1.0)
    assert not likeness.may_be_near(Match(0.75), 0.5)
