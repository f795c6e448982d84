"""The checks: each one small function in a registry. To add a check, add a function here.

A check looks at what was really written, measures one thing, and names the rows at fault.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from src import tone
from src.arrays import Pairs
from src.audit import leak
from src.params import Limits


@dataclass(frozen=True)
class Evidence:
    """What the checks look at: the ledger after split, and the final arrays of both sides."""

    ledger: pd.DataFrame
    train: Pairs
    val: Pairs
    limits: Limits

    @cached_property
    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """For each validation picture: similarity and index of the nearest training picture."""
        return leak.nearest(self.val.photo, self.train.photo)

    @property
    def sides(self) -> dict[str, Pairs]:
        return {"train": self.train, "val": self.val}


@dataclass(frozen=True)
class Offender:
    """A row at fault. `pictures` are (side, index) in the arrays, for thumbnails."""

    row: int
    detail: str
    pictures: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a check measured; it fails above `limit` (below it, where `at_least`)."""

    value: float
    limit: float
    offenders: list[Offender] = field(default_factory=list)
    at_least: bool = False

    @property
    def failed(self) -> bool:
        return self.value < self.limit if self.at_least else self.value > self.limit


@dataclass(frozen=True)
class Check:
    """A registered check: what it measures, and what to do when it fails."""

    name: str
    measures: str
    remedy: str
    run: Callable[[Evidence], Finding]


CHECKS: list[Check] = []


def check(measures: str, remedy: str) -> Callable:
    """Register a function as the check of its name."""

    def register(function: Callable[[Evidence], Finding]) -> Callable[[Evidence], Finding]:
        CHECKS.append(Check(function.__name__, measures, remedy, function))
        return function

    return register


@check(
    "list pages all of whose items stood on earlier pages",
    "the page parameter is ignored or the list is over: open two page_urls side by side, mend the "
    "source and keep scrape.on_repeat: stop",
)
def repeated_pages(e: Evidence) -> Finding:
    seen: set[str] = set()
    offenders = []
    for page, rows in e.ledger.groupby("page", sort=True):
        ids = set(rows["item_id"])
        if ids <= seen:
            offenders.append(Offender(int(rows["row"].iloc[0]), f"page {page} has no new item"))
        seen |= ids
    return Finding(len(offenders), e.limits.repeated_pages, offenders)


@check(
    "share of the list's stated total that was not listed",
    "pages are missing: see data/raw/pages for where the list broke off, and scrape.max_pages",
)
def missing_from_list(e: Evidence) -> Finding:
    stated = e.ledger["stated_total"].dropna()
    if stated.empty:
        return Finding(0.0, e.limits.missing_share)
    total, listed = int(stated.iloc[-1]), len(e.ledger)
    missing = max(0, total - listed)
    last = e.ledger.iloc[-1]
    offenders = [Offender(int(last["row"]), f"the last of {listed}, the page states {total}")]
    return Finding(missing / max(1, total), e.limits.missing_share, offenders if missing else [])


@check(
    "share of listed rows whose person was listed before with the same picture address",
    "the list repeats itself: compare the pages in data/raw/pages",
)
def repeated_people(e: Evidence) -> Finding:
    repeats = e.ledger[e.ledger.duplicated(["item_id", "image_url"])]
    offenders = [
        Offender(int(row), f"{item} again, on page {page}")
        for row, item, page in zip(repeats["row"], repeats["item_id"], repeats["page"], strict=True)
    ]
    share = len(repeats) / max(1, len(e.ledger))
    return Finding(share, e.limits.repeated_people_share, offenders)


@check(
    "people with pictures on both sides",
    "set split.unit: group, so that a person stays on one side",
)
def shared_people(e: Evidence) -> Finding:
    shared = set(e.train.index["item_id"]) & set(e.val.index["item_id"])
    offenders = [
        Offender(int(row), f"{item} is in training too", (("val", at),))
        for at, (row, item) in enumerate(
            zip(e.val.index["row"], e.val.index["item_id"], strict=True)
        )
        if item in shared
    ]
    return Finding(len(shared), e.limits.shared_people, offenders)


@check(
    "validation pictures that training has too, or a near copy of them",
    "set clean.duplicates: remove, or split.unit: group",
)
def leaked_pictures(e: Evidence) -> Finding:
    similarity, index = e.nearest
    offenders = [
        Offender(
            int(e.val.index["row"].iloc[at]),
            f"is row {e.train.index['row'].iloc[index[at]]} in training (similarity {similarity[at]:.3f})",
            (("val", int(at)), ("train", int(index[at]))),
        )
        for at in np.flatnonzero(similarity >= e.limits.leak_similarity)
    ]
    return Finding(len(offenders), e.limits.leaked_pictures, offenders)


@check(
    "share of target photographs without colour of their own",
    "set clean.grayscale: remove; a network trained on gray targets paints gray",
)
def grayscale_targets(e: Evidence) -> Finding:
    offenders = [
        Offender(
            int(pairs.index["row"].iloc[at]), f"tone residual {value:.2f} in {side}", ((side, at),)
        )
        for side, pairs in e.sides.items()
        for at, value in enumerate(map(tone.residual, pairs.photo))
        if value < e.limits.tone_residual
    ]
    share = len(offenders) / max(1, len(e.train) + len(e.val))
    return Finding(share, e.limits.grayscale_share, offenders)


@check(
    "largest difference between a gray input and the mean of its photo's channels, in levels of 255",
    "inputs do not belong to their targets: run `dvc repro -f pair`",
)
def gray_is_mean(e: Evidence) -> Finding:
    worst, offenders = 0.0, []
    for side, pairs in e.sides.items():
        for at, (gray, photo) in enumerate(zip(pairs.gray, pairs.photo, strict=True)):
            error = float(np.abs(gray - photo.mean(axis=2, dtype=np.float32)).max())
            worst = max(worst, error)
            if error > e.limits.gray_error:
                row = int(pairs.index["row"].iloc[at])
                offenders.append(Offender(row, f"differs by {error:.1f} in {side}", ((side, at),)))
    return Finding(worst, e.limits.gray_error, offenders)


@check(
    "share of sketches with hardly any edge",
    "lower pair.canny.low and pair.canny.high, or pair.canny.blur",
)
def blank_edges(e: Evidence) -> Finding:
    offenders = []
    for side, pairs in e.sides.items():
        density = (np.asarray(pairs.canny) > 0).mean(axis=(1, 2))
        offenders += [
            Offender(
                int(pairs.index["row"].iloc[at]),
                f"edge density {density[at]:.4f}",
                ((side, int(at)),),
            )
            for at in np.flatnonzero(density < e.limits.edge_density)
        ]
    share = len(offenders) / max(1, len(e.train) + len(e.val))
    return Finding(share, e.limits.blank_edges_share, offenders)


@check("training pictures", "list more pictures, or see in metrics/clean.json where they went")
def train_size(e: Evidence) -> Finding:
    return Finding(len(e.train), e.limits.min_train, at_least=True)


@check("validation pictures", "raise split.val_fraction or list more pictures")
def val_size(e: Evidence) -> Finding:
    return Finding(len(e.val), e.limits.min_val, at_least=True)
