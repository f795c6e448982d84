"""Checks of the kept pictures: faults that clean measured and cleanvision knows, and blank ones."""

import numpy as np

from src.audit.evidence import Evidence
from src.audit.registry import Measurement, check
from src.vision.picture_faults import FAULTS

REMEDY = "look at them in the report; to remove them, add to clean.remove: "


@check(
    "share of photographs that are blurred",
    limit="blurred_share",
    allowed=0.01,
    thresholds={"sharpness": FAULTS["blurred"].limit},
    remedy=REMEDY + "{blurred: 0.25}",
    severity="warn",
)
def blurred_pictures(evidence: Evidence) -> Measurement:
    return _faulty(evidence, "blurred", evidence.limits["sharpness"])


@check(
    "share of photographs that are dark in their lightest parts",
    limit="dark_share",
    allowed=0.01,
    thresholds={"highlights": FAULTS["dark"].limit},  # levels of 255
    remedy=REMEDY + "{dark: 82}",
    severity="warn",
)
def dark_pictures(evidence: Evidence) -> Measurement:
    return _faulty(evidence, "dark", evidence.limits["highlights"])


@check(
    "share of photographs that are bright in their darkest parts",
    limit="bright_share",
    allowed=0.01,
    thresholds={"shadows": FAULTS["bright"].limit},  # levels of 255
    remedy=REMEDY + "{bright: 225}",
    severity="warn",
)
def bright_pictures(evidence: Evidence) -> Measurement:
    return _faulty(evidence, "bright", evidence.limits["shadows"])


@check(
    "share of photographs low in information: of hardly more than one level",
    limit="low_information_share",
    allowed=0.01,
    thresholds={"entropy": FAULTS["low_information"].limit},  # bits
    remedy=REMEDY + "{low_information: 2.0}",
    severity="warn",
)
def low_information_pictures(evidence: Evidence) -> Measurement:
    return _faulty(evidence, "low_information", evidence.limits["entropy"])


@check(
    "share of photographs so long or so high that the part cut from them shows little",
    limit="odd_aspect_share",
    allowed=0.01,
    thresholds={"aspect_ratio": FAULTS["odd_aspect"].limit},
    remedy=REMEDY + "{odd_aspect: 0.35}",
    severity="warn",
)
def odd_aspect_pictures(evidence: Evidence) -> Measurement:
    return _faulty(evidence, "odd_aspect", evidence.limits["aspect_ratio"])


@check(
    "share of photographs without detail by which copies could be told, such as plain skies",
    limit="blank_share",
    allowed=0.05,
    remedy="look at them in the report: copies among them are not found, so list pairs that are in "
    "clean.force (rulings/force.csv); if they are no examples, leave them out of the source",
    severity="warn",
)
def blank_pictures(evidence: Evidence) -> Measurement:
    offenders = [
        evidence.offender(side, index, "shows nothing to compare it by")
        for side, measures in evidence.measures.items()
        for index in np.flatnonzero(measures.are_blank).tolist()
    ]
    return len(offenders) / max(1, evidence.count), offenders


def _faulty(evidence: Evidence, word: str, limit: float) -> Measurement:
    """Return the share of pictures with a fault, and their rows.

    Args:
        evidence: Its ledger has the measures.
        word: The fault, a key of FAULTS.
        limit: Of its measure.
    """
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
