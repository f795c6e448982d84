"""Checks of training and validation: nothing shared, and both large enough."""

import numpy as np

from src.audit.evidence import Evidence
from src.audit.registry import Measurement, Offender, check


@check(
    "items with pictures on both sides",
    limit="shared_items",
    allowed=0,
    remedy="set split.group_by: person, so that an item stays on one side",
)
def shared_items(evidence: Evidence) -> Measurement:
    shared = set(evidence.train.index["item_id"]) & set(evidence.val.index["item_id"])
    offenders = [
        evidence.offender("val", index, f"{item} is in training too")
        for index, item in enumerate(evidence.val.index["item_id"])
        if item in shared
    ]
    return len(shared), offenders


@check(
    "validation pictures of which training holds a copy",
    limit="leaked_pictures",
    allowed=0,
    thresholds={"leak_similarity": 0.93},  # as clean.similarity
    remedy="set clean.duplicates: remove, or split.group_by: person; if they are set, look at the "
    "pairs in the report: raise clean.hash_distance if they are copies, "
    "audit.limits.leak_similarity if not",
)
def leaked_pictures(evidence: Evidence) -> Measurement:
    similarities, indices = evidence.nearest
    val_rows, train_rows = evidence.val.index["row"], evidence.train.index["row"]
    offenders = []
    for val in np.flatnonzero(similarities >= evidence.limits["leak_similarity"]):
        train = indices[val]
        detail = f"is row {train_rows.iloc[train]} in training (similarity {similarities[val]:.3f})"
        pictures = (("val", int(val)), ("train", int(train)))
        offenders.append(Offender(int(val_rows.iloc[val]), detail, pictures))
    return len(offenders), offenders


@check(
    "share of the listed pictures that the largest cluster of copies holds",
    limit="cluster_share",
    allowed=0.2,
    remedy="look at the cluster's pictures in the report: if they differ, raise clean.similarity or "
    "lower clean.hash_distance; if they are copies, the source repeats itself",
)
def giant_cluster(evidence: Evidence) -> Measurement:
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
    limit="min_train",
    allowed=16,
    remedy="list more pictures, or see in metrics/clean.json why pictures are removed",
    at_least=True,
)
def train_size(evidence: Evidence) -> Measurement:
    return len(evidence.train), []


@check(
    "validation pictures",
    limit="min_val",
    allowed=4,
    remedy="raise split.val_fraction, or list more pictures",
    at_least=True,
)
def val_size(evidence: Evidence) -> Measurement:
    return len(evidence.val), []
