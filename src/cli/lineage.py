"""lineage: where a picture comes from, and what later stages wrote about it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from src.errors import print_on_stderr, printable

if TYPE_CHECKING:
    import pandas as pd

DATA = Path("data")


@click.command("lineage", epilog="Example: python -m src lineage nm1000001")
@click.argument("identifier", metavar="ID", required=False)
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="Print page, URL and date of every kept picture, or of ID's, as CSV.",
)
def show_lineage(identifier: str | None, as_csv: bool) -> None:
    """Print where a picture comes from, its verdict, its scores and its findings.

    ID is a row number, an item's id, or a file name of data/raw or data/predictions.
    """
    from src.storage.ledger import read_ledger
    from src.storage.row_selection import find_rows

    if not (identifier or as_csv):
        raise click.UsageError("Missing argument 'ID', or --csv for all pictures.")
    ledger = read_ledger(DATA / "split" / "ledger.parquet", "split")
    rows = find_rows(ledger, identifier) if identifier else list(ledger["row"])
    if as_csv:
        from src.analysis.credits import write_credits

        if not write_credits(ledger[ledger["row"].isin(rows)], sys.stdout):
            print_on_stderr(f"lineage: no picture of {identifier or 'the ledger'} is kept")
    else:
        _print_rows(ledger, rows)


def _print_rows(ledger: "pd.DataFrame", rows: list[int]) -> None:
    from src.report.row_lineage import downstream, lineage
    from src.storage.ledger import COPIES, read_table

    copies = read_table(DATA / "clean" / "copies.parquet", COPIES)
    for row in rows:
        click.echo(f"row {row}")
        for label, value in lineage(ledger, copies, row) + downstream(DATA, row):
            click.echo(f"    {label:20} {printable(value)}")
