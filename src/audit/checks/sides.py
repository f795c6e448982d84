"""Checks of training and validation: nothing shared, and both large enough."""

import unicodedata
from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pandas as pd

from src.audit.evidence import Evidence
from src.audit.registry import CheckResult, Offender, check


@check(
    "items with pictures on both sides",
    limit_key="shared_items",
    limit=0,
    remedy="set split.group_by: person, so that an item stays on one side, and "
    "split.use_source_split: false if the source's own split parts it",
)
def shared_items(evidence: Evidence) -> CheckResult:
    shared = set(evidence.train.index["item_id"]) & set(evidence.val.index["item_id"])
    offenders = [
        evidence.offender("val", index, f"{item} is in training too")
        for index, item in enumerate(evidence.val.index["item_id"])
        if item in shared
    ]
    return len(shared), offenders


@check(
    "groups of one person or of proven copies, directly or over others, that are on both sides",
    limit_key="parted_groups",
    limit=0,
    remedy="the source's own split parts them: set split.use_source_split: false",
)
def parted_groups(evidence: Evidence) -> CheckResult:
    groups = dict(zip(evidence.ledger["row"], evidence.ledger["group"], strict=True))
    training = {groups[row] for row in evidence.train.index["row"] if pd.notna(groups.get(row))}
    offenders = [
        evidence.offender("val", index, f"its group, of row {groups[row]}, is in training too")
        for index, row in enumerate(evidence.val.index["row"])
        if groups.get(row) in training
    ]
    return len({groups[offender.row] for offender in offenders}), offenders


class NamedRow(NamedTuple):
    """A listed picture in the arrays: its side and place there, its ledger row and its item."""

    side: str
    place: int
    row: int
    item: str


@check(
    "names on both sides under different ids, regardless of case, accents and punctuation",
    limit_key="shared_names",
    limit=0,
    thresholds={"namesake_ids": 10},  # under more ids, it is no name: "Portrait"
    remedy="if it is one person, add to gallery.ignored_query the key in which the links differ; "
    "namesakes are no fault",
    severity="warn",
)
def shared_names(evidence: Evidence) -> CheckResult:
    count, offenders = 0, []
    for rows in _rows_by_name(evidence).values():
        if not 2 <= len({row.item for row in rows}) <= evidence.limits["namesake_ids"]:
            continue
        details = [(row, _namesake(row, rows)) for row in rows]
        named = [evidence.offender(r.side, r.place, detail) for r, detail in details if detail]
        count += bool(named)
        offenders += named
    return count, offenders


def _rows_by_name(evidence: Evidence) -> dict[str, list[NamedRow]]:
    """Return the rows of both sides by their plain names; names of files are left out."""
    ledger = evidence.ledger
    online = set(ledger.loc[ledger["page_url"].notna(), "row"])
    rows: dict[str, list[NamedRow]] = defaultdict(list)
    for side, pairs in evidence.sides.items():
        columns = (pairs.index[name] for name in ("row", "item_id", "name"))
        for place, (row, item, name) in enumerate(zip(*columns, strict=True)):
            plain = "" if row not in online or pd.isna(name) else _plain_name(name)
            if plain:
                rows[plain].append(NamedRow(side, place, int(row), item))
    return rows


def _plain_name(name: str) -> str:
    """Return a name's letters and digits without case and accents; "" if it has no letter.

    Marks of a class below 10 are parts of letters, as in Hindi and Japanese (Unicode Standard
    Annex 44, table 15).
    """
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", name.casefold())
        if character.isalnum()
        or (unicodedata.category(character)[0] == "M" and unicodedata.combining(character) < 10)
    )
    return plain if any(map(str.isalpha, plain)) else ""


def _namesake(row: NamedRow, rows: list[NamedRow]) -> str:
    """Return in words which of `rows` is another item on the other side; "" if none is."""
    for other in rows:
        if other.side != row.side and other.item != row.item:
            return f"has the name of row {other.row} in {other.side}, {other.item}"
    return ""


@check(
    "validation pictures of which training holds a copy",
    limit_key="leaked_pictures",
    limit=0,
    thresholds={"leak_similarity": 0.93},  # as clean.similarity
    remedy="set clean.duplicates: remove, or split.group_by: person without the source's own split "
    "(split.use_source_split: false); if they are set, look at the pairs in the report: list them in "
    "clean.force if they are copies, in clean.exclude if not",
)
def leaked_pictures(evidence: Evidence) -> CheckResult:
    similarities, indices, copies = evidence.nearest
    val_rows, train_rows = evidence.val.index["row"], evidence.train.index["row"]
    leaks = {val: (train, "by clean.force") for val, train in evidence.ruled("forced")}
    for index in np.flatnonzero(copies).tolist():
        leaks[int(index)] = int(indices[index]), f"similarity {similarities[index]:.3f}"
    offenders = []
    for val, (train, reason) in sorted(leaks.items()):
        detail = f"is row {train_rows.iloc[train]} in training ({reason})"
        pictures = (("val", val), ("train", train))
        offenders.append(Offender(int(val_rows.iloc[val]), detail, pictures))
    return len(offenders), offenders


@check(
    "share of the listed pictures that the largest cluster of copies holds",
    limit_key="cluster_share",
    limit=0.2,
    remedy="look at the cluster's pictures in the report: if they differ, raise clean.similarity or "
    "lower clean.hash_distance; if they are copies, the source repeats itself",
)
def giant_cluster(evidence: Evidence) -> CheckResult:
    clusters = evidence.ledger["cluster"].dropna()
    if clusters.empty:
        return 0.0, []
    largest = clusters.value_counts().sort_index().idxmax()
    members = evidence.ledger.loc[(evidence.ledger["cluster"] == largest).fillna(False), "row"]
    if len(members) == 1:
        return 0.0, []
    offenders = [Offender(int(row), f"is in the cluster of row {largest}") for row in members]
    return len(members) / len(evidence.ledger), offenders


@check(
    "training pictures",
    limit_key="min_train",
    limit=16,
    remedy="list more pictures, or see in metrics/clean.json why pictures are removed",
    at_least=True,
)
def train_size(evidence: Evidence) -> CheckResult:
    return len(evidence.train), []


@check(
    "validation pictures",
    limit_key="min_val",
    limit=4,
    remedy="raise split.val_fraction, or list more pictures",
    at_least=True,
)
def val_size(evidence: Evidence) -> CheckResult:
    return len(evidence.val), []
