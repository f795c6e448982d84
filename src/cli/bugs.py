"""bugs: the catalogue of known data bugs, and the lab that runs them as experiments."""

from pathlib import Path
from typing import get_args

import click

from src.bugs import lab
from src.bugs.catalogue import Stage, bug, catalogue
from src.errors import UserError
from src.storage.atomic import read_json


@click.group(epilog="Example: python -m src bugs show the_story")
def bugs() -> None:
    """List the known data bugs, show one, or run them as DVC experiments."""


@bugs.command("list", epilog="Example: python -m src bugs list")
def list_bugs() -> None:
    """Print every bug in a line."""
    for name, entry in catalogue().items():
        click.echo(f"{name}: {entry.story}")


@bugs.command(epilog="Example: python -m src bugs show the_story")
@click.argument("name")
def show(name: str) -> None:
    """Print the story of a bug, the checks that catch it and the command that runs it."""
    entry = bug(name)
    caught = ", ".join(entry.checks) or f"a stage refuses: {entry.refused}"
    click.echo(f"{name}\n    {entry.story}\n    caught by  {caught}")
    click.echo(f"    scores     {entry.scores}\n    run        {lab.command(name)}")


@bugs.command(epilog="Example: python -m src bugs run rows_lost")
@click.argument("names", nargs=-1)
def run(names: tuple[str, ...]) -> None:
    """Run the bugs NAMES on a small demo; without NAMES all of them, into metrics/."""
    entries = lab.run(list(names or catalogue()), Path())
    if not names:
        lab.write(entries, Path("metrics"))
    click.echo(lab.table(entries), nl=False)
    if missed := [name for name, entry in entries.items() if entry["missed"]]:
        raise UserError(f"not caught by the checks they name: {', '.join(missed)}")


@bugs.command(epilog="Example: python -m src bugs table")
def table() -> None:
    """Print the recorded results of all bugs as the Markdown table of docs/bugs.md."""
    click.echo(lab.table(read_json(Path("metrics/bugs.json"))["bugs"]), nl=False)


@bugs.command(hidden=True)  # what `run` appends to a stage's command
@click.argument("name")
@click.argument("stage", type=click.Choice(get_args(Stage)))
def mutate(name: str, stage: Stage) -> None:
    """Apply a bug's mutations to what STAGE has just written here."""
    bug(name).mutate(stage, Path())
