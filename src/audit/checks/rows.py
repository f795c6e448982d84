"""Checks of the rows from stage to stage: none is lost, repeated, or under another's name."""

from collections import Counter

import pandas as pd

from src.audit.evidence import Evidence
from src.audit.registry import CheckResult, Offender, check


@check(
    "rows lost or repeated between the ledger and the arrays",
    limit_key="lost_rows",
    limit=0,
    remedy="a stage dropped or repeated rows: run `dvc repro -f pair`, and compare the counts in "
    "metrics/split.json and metrics/pair.json",
)
def lost_rows(evidence: Evidence) -> CheckResult:
    offenders = [*_ledger_faults(evidence), *_side_faults(evidence)]
    return len(offenders), offenders


def _ledger_faults(evidence: Evidence) -> list[Offender]:
    ledger = evidence.ledger
    counts = Counter(ledger["row"])
    last = max(counts, default=0)
    offenders = [
        Offender(int(row), f"is {count} times in the ledger")
        for row, count in counts.items()
        if count > 1
    ]
    offenders += [
        Offender(row, "is missing from the ledger") for row in range(last) if row not in counts
    ]
    is_kept = (ledger["verdict"] == "keep").fillna(False)
    is_used = ledger["side"].isin(list(evidence.sides))
    offenders += [
        Offender(int(row), "is kept and on no side") for row in ledger["row"][is_kept & ~is_used]
    ]
    removed = ledger[~is_kept & (is_used | ledger["verdict"].isna())]
    offenders += [
        Offender(int(row), f"has the verdict {verdict} and the side {side}")
        for row, verdict, side in zip(
            removed["row"], removed["verdict"], removed["side"], strict=True
        )
    ]
    scraped = evidence.scraped_rows
    if scraped is not None and scraped != len(ledger):
        detail = f"is the last of {len(ledger)} rows, scrape wrote {scraped}"
        offenders.append(Offender(last, detail))
    return offenders


def _side_faults(evidence: Evidence) -> list[Offender]:
    offenders = []
    for side, pairs in evidence.sides.items():
        counts = Counter(pairs.index["row"])
        is_on_side = (evidence.ledger["side"] == side).fillna(False)
        expected = set(evidence.ledger.loc[is_on_side, "row"])
        for row in sorted(expected | set(counts)):
            if counts[row] != (row in expected):
                detail = f"is {counts[row]} times in {side}, should be {int(row in expected)} times"
                offenders.append(Offender(int(row), detail))
    return offenders


@check(
    "pairs whose id or name differs from that of their ledger row",
    limit_key="misnamed_pairs",
    limit=0,
    remedy="the arrays' index is shifted against the ledger: run `dvc repro -f pair`",
)
def misnamed_pairs(evidence: Evidence) -> CheckResult:
    names = evidence.ledger.drop_duplicates("row").set_index("row")[["item_id", "name"]]
    offenders = []
    for side, pairs in evidence.sides.items():
        expected = names.reindex(pairs.index["row"]).reset_index(drop=True)
        actual = pairs.index[["item_id", "name"]].reset_index(drop=True)
        # a name may be missing from both
        is_equal = (expected == actual) | (pd.isna(expected) & pd.isna(actual))
        for index in (~is_equal.fillna(False).all(axis=1)).to_numpy().nonzero()[0]:
            detail = f"is {actual['item_id'][index]}, the ledger says {expected['item_id'][index]}"
            offenders.append(evidence.offender(side, int(index), detail))
    return len(offenders), offenders
