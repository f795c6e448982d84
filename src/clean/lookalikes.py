"""Which proven pairs of copies are look-alikes: different pictures of one template.

Pictures of one template come in families: the same two pictures are also like others, which are no
copies of either. That is the idea of score normalisation in copy detection (the image similarity
challenge of 2021): a likeness counts for less where there are others like it. A pair from such a
family must agree closely, in every part of its middle and in its colours. A pair that stands alone
need not: one of its pictures may have a mark.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from src.clean.near_duplicates import Likenesses, Proof
from src.parallel.local import cores, map_threads
from src.vision.close_look import CloseAgreement, CloseLook, close_agreement

MIN_OTHERS = 2  # pictures that both are like, from which a pair is of a family
CACHED = 512  # close looks that are remembered, of 64 kB each
# Of 1,100 copies without a sign across their middle, 1 in 200 has a block below .58; of 415
# look-alikes with a family 2 have none.
MIN_FAMILY_AGREEMENT, MAX_FAMILY_COLOR_DIFFERENCE = 0.74, 4.0
# Of the second lowest block of a pair of no family, which a mark may cover; more if colours differ as
# no mark makes them.
MIN_AGREEMENT, MARK_COLOR_DIFFERENCE, MIN_UNMARKED_AGREEMENT = 0.2, 8.0, 0.55
ALIKE_AGREEMENT = 0.5  # of the lowest block, below which a proven pair may be look-alikes
# A pair this alike is looked at closely only if it is of a family.
SURE_CORR, SURE_AGREEMENT = 0.985, 0.95
Reading = Callable[[int], CloseLook | None]  # of a picture's number; None if it cannot be read
Pair = tuple[int, int]


def without_lookalikes(likenesses: Likenesses, read: Reading) -> list[Proof]:
    """Return the proofs without those of look-alikes, in the same order.

    Args:
        likenesses: The proven pairs, and those that come near.
        read: Gives the close look of a picture.
    """
    looks = _Looks(read)
    proofs = {(proof.first, proof.second): proof for proof in likenesses.proofs}
    agreements = looks.agreements([p for p in likenesses.proofs if not _is_sure(p)])
    alike = _Family(likenesses.near_misses)
    alike.add(pair for pair, value in agreements.items() if value.lowest < ALIKE_AGREEMENT)
    doubtful = {pair for pair in proofs if alike.others(pair) >= MIN_OTHERS}
    agreements |= looks.agreements([proofs[p] for p in sorted(doubtful - agreements.keys())])

    return [
        proof
        for pair, proof in proofs.items()
        if pair not in agreements
        or _stands(agreements[pair], proof.match.color_difference, pair in doubtful)
    ]


def _stands(agreement: CloseAgreement, color_difference: float, is_doubtful: bool) -> bool:
    if is_doubtful:
        same_colors = color_difference <= MAX_FAMILY_COLOR_DIFFERENCE
        return agreement.lowest >= MIN_FAMILY_AGREEMENT and same_colors
    may_be_marked = color_difference <= MARK_COLOR_DIFFERENCE
    return agreement.second_lowest >= (MIN_AGREEMENT if may_be_marked else MIN_UNMARKED_AGREEMENT)


def _is_sure(proof: Proof) -> bool:
    match = proof.match
    agrees = match.similarity >= SURE_CORR and match.agreement >= SURE_AGREEMENT
    return agrees and not match.differing[0]


class _Family:
    """Which pictures are alike, but no copies of each other."""

    def __init__(self, pairs: Iterable[Pair]):
        self._alike: dict[int, set[int]] = {}
        self.add(pairs)

    def add(self, pairs: Iterable[Pair]) -> None:
        for a, b in pairs:
            self._alike.setdefault(a, set()).add(b)
            self._alike.setdefault(b, set()).add(a)

    def others(self, pair: Pair) -> int:
        """Count the pictures that both of a pair are like."""
        a, b = (self._alike.get(picture, set()) for picture in pair)
        return len(a & b)


class _Looks:
    """Compares pairs closely; remembers the last pictures."""

    def __init__(self, read: Reading):
        self._read = lru_cache(CACHED)(read)

    def agreements(self, proofs: Sequence[Proof]) -> dict[Pair, CloseAgreement]:
        """Return how closely each pair agrees; pairs with a picture that cannot be read are left out."""
        values = map_threads(self._agreement, proofs, "looking closely at copies", cores())
        pairs = [(proof.first, proof.second) for proof in proofs]
        return {pair: value for pair, value in zip(pairs, values, strict=True) if value}

    def _agreement(self, proof: Proof) -> CloseAgreement | None:
        first, second = self._read(proof.first), self._read(proof.second)
        return close_agreement(first, second, proof.match) if first and second else None
