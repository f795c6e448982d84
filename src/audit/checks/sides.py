"""Training and validation: apart from each other, and large enough."""

import numpy as np

from src.audit.evidence import Evidence
from src.audit.registry import Measure, Offender, check


@check(
    "people with pictures on both sides",
    limit="shared_items",
    allowed=0,
    remedy="set split.group_by: person, so that a person stays on one side",
)
def shared_people(e: Evidence) -> Measure:
    shared = set(e.train.index["item_id"]) & set(e.val.index["item_id"])
    offenders = [
        e.at("val", at, f"{item} is in training too")
        for at, item in enumerate(e.val.index["item_id"])
        if item in shared
    ]
    return len(shared), offenders


@check(
    "validation pictures that training has too, or a near copy of them",
    limit="leaked_pictures",
    allowed=0,
    thresholds={"leak_similarity": 0.93},  # as clean.similarity
    remedy="set clean.duplicates: remove, or split.group_by: person; where they are set, look at the pairs in "
    "the report: raise clean.hash_distance if they are copies, audit.limits.leak_similarity if not",
)
def leaked_pictures(e: Evidence) -> Measure:
    similarity, index = e.nearest
    offenders = [
        Offender(
            int(e.val.index["row"].iloc[at]),
            f"is row {e.train.index['row'].iloc[index[at]]} in training (similarity {similarity[at]:.3f})",
            (("val", int(at)), ("train", int(index[at]))),
        )
        for at in np.flatnonzero(similarity >= e.limits["leak_similarity"])
    ]
    return len(offenders), offenders


@check(
    "share of the listed pictures that one cluster of copies holds",
    limit="cluster_share",
    allowed=0.2,
    remedy="look at the cluster's pictures in the report: where they differ, raise clean.similarity or "
    "lower clean.hash_distance; where they are copies, the source repeats itself",
)
def giant_cluster(e: Evidence) -> Measure:
    clusters = e.ledger["cluster"].dropna()
    if clusters.empty:
        return 0.0, []
    largest = clusters.value_counts().sort_index().idxmax()
    members = e.ledger.loc[(e.ledger["cluster"] == largest).fillna(False), "row"]
    if len(members) == 1:
        return 0.0, []
    offenders = [Offender(int(row), f"is in the cluster of row {largest}") for row in members]
    return len(members) / len(e.ledger), offenders


@check(
    "training pictures",
    limit="min_train",
    allowed=16,
    remedy="list more pictures, or see in metrics/clean.json where they went",
    at_least=True,
)
def train_size(e: Evidence) -> Measure:
    return len(e.train), []


@check(
    "validation pictures",
    limit="min_val",
    allowed=4,
    remedy="raise split.val_fraction or list more pictures",
    at_least=True,
)
def val_size(e: Evidence) -> Measure:
    return len(e.val), []
