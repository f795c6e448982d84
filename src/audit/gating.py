"""Whether training may go on after what the checks found."""

from pathlib import Path
from typing import Literal

from src.errors import UserError
from src.storage.atomic import read_json

LEAKS = {"leaked_pictures", "shared_items"}  # while they fail, a gap means nothing


def gate(findings: Path, on_failure: Literal["stop", "report"]) -> str:
    """A summary where training may go on; UserError with the failed checks where it may not.

    Checks of severity `warn` are told, and stop nothing.
    """
    failed = [finding for finding in read_json(findings) if finding["failed"]]
    if not failed:
        return "every check passed"
    lines = [_sentence(finding) for finding in failed]
    text = f"{len(failed)} of the checks failed:\n" + "\n".join(lines)
    text += f"\nEvery row at fault is in {findings}, pictures beside it."
    if on_failure == "stop" and any(finding["severity"] == "stop" for finding in failed):
        raise UserError(f"{text}\nTo go on all the same: audit.on_failure: report")
    return text


def leaks(findings: Path) -> int:
    """1 where a check found that validation holds what training has seen, else 0."""
    failed = {finding["name"] for finding in read_json(findings) if finding["failed"]}
    return int(bool(failed & LEAKS))


def _sentence(finding: dict) -> str:
    bound = "at least" if finding["at_least"] else "at most"
    shown = [
        f"row {o['row']} (page {o['page']}, {o['item_id']}, {o['file'] or 'no file'}: {o['detail']})"
        for o in finding["offenders"][:3]
    ]
    more = len(finding["offenders"]) - len(shown)
    rows = "; ".join(shown) + (f"; and {more} more" if more else "")
    return (
        f"  {finding['name']} ({finding['severity']}): {finding['description']}: {finding['value']:g}, allowed {bound} "
        f"{finding['limit']:g}\n    {rows or 'no single row is at fault'}\n    → {finding['remedy']}"
    )
