"""Run the checks and write what they found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from src.audit.checks import CHECKS
from src.audit.evidence import Evidence
from src.audit.registry import Check, Finding, Offender, When
from src.drawing.sheets import grid
from src.errors import UserError
from src.imaging.resizing import resize
from src.storage.atomic import write_bytes, write_json
from src.storage.encoding import encode_png

THUMBNAIL, COLUMNS, SHOWN = 96, 8, 32


def resolve_limits(overrides: Mapping[str, float]) -> dict[str, float]:
    """Return every check's limit and thresholds, with those of audit.limits in their place.

    Raises:
        UserError: An override belongs to no check.
    """
    own = {key: value for check in CHECKS for key, value in check.limits.items()}
    if unknown := sorted(set(overrides) - set(own)):
        raise UserError(f"audit.limits.{unknown[0]} is no check's: see `python -m src checks`")
    return own | dict(overrides)


def run(evidence: Any, when: When) -> dict[str, Finding]:
    """Return the finding of every check of that time, by name.

    Args:
        evidence: Evidence before training, OutputEvidence after it.
        when: Which checks run.
    """
    return {check.name: check.run(evidence) for check in CHECKS if check.when == when}


def write(findings: dict[str, Finding], ledger: pd.DataFrame, file: Path) -> None:
    """Every check with its measure, limit and offenders, as JSON."""
    rows = ledger.drop_duplicates("row").set_index("row")
    told = [_as_json(c, findings[c.name], rows) for c in CHECKS if c.name in findings]
    write_json(file, told)


def write_nearest(evidence: Evidence, file: Path) -> None:
    """For each validation picture its nearest training picture and their similarity, as JSON."""
    similarity, index = evidence.nearest
    nearest = [
        {
            "row": int(evidence.val.index["row"].iloc[at]),
            "train_row": int(evidence.train.index["row"].iloc[index[at]]),
            "similarity": round(float(similarity[at]), 4),
        }
        for at in range(len(evidence.val))
    ]
    write_json(file, nearest)


def write_sheets(evidence: Evidence, findings: dict[str, Finding], folder: Path) -> None:
    """A sheet of the offenders' thumbnails for each check that failed."""
    for name, finding in findings.items():
        shown = [o.pictures for o in finding.offenders if o.pictures][:SHOWN]
        if finding.failed and shown:
            write_bytes(folder / f"{name}.png", _sheet(shown, evidence))


def metrics(findings: dict[str, Finding]) -> dict:
    """metrics/audit.json or review.json: each measure and verdict as numbers."""
    checks = {
        name: {"value": round(f.value, 4), "limit": f.limit, "failed": int(f.failed)}
        for name, f in findings.items()
    }
    return {"failed": sum(f.failed for f in findings.values()), "checks": checks}


def _as_json(check: Check, finding: Finding, rows: pd.DataFrame) -> dict:
    return {
        "name": check.name,
        "description": check.description,
        "thresholds": finding.thresholds,
        "value": round(finding.value, 4),
        "limit": finding.limit,
        "at_least": finding.at_least,
        "failed": finding.failed,
        "severity": check.severity,
        "remedy": check.remedy,
        "offenders": [_offender(o, rows) for o in finding.offenders],
    }


def _offender(offender: Offender, rows: pd.DataFrame) -> dict:
    told = {"row": offender.row, "detail": offender.detail}
    if offender.row not in rows.index:
        unknown = {"item_id": "", "name": "not in the ledger", "file": "", "page": 0, "position": 0}
        return told | unknown
    row = rows.loc[offender.row]
    return told | {
        "item_id": row["item_id"],
        "name": "" if pd.isna(row["name"]) else row["name"],
        "file": "" if pd.isna(row["file"]) else row["file"],
        "page": int(row["page"]),
        "position": int(row["position"]),
    }


def _sheet(shown: list[tuple], evidence: Evidence) -> bytes:
    tiles = [
        resize(np.asarray(evidence.sides[side].photo[at]), THUMBNAIL, THUMBNAIL)
        for pictures in shown
        for side, at in pictures
    ]
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    return encode_png(grid([tiles[i : i + COLUMNS] for i in range(0, len(tiles), COLUMNS)]))
