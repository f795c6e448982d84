"""explain: why a picture is kept or removed, in numbers and side by side."""

from pathlib import Path

import click

from src.cli.non_empty_path import NonEmptyPath
from src.errors import UserError, printable
from src.params import read_params
from src.user_paths import output_file, require_no_input


@click.command(epilog="Example: python -m src explain data/raw/images/5f3a.jpeg")
@click.argument("picture", metavar="PICTURE", type=NonEmptyPath(str))
@click.argument("other", type=NonEmptyPath(str), required=False)
@click.option(
    "--out",
    type=NonEmptyPath(suffix=".png"),
    default=Path("explained.png"),
    show_default=True,
    help="The sheet with both pictures.",
)
def explain(picture: str, other: str | None, out: Path) -> None:
    """Say why PICTURE is kept or removed, beside OTHER or the picture that it is a copy of.

    A picture is a file, or a row number, file name or item id of the ledger.
    """
    from src.analysis import explanation
    from src.storage.atomic import write_bytes
    from src.storage.encoding import encode_png

    clean, out = read_params().clean, output_file("--out", out)
    file = explanation.picture_path(picture)
    lines = explanation.describe_picture(file, clean)
    rows = []
    try:
        rows = explanation.rows_of(file)
    except UserError as error:  # the numbers need no ledger
        lines.append(f"without the last run: {error}")
    second = explanation.picture_path(other) if other else explanation.survivor(rows)
    pictures = [file, second] if second else [file]
    require_no_input("--out", out, pictures)
    if second:
        lines += explanation.describe_picture(second, clean)
        lines += explanation.describe_pair(file, second, clean)
    for line in lines + explanation.describe_last_run(rows):
        click.echo(printable(line))
    write_bytes(out, encode_png(explanation.side_by_side(pictures)))
    click.echo(f"shown in {out}")
