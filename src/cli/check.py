"""check: whether the settings can run, before any work."""

import click


@click.command(epilog="Example: python -m src check")
def check() -> None:
    """Refuse settings of params.yaml that a stage would refuse, a line for each.

    It looks at the whole file, the files that it names, and this machine. The scrape does the same
    first. `checks` lists those of the audit, which look at the data.
    """
    from src.params import read_params
    from src.preflight import require_runnable

    settings = read_params()
    require_runnable(settings)
    click.echo(
        f"params.yaml can run: source {settings.source}, task {settings.task}, model "
        f"{settings.model}, {settings.pair.crop_size.words} pixels"
    )
