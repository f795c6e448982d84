"""checks: what the audit measures, what it allows, and what to do about a failure."""

import click

from src.audit.registry import Check
from src.params import read_params

INTRODUCTION = """\
# Checks

`python -m src checks --markdown` prints this page. A failed check of severity `stop` stops training at
the gate. One of `fail` says that the trained model is of no use; `warn` only reports. Each check has a
limit for what it measures. Some also have thresholds that decide which pictures count. Limits are
overridden in `audit.limits`, which measures nothing again, and thresholds in `audit.thresholds`, for
example `dvc exp run -S +audit.limits.missing_share=0.05`; `-S '~audit.limits.missing_share'` takes it back."""
AFTER = """
The review prints how good the model is beside the better baseline, and each failed check with a remedy
that names the settings of the run. The report begins with this verdict, and the model card states it.
The review stops nothing, whatever audit.on_failure says: a ruined model is reported and recorded as an
experiment, so that you can look at it and compare it. `failed_checks` in `metrics/summary.json` counts
the failed checks before and after training.

Without gray in the input (tasks sketch and labels) the mean colour is a flat picture. L1 favours such a
picture, so that `flat_favour` weighs it, and SSIM is compared with copying the input alone.
"""
TITLES = {"before": "Before training", "after": "After training"}


@click.command(epilog="Example: python -m src checks --markdown > docs/checks.md")
@click.option("--markdown", is_flag=True, help="Print docs/checks.md, with the checks' own limits.")
def checks(markdown: bool) -> None:
    """List the checks of the audit with the limits of params.yaml."""
    click.echo(_markdown() if markdown else _listing())


def _listing() -> str:
    from src.audit.checks import CHECKS
    from src.audit.findings import resolve_limits

    audit = read_params().audit
    limits = resolve_limits(audit.limits, audit.thresholds)
    lines = []
    for check in CHECKS:
        lines += [
            f"{check.name} ({check.severity}, {check.when} training)",
            f"    measures  {check.description}",
            f"    allowed   {_bound(check)} {limits[check.limit_key]:g} (audit.limits.{check.limit_key})",
            *(
                f"    threshold {limits[key]:g} (audit.thresholds.{key})"
                for key in check.thresholds
            ),
            f"    remedy    {check.remedy}",
        ]
    return "\n".join(lines)


def _markdown() -> str:
    from src.audit.checks import CHECKS

    lines = [INTRODUCTION]
    for when, title in TITLES.items():
        lines += [
            f"\n## {title}\n{AFTER if when == 'after' else ''}",
            "| check | severity | measures | limit and thresholds | remedy |",
            "| --- | --- | --- | --- | --- |",
            *(_row(check) for check in CHECKS if check.when == when),
        ]
    return "\n".join(lines)


def _row(check: Check) -> str:
    keys = [f"`{check.limit_key}`: {_bound(check)} {check.limit:g}"]
    keys += [f"`{key}`: {value:g}" for key, value in check.thresholds.items()]
    cells = [f"`{check.name}`", check.severity, check.description, "<br>".join(keys), check.remedy]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _bound(check: Check) -> str:
    return "at least" if check.at_least else "at most"
