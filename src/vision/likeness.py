"""Which matches at 64 pixels are copies, and which are look-alikes: pictures of one template.

Pictures of one template come in families: both pictures of a pair are also like others, which are no
copies of either. So a match counts for less if other pictures are alike too. This is the idea of
score normalisation in copy detection (the image similarity challenge of 2021). A pair from a family
must agree closely, in every part of its middle and in its colours. A pair without one need not agree
as closely: one of its pictures may have a mark.

The other way round, a pair that is no match at 64 pixels, because its tone varies over the picture,
as after local tone mapping, is a copy if it agrees that closely everywhere.
"""

from src.vision.close_look import CloseAgreement
from src.vision.matching import Match

NEAR_MISS_CORR = 0.8  # correlation from which two pictures are alike
MIN_OTHERS = 2  # pictures that both are like, from which a pair is of a family
# Of 1,100 copies without a sign across their middle, 1 in 200 has a block below .58; of 415
# look-alikes with a family 2 have none.
MIN_FAMILY_AGREEMENT, MAX_FAMILY_COLOR_DIFFERENCE = 0.74, 4.0
# In which a pair of a family has details: a horizon has 21 at most, of 75 plain copies none below 46.
MIN_FAMILY_BLOCKS = 32
# Of the second lowest block of a pair of no family, which a mark may cover; more if colours differ as
# no mark makes them.
MIN_CLOSE_AGREEMENT, MARK_COLOR_DIFFERENCE, MIN_UNMARKED_AGREEMENT = 0.2, 8.0, 0.55
# With details in a pair that is cut: birds in the sky, wherever they are, count as cuts of each other.
MIN_CUT_BLOCKS = 16
ALIKE_AGREEMENT = 0.5  # of the lowest block, below which a proven pair may be look-alikes
# A pair this alike is looked at closely only if it is of a family.
SURE_CORR, SURE_AGREEMENT = 0.985, 0.95
# Of near misses that are copies all the same, in the middle of 64 pixels, and everywhere closely. Of
# 260 look-alikes of equal colours that come near none reaches .4 everywhere, but for 1 of 8 blocks.
MIN_NEAR_MATCH, MIN_NEAR_AGREEMENT = 0.25, 0.6
NEAR_FACTOR = 20 / 7  # how much further below 1 they may be than the least of a match: .80 for .93
MAX_NEAR_OTHERS = 8  # pictures that both of a near miss are like, beyond which all are of one kind


def is_sure(match: Match) -> bool:
    """Say whether a match needs no close look, unless it is of a family."""
    agrees = match.similarity >= SURE_CORR and match.agreement >= SURE_AGREEMENT
    return agrees and not (match.differing[0] or match.is_cut())


def may_be_lookalikes(agreement: CloseAgreement) -> bool:
    """Say whether a pair that matches counts as alike, for the families of others."""
    return agreement.lowest_of_either < ALIKE_AGREEMENT


def may_be_near(match: Match, similarity: float) -> bool:
    """Say whether a near miss deserves a close look; `similarity` is the least of a match."""
    least = max(NEAR_MISS_CORR, 1 - NEAR_FACTOR * (1 - similarity))
    agrees = match.similarity >= least and match.agreement >= MIN_NEAR_MATCH
    return agrees and match.color_difference <= MARK_COLOR_DIFFERENCE


def near_miss_stands(agreement: CloseAgreement) -> bool:
    """Say whether a pair that comes near a match shows the same."""
    is_detailed = agreement.blocks >= MIN_FAMILY_BLOCKS
    return is_detailed and agreement.lowest_of_either >= MIN_NEAR_AGREEMENT


def stands(agreement: CloseAgreement, match: Match, has_family: bool) -> bool:
    """Say whether a pair that matches shows the same.

    Args:
        agreement: How closely it agrees.
        match: The pair's.
        has_family: Whether both its pictures are like MIN_OTHERS others. A pair that stands with a
            family stands without one.
    """
    if has_family:
        difference = min(match.color_difference, agreement.color_difference)
        same_colors = difference <= MAX_FAMILY_COLOR_DIFFERENCE
        agrees = agreement.lowest_of_either >= MIN_FAMILY_AGREEMENT
        return agrees and same_colors and agreement.blocks >= MIN_FAMILY_BLOCKS
    if match.is_cut() and agreement.blocks < MIN_CUT_BLOCKS:
        return False
    may_be_marked = match.color_difference <= MARK_COLOR_DIFFERENCE
    return agreement.second_lowest >= (
        MIN_CLOSE_AGREEMENT if may_be_marked else MIN_UNMARKED_AGREEMENT
    )
