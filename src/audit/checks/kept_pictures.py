"""Checks of the kept pictures: faults that clean measured and cleanvision knows, and blank ones."""

from collections.abc import Callable

import numpy as np

from src.audit.evidence import Evidence
from src.audit.registry import CheckResult, Measure, check
from src.vision.picture_faults import FAULTS


def check_fault(word: str, description: str) -> Callable[[Measure], Measure]:
    """Register the decorated function as the check for a fault, a key of FAULTS."""
    fault = FAULTS[word]
    return check(
        description,
        limit_key=f"{word}_share",
        limit=0.01,
        thresholds={fault.measure: fault.limit},
        remedy="look at them in the report; to remove them, add to clean.remove: "
        f"{{{word}: {fault.limit}}}",
        severity="warn",
    )


@check_fault("blurred", "share of photographs that are blurred")
def blurred_pictures(evidence: Evidence) -> CheckResult:
    return _faulty(evidence, "blurred", evidence.limits["sharpness"])


@check_fault("dark", "share of photographs that are dark in their lightest parts")
def dark_pictures(evidence: Evidence) -> CheckResult:
    return _faulty(evidence, "dark", evidence.limits["highlights"])


@check_fault("bright", "share of photographs that are bright in their darkest parts")
def bright_pictures(evidence: Evidence) -> CheckResult:
    return _faulty(evidence, "bright", evidence.limits["shadows"])


@check_fault(
    "low_information",
    "share of photographs low in information: of hardly more than one level",
)
def low_information_pictures(evidence: Evidence) -> CheckResult:
    return _faulty(evidence, "low_information", evidence.limits["entropy"])


@check_fault(
    "odd_aspect",
    "share of photographs so long or so high that the part cut from them shows little",
)
def odd_aspect_pictures(evidence: Evidence) -> CheckResult:
    return _faulty(evidence, "odd_aspect", evidence.limits["aspect_ratio"])


@check(
    "share of photographs without detail by which copies could be told, such as plain skies",
    limit_key="blank_share",
    limit=0.05,
    remedy="look at them in the report: copies among them are not found, so list pairs that are in "
    "clean.force (rulings/force.csv); if they are no examples, leave them out of the source",
    severity="warn",
)
def blank_pictures(evidence: Evidence) -> CheckResult:
    offenders = [
        evidence.offender(side, index, "shows nothing to compare it by")
        for side, measures in evidence.measures.items()
        for index in np.flatnonzero(measures.are_blank).tolist()
    ]
    return len(offenders) / max(1, evidence.count), offenders


def _faulty(evidence: Evidence, word: str, limit: float) -> CheckResult:
    """Return the share of pictures whose measure of a fault is beyond a limit, and their rows."""
    fault = FAULTS[word]
    measured = evidence.ledger[["row", fault.measure]].dropna()
    values = dict(zip(measured["row"], measured[fault.measure].astype(float), strict=True))
    name = fault.measure.replace("_", " ")
    offenders = [
        evidence.offender(side, index, f"{name} {values[row]:g}")
        for side, pairs in evidence.sides.items()
        for index, row in enumerate(pairs.index["row"])
        if row in values and fault.found(values[row], limit)
    ]
    return len(offenders) / max(1, evidence.count), offenders
