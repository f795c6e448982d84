"""Which matches at 64 pixels are copies, and which are look-alikes: pictures of one template.

Pictures of one template come in families: both pictures of a pair are also like others, which are no
copies of either. So a match counts for less if other pictures are alike too. This is the idea of
score normalisation in copy detection (the image similarity challenge of 2021). A pair from a family
must agree closely, in every part of its middle and in its colours. A pair without one need not agree
as closely: one of its pictures may have a mark.
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
MIN_AGREEMENT, MARK_COLOR_DIFFERENCE, MIN_UNMARKED_AGREEMENT = 0.2, 8.0, 0.55
ALIKE_AGREEMENT = 0.5  # of the lowest block, below which a proven pair may be look-alikes
# A pair this alike is looked at closely only if it is of a family.
SURE_CORR, SURE_AGREEMENT = 0.985, 0.95


def is_sure(match: Match) -> bool:
    """Say whether a match needs no close look, unless it is of a family."""
    agrees = match.similarity >= SURE_CORR and match.agreement >= SURE_AGREEMENT
    return agrees and not match.differing[0]


def may_be_lookalikes(agreement: CloseAgreement) -> bool:
    """Say whether a pair that matches counts as alike, for the families of others."""
    return agreement.lowest < ALIKE_AGREEMENT


def stands(agreement: CloseAgreement, color_difference: float, has_family: bool) -> bool:
    """Say whether a pair that matches shows the same.

    Args:
        agreement: How closely it agrees.
        color_difference: See `Match`.
        has_family: Whether both its pictures are like MIN_OTHERS others. A pair that stands with a
            family stands without one.
    """
    if has_family:
        difference = min(color_difference, agreement.color_difference)
        same_colors = difference <= MAX_FAMILY_COLOR_DIFFERENCE
        agrees = agreement.lowest >= MIN_FAMILY_AGREEMENT
        return agrees and same_colors and agreement.blocks >= MIN_FAMILY_BLOCKS
    may_be_marked = color_difference <= MARK_COLOR_DIFFERENCE
    return agreement.second_lowest >= (MIN_AGREEMENT if may_be_marked else MIN_UNMARKED_AGREEMENT)
