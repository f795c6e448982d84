"""Run the checks and write what they found."""

from pathlib import Path

import numpy as np

from src import images
from src.audit.checks import CHECKS, Evidence, Finding, Offender
from src.files import write_bytes, write_json

THUMBNAIL, COLUMNS, SHOWN = 96, 8, 32


def run(evidence: Evidence) -> dict[str, Finding]:
    """Every check's finding, by name."""
    return {check.name: check.run(evidence) for check in CHECKS}


def write(evidence: Evidence, findings: dict[str, Finding], folder: Path) -> None:
    """findings.json with every offender, nearest.json, and a sheet of thumbnails per failure."""
    write_json(folder / "findings.json", [_as_json(c, findings[c.name], evidence) for c in CHECKS])
    similarity, index = evidence.nearest
    nearest = [
        {
            "row": int(evidence.val.index["row"].iloc[at]),
            "train_row": int(evidence.train.index["row"].iloc[index[at]]),
            "similarity": round(float(similarity[at]), 4),
        }
        for at in range(len(evidence.val))
    ]
    write_json(folder / "nearest.json", nearest)
    for name, finding in findings.items():
        shown = [o.pictures for o in finding.offenders if o.pictures][:SHOWN]
        if finding.failed and shown:
            write_bytes(folder / f"{name}.png", _sheet(shown, evidence))


def metrics(findings: dict[str, Finding]) -> dict:
    """metrics/audit.json: each measure and verdict as numbers."""
    checks = {
        name: {"value": round(f.value, 4), "limit": f.limit, "failed": int(f.failed)}
        for name, f in findings.items()
    }
    return {"failed": sum(f.failed for f in findings.values()), "checks": checks}


def _as_json(check, finding: Finding, evidence: Evidence) -> dict:
    return {
        "name": check.name,
        "measures": check.measures,
        "value": round(finding.value, 4),
        "limit": finding.limit,
        "at_least": finding.at_least,
        "failed": finding.failed,
        "remedy": check.remedy,
        "offenders": [_offender(o, evidence) for o in finding.offenders],
    }


def _offender(offender: Offender, evidence: Evidence) -> dict:
    row = evidence.ledger.iloc[offender.row]
    return {
        "row": offender.row,
        "item_id": row["item_id"],
        "name": row["name"],
        "page": int(row["page"]),
        "position": int(row["position"]),
        "detail": offender.detail,
    }


def _sheet(shown: list[tuple], evidence: Evidence) -> bytes:
    tiles = [
        images.resize(np.asarray(evidence.sides[side].photo[at]), THUMBNAIL, THUMBNAIL)
        for pictures in shown
        for side, at in pictures
    ]
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    return images.png(images.grid([tiles[i : i + COLUMNS] for i in range(0, len(tiles), COLUMNS)]))
