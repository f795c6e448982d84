"""Checks of what clean removed as a copy of what it kept, on a sample."""

from src.audit.evidence import Evidence
from src.audit.registry import CheckResult, Offender, check
from src.audit.removed_copies import SAMPLE


@check(
    f"share of near duplicates, of a sample of {SAMPLE}, that are no copies of what was kept",
    limit_key="unconfirmed_share",
    limit=0.05,
    thresholds={"confirmed_similarity": 0.9},  # below clean.similarity: a clear contradiction
    remedy="look at them with `python -m src explain FILE`: raise clean.similarity, lower "
    "clean.hash_distance, or list the pairs in clean.exclude (rulings/exclude.csv)",
    severity="warn",
)
def unconfirmed_copies(evidence: Evidence) -> CheckResult:
    offenders = [
        Offender(
            removal.row,
            f"was removed as a copy of row {removal.survivor}, which shows something else "
            f"(similarity {removal.similarity:.3f})",
        )
        for removal in evidence.removals
        if not removal.is_copy
    ]
    return len(offenders) / max(1, len(evidence.removals)), offenders


@check(
    f"share of near duplicates, of a sample of {SAMPLE}, that lack a caption or frame of what was kept",
    limit_key="captioned_share",
    limit=0.1,
    remedy="clean keeps unmarked copies: run `dvc repro -f clean`; list a pair that stays in "
    "clean.exclude (rulings/exclude.csv), which keeps both pictures",
    severity="warn",
)
def captioned_survivors(evidence: Evidence) -> CheckResult:
    places = {
        int(row): (side, index)
        for side, pairs in evidence.sides.items()
        for index, row in enumerate(pairs.index["row"])
    }
    offenders = [
        evidence.offender(
            *places[removal.survivor], f"has a strip that its copy, row {removal.row}, lacks"
        )
        for removal in evidence.removals
        if removal.is_copy and removal.marked_edges > 0 and removal.survivor in places
    ]
    return len(offenders) / max(1, len(evidence.removals)), offenders
