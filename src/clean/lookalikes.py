"""Removes look-alikes from the proven pairs of copies: different pictures of one template."""

from collections.abc import Callable, Iterable, Sequence

from src.clean.near_duplicates import Likenesses, Proof
from src.parallel.local import cores, map_threads
from src.vision.close_look import CloseAgreement, CloseLook, close_agreement
from src.vision.likeness import MIN_OTHERS, is_sure, may_be_lookalikes, stands

Reading = Callable[[int], CloseLook | None]  # of a picture's number; None if it cannot be read
Pair = tuple[int, int]


def without_lookalikes(likenesses: Likenesses, read: Reading) -> list[Proof]:
    """Return the proofs without those of look-alikes, in the same order."""
    proofs = {(proof.first, proof.second): proof for proof in likenesses.proofs}
    agreements = _agreements([p for p in likenesses.proofs if not is_sure(p.match)], read)
    family = _Family(likenesses.near_misses)
    family.add(pair for pair, value in agreements.items() if may_be_lookalikes(value))
    in_family = {pair for pair in proofs if family.others(pair) >= MIN_OTHERS}
    agreements |= _agreements([proofs[p] for p in sorted(in_family - agreements.keys())], read)

    def is_copy(pair: Pair) -> bool:
        if pair not in agreements:
            return True
        return stands(
            agreements[pair], proofs[pair].match.color_difference, has_family=pair in in_family
        )

    return [proof for pair, proof in proofs.items() if is_copy(pair)]


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
    pairs = [(proof.first, proof.second) for proof in proofs]
    return {pair: value for pair, value in zip(pairs, values, strict=True) if value}
