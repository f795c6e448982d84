"""Decides from the findings of the audit whether training may start."""

from pathlib import Path
from typing import Any, Literal

from src.errors import UserError
from src.storage.atomic import read_json

# By which validation holds what training has seen: the gap between both means nothing then.
LEAKS = {"leaked_pictures", "shared_items", "parted_groups"}
NAMED_OFFENDERS = 3  # of each failed check


def gate(findings: Path, on_failure: Literal["stop", "report"]) -> str:
    """Return a summary of the failed checks if training may start.

    Args:
        findings: The file data/findings/findings.json.
        on_failure: Whether failed checks stop training, or are only reported. Checks of severity
            `warn` never stop it.

    Raises:
        UserError: Training must not start. The message names each failed check, its value, its
            limit, the first rows at fault and the remedy.
    """
    text = summary(findings, "their pictures are in the same folder")
    if on_failure == "stop" and any(finding["severity"] == "stop" for finding in _failed(findings)):
        raise UserError(f"{text}\nTo train all the same, set audit.on_failure: report")
    return text


def summary(findings: Path, pictures: str) -> str:
    """Return each failed check with its value, its limit, the first rows at fault and the remedy.

    `pictures` says where the pictures at fault are.
    """
    failed = _failed(findings)
    if not failed:
        return "every check passed"
    lines = [f"{len(failed)} of the checks failed:", *map(_summary, failed)]
    return "\n".join([*lines, f"{findings} lists every row at fault; {pictures}."])


def leaks(findings: Path) -> int:
    """Return 1 if a check finds in validation what training has seen, whatever is allowed, else 0."""
    return int(any(f["name"] in LEAKS and f["value"] > 0 for f in read_json(findings)))


def _failed(findings: Path) -> list[dict[str, Any]]:
    return [finding for finding in read_json(findings) if finding["failed"]]


def _summary(finding: dict[str, Any]) -> str:
    bound = "at least" if finding["at_least"] else "at most"
    named = [
        f"row {o['row']} (page {o['page']}, {o['item_id']}, {o['file'] or 'no file'}: {o['detail']})"
        for o in finding["offenders"][:NAMED_OFFENDERS]
    ]
    others = len(finding["offenders"]) - len(named)
    rows = "; ".join(named) + (f"; and {others} more" if others else "")
    return (
        f"  {finding['name']} ({finding['severity']}): {finding['description']}: {finding['value']:g}, allowed {bound} "
        f"{finding['limit']:g}\n    {rows or 'no single row is at fault'}\n    → {finding['remedy']}"
    )
