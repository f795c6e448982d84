"""explain: why a picture is kept or removed, in numbers and side by side."""

from pathlib import Path

import click

from src.cli.named_path import NamedPath
from src.errors import output_file, printable, require_no_input
from src.params import read_params


@click.command(epilog="Example: python -m src explain data/raw/images/5f3a.jpeg")
@click.argument("file", metavar="PICTURE", type=NamedPath())
@click.argument("other", type=NamedPath(), required=False)
@click.option(
    "--out",
    type=NamedPath(),
    default=Path("explained.png"),
    show_default=True,
    help="The sheet with both pictures.",
)
def explain(file: Path, other: Path | None, out: Path) -> None:
    """Say why PICTURE is kept or removed, beside OTHER or the picture that it is a copy of.

    A picture is a file, or a row number, file name or item id of the ledger.
    """
    from src.analysis import explanation
    from src.storage.atomic import write_bytes
    from src.storage.encoding import encode_png

    clean, out = read_params().clean, output_file("--out", out)
    file = explanation.named(file)
    rows = explanation.rows_of(file)
    other = explanation.named(other) if other else explanation.survivor(rows)
    lines = explanation.describe_picture(file, clean)
    pictures = [file, other] if other else [file]
    require_no_input("--out", out, pictures)
    if other:
        lines += explanation.describe_picture(other, clean)
        lines += explanation.describe_pair(file, other, clean)
    for line in lines + explanation.rulings(rows):
        click.echo(printable(line))
    write_bytes(out, encode_png(explanation.side_by_side(pictures)))
    click.echo(f"shown in {out}")
