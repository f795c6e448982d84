"""Rows from stage to stage: none lost, none doubled, none under another's name."""

from collections import Counter

import pandas as pd

from src.audit.evidence import Evidence
from src.audit.registry import Measure, Offender, check


@check(
    "rows lost or doubled between the ledger and the arrays",
    limit="lost_rows",
    allowed=0,
    remedy="a stage dropped or repeated rows: run `dvc repro -f pair`, and compare the counts in "
    "metrics/split.json and metrics/pair.json",
)
def lost_rows(e: Evidence) -> Measure:
    listed = Counter(e.ledger["row"])
    offenders = [
        Offender(int(row), f"stands {count} times in the ledger")
        for row, count in listed.items()
        if count > 1
    ]
    offenders += [
        Offender(row, "is missing from the ledger")
        for row in range(max(listed, default=0))
        if row not in listed
    ]
    forgotten = (e.ledger["verdict"] == "keep").fillna(False) & e.ledger["side"].isna()
    offenders += [
        Offender(int(row), "is kept and on no side") for row in e.ledger.loc[forgotten, "row"]
    ]
    if e.scraped is not None and e.scraped != len(e.ledger):
        detail = f"is the last of {len(e.ledger)} rows, scrape wrote {e.scraped}"
        offenders.append(Offender(max(listed, default=0), detail))
    for side, pairs in e.sides.items():
        made = Counter(pairs.index["row"])
        wanted = set(e.ledger.loc[(e.ledger["side"] == side).fillna(False), "row"])
        for row in sorted(wanted | set(made)):
            if made[row] != (row in wanted):
                detail = f"is {made[row]} times in {side}, should be {int(row in wanted)} times"
                offenders.append(Offender(int(row), detail))
    return len(offenders), offenders


@check(
    "pairs whose id or name is not that of their ledger row",
    limit="misnamed_pairs",
    allowed=0,
    remedy="the arrays' index slipped against the ledger: run `dvc repro -f pair`",
)
def misnamed_pairs(e: Evidence) -> Measure:
    known = e.ledger.drop_duplicates("row").set_index("row")[["item_id", "name"]]
    offenders = []
    for side, pairs in e.sides.items():
        told = known.reindex(pairs.index["row"]).reset_index(drop=True)
        found = pairs.index[["item_id", "name"]].reset_index(drop=True)
        # a name may be missing on both
        same = (told == found) | (pd.isna(told) & pd.isna(found))
        for at in (~same.fillna(False).all(axis=1)).to_numpy().nonzero()[0]:
            detail = f"is {found['item_id'][at]}, the ledger says {told['item_id'][at]}"
            offenders.append(e.at(side, at, detail))
    return len(offenders), offenders
