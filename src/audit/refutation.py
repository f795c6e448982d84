"""Refutes matches of look-alikes across the sides: pictures of one template.

See `likeness` for the rule. A match that agrees closely stands with and without a family, and one
that hardly agrees stands in neither case. Only for those between is a family looked for.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from src.audit.compared_pictures import ComparedPictures
from src.vision import alignment, forms, likeness, views, witness
from src.vision.close_look import BLOCKS, EDGE_BLOCKS, CloseAgreement, CloseLook, close_agreement
from src.vision.likeness import MIN_OTHERS, NEAR_MISS_CORR
from src.vision.matching import Match, Start, match_from

MAX_NEAR = 3  # near misses of a validation picture that are looked at closely
MAX_ALIGNED = 6  # likely members of a family that are aligned, on each side
# In which both pictures of a pair that is not sure have details, or one of them: two horizons or
# glows alone have 3 at most, and one of them 7. A dark or blurred copy of a picture has no more.
MIN_BLOCKS, MIN_DETAILED_BLOCKS = 4, 16
CACHED = 65_536  # likenesses of two pictures that are remembered


class Likenesses(NamedTuple):
    """Which training pictures are like a validation picture.

    Attributes:
        matches: Those that match it, and how; the most similar first.
        near_misses: Those that are alike and do not match, and how; the most similar first.
        similarity: Of the most similar one of all, -1…1; -1 if none is likely.
        most_similar: That one; 0 if none is likely.
    """

    matches: dict[int, Match]
    near_misses: dict[int, Match]
    similarity: float
    most_similar: int

    @property
    def alike(self) -> dict[int, Match]:
        """The matches and the near misses."""
        return self.matches | self.near_misses


class Refutation:
    """Judges the matches of two sides.

    Args:
        val: The validation pictures.
        train: The training pictures.
        likenesses: Of each validation picture.
        similarity: The least of a copy, -1…1.
    """

    def __init__(
        self,
        val: ComparedPictures,
        train: ComparedPictures,
        likenesses: Sequence[Likenesses],
        similarity: float,
    ):
        self._val, self._train, self._likenesses = val, train, likenesses
        self._similarity = similarity
        # by training picture: the validation pictures that match it, and those that nearly do
        self._matches: dict[int, list[int]] = defaultdict(list)
        self._near_misses: dict[int, list[int]] = defaultdict(list)
        for picture, picture_likenesses in enumerate(likenesses):
            for other in picture_likenesses.matches:
                self._matches[other].append(picture)
            for other in picture_likenesses.near_misses:
                self._near_misses[other].append(picture)
        self._agreement = lru_cache(CACHED)(self._look_closely)
        self._val_alike = lru_cache(CACHED)(partial(_are_alike, val, similarity))
        self._train_alike = lru_cache(CACHED)(partial(_are_alike, train, similarity))

    def copy_of(self, val: int) -> int | None:
        """Return the most similar training picture whose match stands; None if none does.

        Near misses come last, and stand if they agree very closely.
        """
        matches, near_misses, *_ = self._likenesses[val]
        near = (
            train
            for train, match in near_misses.items()
            if likeness.may_be_near(match, self._similarity)
        )
        return next(
            chain(
                (train for train in matches if self._stands(val, train)),
                (train for train in islice(near, MAX_NEAR) if self._nearly_stands(val, train)),
            ),
            None,
        )

    def _nearly_stands(self, val: int, train: int) -> bool:
        return likeness.near_miss_stands(self._agreement(val, train)) and not self._is_common(
            val, train
        )

    def _is_common(self, val: int, train: int) -> bool:
        """Say whether many pictures of either side nearly match one of a pair."""
        counts = len(self._likenesses[val].near_misses), len(self._near_misses[train])
        return max(counts) > likeness.MAX_NEAR_OTHERS

    def _stands(self, val: int, train: int) -> bool:
        match = self._likenesses[val].matches[train]
        is_sure = likeness.is_sure(match)
        if is_sure and self._is_alone(val, train):
            return True
        agreement = self._agreement(val, train)
        if likeness.stands(agreement, match, has_family=True):
            return True
        if not (is_sure or agreement.blocks >= MIN_BLOCKS or self._has_details(val, train)):
            return False
        stands_alone = is_sure or likeness.stands(agreement, match, has_family=False)
        return stands_alone and not self._has_family(val, train)

    def _has_details(self, val: int, train: int) -> bool:
        """Say whether either picture of a pair has more details than a horizon."""
        looks = self._val.close_look(val), self._train.close_look(train)
        return max(map(_detailed_blocks, looks)) >= MIN_DETAILED_BLOCKS

    def _is_alone(self, val: int, train: int) -> bool:
        """Say whether neither picture of a pair is like any other."""
        matches, near_misses, *_ = self._likenesses[val]
        others = near_misses or self._near_misses.get(train)
        return not others and len(matches) == len(self._matches[train]) == 1

    def _has_family(self, val: int, train: int) -> bool:
        return len(list(islice(self._family(val, train), MIN_OTHERS))) == MIN_OTHERS

    def _family(self, val: int, train: int) -> Iterator[int]:
        """Yield the pictures of either side that both of a pair are like."""
        for other in islice(self._like_val(val, train), MAX_ALIGNED):
            if self._train_alike(min(train, other), max(train, other)):
                yield other
        for other in islice(self._like_train(val, train), MAX_ALIGNED):
            if self._val_alike(min(val, other), max(val, other)):
                yield other

    def _like_val(self, val: int, train: int) -> Iterator[int]:
        """Yield the training pictures, but for one, that are like a validation picture."""
        yield from self._likenesses[val].near_misses
        for other in self._likenesses[val].matches:
            if other != train and self._may_be_lookalikes(val, other):
                yield other

    def _like_train(self, val: int, train: int) -> Iterator[int]:
        """Yield the validation pictures, but for one, that are like a training picture."""
        yield from self._near_misses.get(train, [])
        for other in self._matches[train]:
            if other != val and self._may_be_lookalikes(other, train):
                yield other

    def _may_be_lookalikes(self, val: int, train: int) -> bool:
        if likeness.is_sure(self._likenesses[val].matches[train]):
            return False
        return likeness.may_be_lookalikes(self._agreement(val, train))

    def _look_closely(self, val: int, train: int) -> CloseAgreement:
        match = self._likenesses[val].alike[train]
        return close_agreement(self._val.close_look(val), self._train.close_look(train), match)


def _detailed_blocks(look: CloseLook) -> int:
    """Return how many blocks of a picture's middle have details."""
    details = look.details(without_bands=False)
    blocks = witness.block_correlations(details, details, views.POSES[0], BLOCKS)
    middle = blocks[EDGE_BLOCKS:-EDGE_BLOCKS, EDGE_BLOCKS:-EDGE_BLOCKS]
    return int(np.isfinite(middle).sum())


def _are_alike(side: ComparedPictures, similarity: float, first: int, second: int) -> bool:
    """Say whether two pictures of one side are alike, but no copies.

    Those of one template are alike as they are: uncut and upright.
    """
    features = side.features(first), side.features(second)
    start = Start(
        value=-1.0,
        fixed=features[0].thumbnail,
        details=(alignment.detail(features[0].thumbnail), alignment.detail(features[1].thumbnail)),
        chromas=(features[0].chroma, features[1].chroma),
        pose=views.POSES[0],
        strip=0,
        form=forms.PLAIN,
        border="",
    )
    match = match_from(start, NEAR_MISS_CORR)
    if match is None or not match.is_copy(similarity):
        return match is not None
    agreement = close_agreement(side.close_look(first), side.close_look(second), match)
    return likeness.may_be_lookalikes(agreement)
