"""bugs: the catalogue of known data bugs, and the lab that runs them as experiments."""

from pathlib import Path
from typing import get_args

import click

from src.bugs import lab
from src.bugs.catalogue import Stage, catalogue, find_bug
from src.errors import UserError
from src.storage.atomic import read_json

METRICS = Path("metrics")


@click.group(epilog="Example: python -m src bugs show the_story")
def bugs() -> None:
    """List the known data bugs, show one, or run them as DVC experiments."""


@bugs.command("list", epilog="Example: python -m src bugs list")
def list_bugs() -> None:
    """Print the name and story of every bug."""
    for name, bug in catalogue().items():
        click.echo(f"{name}: {bug.story}")


@bugs.command(short_help="Print one bug.", epilog="Example: python -m src bugs show the_story")
@click.argument("name")
def show(name: str) -> None:
    """Print a bug's story, the checks that catch it and the command that runs it."""
    bug = find_bug(name)
    caught = ", ".join(bug.checks) or f"a stage refuses: {bug.refused}"
    click.echo(f"{name}\n    {bug.story}\n    caught by  {caught}")
    click.echo(f"    scores     {bug.scores}\n    run        {lab.command(name)}")


@bugs.command(
    short_help="Run bugs as experiments.", epilog="Example: python -m src bugs run rows_lost"
)
@click.argument("names", nargs=-1)
def run(names: tuple[str, ...]) -> None:
    """Run the bugs NAMES on a small demo and print a table of the results.

    Without NAMES all bugs run, and metrics/bugs.json and bugs.md are written. An interrupted run
    resumes. Uncommitted changes are ignored.
    """
    entries = lab.run(names or catalogue(), Path())
    if not names:
        lab.write(entries, METRICS)
    click.echo(lab.table(entries), nl=False)
    if missed := [name for name, entry in entries.items() if entry["missed"]]:
        raise UserError(f"not caught by the checks that bugs.yaml names: {', '.join(missed)}")


@bugs.command(short_help="Print the recorded results.", epilog="Example: python -m src bugs table")
def table() -> None:
    """Print metrics/bugs.json as the Markdown table of docs/bugs.md."""
    file = METRICS / "bugs.json"
    remedy = "`git checkout metrics` restores it, `make bugs` runs all"
    if not file.exists():
        raise UserError(f"{file} is missing: {remedy}")
    click.echo(lab.table(read_json(file, remedy)["bugs"]), nl=False)


@bugs.command(hidden=True)  # what `run` appends to a stage's command
@click.argument("name")
@click.argument("stage", type=click.Choice(get_args(Stage)))
def mutate(name: str, stage: Stage) -> None:
    """Apply a bug's mutations to what STAGE wrote in the working folder."""
    find_bug(name).mutate(stage, Path())
