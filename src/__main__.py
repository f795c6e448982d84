"""python -m src COMMAND: everything that a person runs by hand."""

import sys
from importlib import import_module

import click

from src.errors import exit_on_user_error

PROGRAM = "python -m src"
# Each command's function, and its line in --help. A command is imported when it runs, and imports
# what it runs with in its body, so that no --help waits for torch.
COMMANDS = {
    "check": ("src.cli.check:check", "Say before any work whether params.yaml can run."),
    "predict": ("src.cli.predict:predict", "Run pictures through a trained model."),
    "app": ("src.cli.app:app", "Serve a page where a model answers photos and drawings."),
    "explain": ("src.cli.explain:explain", "Say why a picture is kept or removed."),
    "summary": ("src.cli.summary:show_summary", "Print the last run in ten lines."),
    "compare": ("src.cli.compare:compare", "Compare two experiments' scores."),
    "lineage": ("src.cli.lineage:show_lineage", "Print where a picture comes from."),
    "checks": ("src.cli.checks:checks", "List the checks of the audit."),
    "bugs": ("src.cli.bugs:bugs", "List, show or run the known data bugs."),
    "export": ("src.cli.export:export", "Write the model or the pairs in other formats."),
    "preset": ("src.cli.preset:preset", "Print a preset as words for dvc exp run."),
}


class Commands(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands' names in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        if name not in COMMANDS:
            return None
        module, function = COMMANDS[name][0].split(":")
        command: click.Command = getattr(import_module(module), function)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Commands, epilog="Example: python -m src predict photo.jpg results/")
def main() -> None:
    """From a web page to an honestly scored pix2pix model: the commands beside dvc repro."""


def run() -> None:
    """Run the command line. Errors exit with 1 (the user's), 2 (usage), 130 (Ctrl-C) or 143 (SIGTERM)."""
    with exit_on_user_error(PROGRAM, continues=False):
        try:
            main(prog_name=PROGRAM, standalone_mode=False)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except click.Abort as abort:  # click's word for Ctrl-C and SIGTERM
            raise abort.__cause__ or KeyboardInterrupt from None


if __name__ == "__main__":
    run()
