"""summary: how the last run went."""

from pathlib import Path

import click


@click.command(name="summary", epilog="Example: python -m src summary")
def show_summary() -> None:
    """Print the last run in ten lines: verdict, counts, scores, and where the report is."""
    from src.report.results import Results
    from src.report.run_summary import summary
    from src.report.stage_files import Config, read_stage_file

    results = Results.read(Path("data"), Path("metrics"))
    config = read_stage_file(Path("data/model/config.json"), Config)
    click.echo(summary(results, config))
