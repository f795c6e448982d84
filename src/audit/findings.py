"""Run the checks and write their findings."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from src.audit.checks import CHECKS
from src.audit.evidence import Evidence, OutputEvidence
from src.audit.registry import Check, CheckResult, Finding, Offender, When
from src.dataset.arrays import Pairs
from src.drawing.sheets import grid
from src.errors import REBUILD, UserError
from src.imaging.resizing import resize
from src.storage.atomic import read_json, write_bytes, write_json
from src.storage.encoding import encode_png
from src.storage.slices import slices

THUMBNAIL_PX = 96
COLUMNS = 8  # thumbnails in a row of a sheet
MAX_OFFENDERS = 32  # on a sheet


def resolve_limits(
    limits: Mapping[str, float], thresholds: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Return every check's limit and thresholds, with overrides of audit in their place.

    Raises:
        UserError: An override belongs to no check, or to the other section; or a threshold that is
            a share is above 1.
    """
    thresholds = thresholds or {}
    own_limits = {check.limit_key: check.limit for check in CHECKS}
    own_thresholds = {key: value for check in CHECKS for key, value in check.thresholds.items()}
    _require_known("limits", limits, own_limits, own_thresholds, "thresholds")
    _require_known("thresholds", thresholds, own_thresholds, own_limits, "limits")
    for key, value in thresholds.items():
        if own_thresholds[key] < 1 < value:
            raise UserError(
                f"audit.thresholds.{key} = {value:g}: expected a share of at most 1, as its default "
                f"{own_thresholds[key]:g} is"
            )
    return {**own_limits, **own_thresholds, **limits, **thresholds}


def _require_known(
    section: str,
    overrides: Iterable[str],
    known: Container[str],
    others: Container[str],
    other_section: str,
) -> None:
    """Raise UserError for an override of audit.`section` that belongs to no check, or elsewhere."""
    for key in sorted(overrides):
        if key in known:
            continue
        if key in others:
            raise UserError(f"audit.{section}.{key} is now called audit.{other_section}.{key}")
        raise UserError(
            f"audit.{section}.{key} belongs to no check: "
            f"`python -m src checks` lists the {section} of all checks"
        )


def measure(evidence: Evidence | OutputEvidence, when: When) -> dict[str, CheckResult]:
    """Return what every check measures before or after training, by its name."""
    return {check.name: check.measure(evidence) for check in CHECKS if check.when == when}


def write_measures(measures: dict[str, CheckResult], file: Path) -> None:
    """Write what the checks measured as JSON, in full precision."""
    write_json(
        file,
        {
            name: {"value": float(value), "offenders": [asdict(offender) for offender in offenders]}
            for name, (value, offenders) in measures.items()
        },
    )


def judge(file: Path, limits: Mapping[str, float]) -> dict[str, Finding]:
    """Return the findings on what `write_measures` wrote, by the checks' names.

    Raises:
        UserError: The file is missing, or holds something else.
    """
    measures = read_json(file)
    checks = [check for check in CHECKS if check.when == "before"]
    try:
        entries = {check.name: _result(measures[check.name]) for check in checks}
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(f"{file} is not what the audit wrote ({error!r}): {REBUILD}") from None
    return {check.name: check.judge(entries[check.name], limits) for check in checks}


def _result(entry: dict[str, Any]) -> CheckResult:
    """Return an entry of the file that `write_measures` wrote."""
    offenders = [
        Offender(o["row"], o["detail"], tuple((s, i) for s, i in o["pictures"]), o["value"])
        for o in entry["offenders"]
    ]
    return float(entry["value"]), offenders


def run(evidence: Evidence | OutputEvidence, when: When) -> dict[str, Finding]:
    """Return the finding of every check before or after training, by its name."""
    return {check.name: check.run(evidence) for check in CHECKS if check.when == when}


def failures(findings: dict[str, Finding]) -> dict[str, str]:
    """Return the severity of each check that failed, by its name."""
    return {c.name: c.severity for c in CHECKS if c.name in findings and findings[c.name].failed}


def write(findings: dict[str, Finding], ledger: pd.DataFrame, file: Path) -> None:
    """Write every check with its value, limit and offenders, as the ledger describes them."""
    rows = ledger.drop_duplicates("row").set_index("row")
    write_json(file, [_check_json(c, findings[c.name], rows) for c in CHECKS if c.name in findings])


def write_nearest(evidence: Evidence, file: Path) -> None:
    """Write each validation picture's nearest training picture, and whether it is a copy, as JSON."""
    val_rows, train_rows = (pairs.index["row"] for pairs in (evidence.val, evidence.train))
    nearest = [
        {
            "row": int(row),
            "train_row": int(train_rows.iloc[index]),
            "similarity": round(float(similarity), 4),
            "copy": bool(is_copy),
        }
        for row, similarity, index, is_copy in zip(val_rows, *evidence.nearest, strict=True)
    ]
    write_json(file, nearest)


def write_sheets(sides: Mapping[str, Pairs], findings: dict[str, Finding], folder: Path) -> None:
    """Write a sheet of the offenders' thumbnails for each check that failed."""
    for name, finding in findings.items():
        pictures = [offender.pictures for offender in finding.offenders if offender.pictures]
        if finding.failed and pictures:
            write_bytes(folder / f"{name}.png", _sheet(pictures[:MAX_OFFENDERS], sides))


def metrics(findings: dict[str, Finding]) -> dict[str, Any]:
    """Return each check's value, limit and outcome as numbers: audit.json or review.json."""
    checks = {
        name: {"value": round(f.value, 4), "limit": f.limit, "failed": int(f.failed)}
        for name, f in findings.items()
    }
    return {"failed": sum(f.failed for f in findings.values()), "checks": checks}


def _check_json(check: Check, finding: Finding, rows: pd.DataFrame) -> dict[str, Any]:
    return {
        "name": check.name,
        "description": check.description,
        "thresholds": finding.thresholds,
        "value": round(finding.value, 4),
        "limit": finding.limit,
        "at_least": finding.at_least,
        "failed": finding.failed,
        "severity": check.severity,
        "remedy": finding.remedy,
        "offenders": [_offender_json(offender, rows) for offender in finding.offenders],
    }


def _offender_json(offender: Offender, rows: pd.DataFrame) -> dict[str, Any]:
    fault = {"row": offender.row, "detail": offender.detail}
    if offender.row not in rows.index:
        unknown = {"item_id": "", "name": "not in the ledger", "file": "", "page": 0, "position": 0}
        return fault | unknown
    row = rows.loc[offender.row].to_dict()
    return fault | {
        "item_id": row["item_id"],
        "name": "" if pd.isna(row["name"]) else row["name"],
        "file": "" if pd.isna(row["file"]) else row["file"],
        "page": int(row["page"]),
        "position": int(row["position"]),
    }


def _sheet(pictures: list[tuple[tuple[str, int], ...]], sides: Mapping[str, Pairs]) -> bytes:
    """Return a PNG of thumbnails in rows; `pictures` are each offender's."""
    # of all sides alike: proportions may differ by a pixel
    height, width = next(iter(sides.values())).photo.shape[1:3]
    scale = THUMBNAIL_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    tiles = [
        resize(np.asarray(sides[side].photo[index]), *size)
        for offender_pictures in pictures
        for side, index in offender_pictures
    ]
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    return encode_png(grid([tiles[columns] for columns in slices(len(tiles), COLUMNS)]))
