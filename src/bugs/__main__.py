"""The catalogue of data bugs: list them, show one, run them as experiments."""

import argparse
from pathlib import Path
from typing import get_args

from src.bugs import lab
from src.bugs.catalogue import Stage, bug, catalogue
from src.errors import UserError, reported


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m src.bugs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every bug in a line")
    shown = commands.add_parser(
        "show", help="one bug: its story, how to make it happen, the checks"
    )
    shown.add_argument("name")
    run = commands.add_parser("run", help="run bugs as DVC experiments on a small demo")
    run.add_argument("names", nargs="*", metavar="NAME", help="default: all, into metrics/")
    mutate = commands.add_parser(
        "mutate", help="what `run` adds to a stage's command: change what it wrote, here"
    )
    mutate.add_argument("name")
    mutate.add_argument("stage", choices=get_args(Stage))
    told = parser.parse_args(arguments)
    if told.command == "list":
        for name, listed in catalogue().items():
            print(f"{name}: {listed.story}")
    elif told.command == "show":
        _show(told.name)
    elif told.command == "run":
        _run(told.names)
    else:
        bug(told.name).mutate(told.stage, Path())


def _run(names: list[str]) -> None:
    entries = lab.run(names or list(catalogue()), Path())
    if not names:
        lab.write(entries, Path("metrics"))
    print(lab.table(entries), end="")
    if missed := [name for name, entry in entries.items() if entry["missed"]]:
        raise UserError(f"not caught by the checks they name: {', '.join(missed)}")


def _show(name: str) -> None:
    told = bug(name)
    caught = ", ".join(told.checks) or f"a stage refuses: {told.refused}"
    print(f"{name}\n    {told.story}\n    caught by  {caught}")
    print(f"    scores     {told.scores}\n    run        {lab.command(name)}")


if __name__ == "__main__":
    with reported("bugs"):
        main()
