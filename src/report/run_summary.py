"""A run in ten lines, for a terminal."""

from typing import Any

from src.report.page import Step, funnel
from src.report.results import Finding, Results, ScoreRow, failed_by_severity

ROWS = 4  # of scores
SETS = ("output", "input copied", "mean colour")  # the first columns of a row
FILES = "report: data/report/index.html; model: data/release"
EARLIER_FILES = "data/report and data/release are of an earlier run"
UNFINISHED = "The last run did not reach its end, so there is no verdict: run `dvc repro`"


def summary(results: Results, config: dict[str, Any]) -> str:
    """Return the verdict, the counts, validation's scores beside the baselines', and the report's path."""
    findings = [finding for group in results.findings.values() for finding in group]
    rows = [row for row in results.table() if row.standing][:ROWS]
    n = results.scores["val"]["n"]
    return "\n".join(
        [
            _verdict(findings) if results.is_current else UNFINISHED,
            *_counts(funnel(results.clean, results.split)),
            f"{config['model']}, task {config['task']}, {results.steps_words}: scores on {n:.0f} validation pictures",
            f"  {'':<17}" + "".join(f"{name:>18}" for name in SETS),
            *map(_scores, rows),
            FILES if results.is_current else EARLIER_FILES,
        ]
    )


def _verdict(findings: list[Finding]) -> str:
    failed = {
        severity: ", ".join(finding["name"] for finding in group)
        for severity, group in failed_by_severity(findings).items()
    }
    warned = f"; warnings: {failed['warn']}" if failed["warn"] else ""
    if failed["stop"]:
        fails = f"; the model fails {failed['fail']}" if failed["fail"] else ""
        return f"Do not trust the scores: {failed['stop']} failed{warned}{fails}"
    if failed["fail"]:
        return f"This model fails: {failed['fail']}{warned}"
    return f"No check failed{warned}" if warned else f"All {len(findings)} checks passed"


def _counts(steps: list[Step]) -> list[str]:
    listed, training, validation = steps[0].count, steps[-2].count, steps[-1].count
    lost = {name: count for step in steps for name, count in step.lost.items() if count}
    removed = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in lost.items())
    return [
        f"{listed} pictures listed: {training} for training, {validation} for validation",
        f"{sum(lost.values())} removed{': ' if lost else ''}{removed}",
    ]


def _scores(row: ScoreRow) -> str:
    cells = [cell.value for cell in row.cells[: len(SETS)]]
    return f"  {row.name:<17}{''.join(f'{cell:>18}' for cell in cells)}   {row.standing}"
