"""Removes look-alikes from the proven pairs of copies: different pictures of one template."""

from collections.abc import Callable, Iterable, Sequence

from src.clean.near_duplicates import Likenesses, Proof
from src.parallel.local import cores, map_threads
from src.vision.close_look import CloseAgreement, CloseLook, close_agreement
from src.vision.likeness import MIN_OTHERS, is_sure, may_be_lookalikes, stands

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
    agreements = looks.agreements([p for p in likenesses.proofs if not is_sure(p.match)])
    family = _Family(likenesses.near_misses)
    family.add(pair for pair, value in agreements.items() if may_be_lookalikes(value))
    in_family = {pair for pair in proofs if family.others(pair) >= MIN_OTHERS}
    agreements |= looks.agreements([proofs[p] for p in sorted(in_family - agreements.keys())])

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


class _Looks:
    """Compares pairs closely."""

    def __init__(self, read: Reading):
        self._read = read

    def agreements(self, proofs: Sequence[Proof]) -> dict[Pair, CloseAgreement]:
        """Return how closely each pair agrees; pairs with a picture that cannot be read are left out."""
        values = map_threads(self._agreement, proofs, "looking closely at copies", cores())
        pairs = [(proof.first, proof.second) for proof in proofs]
        return {pair: value for pair, value in zip(pairs, values, strict=True) if value}

    def _agreement(self, proof: Proof) -> CloseAgreement | None:
        first, second = self._read(proof.first), self._read(proof.second)
        return close_agreement(first, second, proof.match) if first and second else None
