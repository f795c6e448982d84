"""lineage: where a picture comes from, and what later stages wrote about it."""

from pathlib import Path

import click

from src.errors import printable


@click.command("lineage", epilog="Example: python -m src lineage nm1000001")
@click.argument("identifier", metavar="ID")
def show_lineage(identifier: str) -> None:
    """Print where a picture comes from, its verdict, its scores and its findings.

    ID is a row number, an item's id, or a file name of data/raw or data/predictions.
    """
    from src.report.row_lineage import downstream, lineage
    from src.storage.ledger import COPIES, read_ledger, read_table
    from src.storage.row_selection import find_rows

    data = Path("data")
    ledger = read_ledger(data / "split" / "ledger.parquet", "split")
    copies = read_table(data / "clean" / "copies.parquet", COPIES)
    for row in find_rows(ledger, identifier):
        click.echo(f"row {row}")
        for label, value in lineage(ledger, copies, row) + downstream(data, row):
            click.echo(f"    {label:20} {printable(value)}")
