"""Removes look-alikes from the proven pairs of copies: different pictures of one template."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from src.clean.near_duplicates import Likenesses, Proof
from src.parallel.local import cores, map_threads
from src.vision.close_look import CloseAgreement, CloseLook, close_agreement
from src.vision.likeness import (
    MAX_NEAR_OTHERS,
    MIN_OTHERS,
    is_sure,
    may_be_lookalikes,
    may_be_near,
    near_miss_stands,
    stands,
)

Reading = Callable[[int], CloseLook | None]  # of a picture's number; None if it cannot be read
Pair = tuple[int, int]


def without_lookalikes(likenesses: Likenesses, read: Reading, similarity: float) -> list[Proof]:
    """Return the proofs without those of look-alikes, and the near misses that stand; sorted.

    Args:
        likenesses: Of all pictures.
        read: Returns a picture's close look.
        similarity: The least of a match, -1…1.
    """
    near_misses = {_pair(near): near for near in likenesses.near_misses}
    near_copies = _near_copies(near_misses, read, similarity)
    proofs = {_pair(proof): proof for proof in likenesses.proofs}
    agreements = _agreements([p for p in likenesses.proofs if not is_sure(p.match)], read)
    family = _Family(near_misses.keys() - near_copies)
    family.add(pair for pair, value in agreements.items() if may_be_lookalikes(value))
    in_family = {pair for pair in proofs if family.others(pair) >= MIN_OTHERS}
    agreements |= _agreements([proofs[p] for p in sorted(in_family - agreements.keys())], read)

    def is_copy(pair: Pair) -> bool:
        if pair not in agreements:
            return True
        return stands(agreements[pair], proofs[pair].match, has_family=pair in in_family)

    copies = {pair: proof for pair, proof in proofs.items() if is_copy(pair)}
    copies |= {pair: near_misses[pair] for pair in near_copies}
    return [copies[pair] for pair in sorted(copies)]


def _near_copies(near_misses: Mapping[Pair, Proof], read: Reading, similarity: float) -> set[Pair]:
    """Return the near misses that show the same; where many are alike, none is looked at."""
    family = _Family(near_misses)
    candidates = [
        near
        for pair, near in near_misses.items()
        if may_be_near(near.match, similarity) and family.others(pair) <= MAX_NEAR_OTHERS
    ]
    agreements = _agreements(candidates, read)
    return {pair for pair, agreement in agreements.items() if near_miss_stands(agreement)}


def _pair(proof: Proof) -> Pair:
    return proof.first, proof.second


class _Family:
    """Pictures that are alike, and may be look-alikes."""

    def __init__(self, pairs: Iterable[Pair]):
        self._alike: dict[int, set[int]] = {}
        self.add(pairs)

    def add(self, pairs: Iterable[Pair]) -> None:
        for a, b in pairs:
            self._alike.setdefault(a, set()).add(b)
            self._alike.setdefault(b, set()).add(a)

    def others(self, pair: Pair) -> int:
        """Count the pictures that are like both of a pair."""
        a, b = (self._alike.get(picture, set()) for picture in pair)
        return len(a & b)


def _agreements(proofs: Sequence[Proof], read: Reading) -> dict[Pair, CloseAgreement]:
    """Return how closely each pair agrees; pairs with a picture that cannot be read are left out."""

    def look_closely(proof: Proof) -> CloseAgreement | None:
        first, second = read(proof.first), read(proof.second)
        return close_agreement(first, second, proof.match) if first and second else None

    values = map_threads(look_closely, proofs, "looking closely at copies", cores())
    pairs = map(_pair, proofs)
    return {pair: value for pair, value in zip(pairs, values, strict=True) if value}
