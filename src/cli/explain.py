"""explain: why a picture is kept or removed, in numbers and side by side."""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from src.clean import measure, near_duplicates, verdicts
from src.clean.measure import Measurement, measure_files
from src.drawing.sheets import grid
from src.errors import UserError, printable
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.params import Clean, read_params
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_png
from src.storage.ledger import read_ledger

SIDE = 256  # pixels, of each picture shown


@click.command(epilog="Example: python -m src explain data/raw/images/5f3a.jpeg")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("explained.png"),
    show_default=True,
    help="The sheet with both pictures.",
)
def explain(file: Path, other: Path | None, out: Path) -> None:
    """Say why FILE is kept or removed, beside OTHER or the picture that it is a copy of."""
    clean = read_params().clean
    other = other or _survivor(file)
    lines = alone(file, clean)
    if other:
        lines += alone(other, clean) + together(file, other, clean)
    for line in lines:
        click.echo(printable(line))
    write_bytes(out, encode_png(side_by_side([file, other] if other else [file])))
    click.echo(f"shown in {out}")


def alone(file: Path, clean: Clean) -> list[str]:
    """What counts for a picture by itself."""
    told = _measured(file)
    if told.error:
        return [f"{file}: unreadable: {told.error}"]
    verdict = verdicts.single_verdict(told, clean)
    return [
        f"{file}: {verdict} (by itself)",
        f"    shorter side     {min(told.width, told.height)} pixels (clean.min_side {clean.min_side})",
        f"    tone residual    {told.tone_residual:.2f} (grayscale below clean.tone_residual "
        f"{clean.tone_residual:g}; clean.grayscale: {clean.grayscale})",
        f"    colorfulness     {told.colorfulness:.1f}",
    ]


def together(file: Path, other: Path, clean: Clean) -> list[str]:
    """What counts for two pictures as copies of each other."""
    one, two = _measured(file), _measured(other)
    if one.error or two.error:
        return ["they cannot be compared"]
    copy = verdicts.copy_of(0, two, one, clean)
    pair = np.stack([two.thumbnail, one.thumbnail])
    found = near_duplicates.find_copies(pair, clean.hash_distance, clean.similarity)
    alike = bool(found) or copy.transform == "exact"
    similarity = max([copy.similarity, *(round(value, 4) for *_, value in found)])
    same = "copies of each other" if alike else "different pictures"
    return [
        f"together: {same}" + (f", {copy.transform}" if alike else ""),
        f"    hash distance    {copy.hash_distance} of 256 bits (compared up to "
        f"clean.hash_distance {clean.hash_distance})",
        f"    similarity       {similarity:.4f} (copies from clean.similarity "
        f"{clean.similarity:g})",
    ]


def side_by_side(files: list[Path]) -> np.ndarray:
    """Pictures fitted into squares in a row, white around them; uint8 RGB."""
    shown = []
    for file in files:
        sheet = np.full((SIDE, SIDE, 3), 255, np.uint8)
        try:
            picture = read_photo(file)
        except decoding.ImageError:
            picture = sheet
        scale = SIDE / max(picture.shape[:2])
        height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
        top, left = (SIDE - height) // 2, (SIDE - width) // 2
        sheet[top : top + height, left : left + width] = resize(picture, width, height)
        shown.append(sheet)
    return grid([shown])


def _measured(file: Path) -> Measurement:
    try:
        (told,) = measure_files([(file, "single")])
        return replace(told, pixels=told.error or measure.digest(told))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None


def _survivor(file: Path) -> Path | None:
    """The picture that a file of data/raw was removed as a copy of."""
    table, raw = Path("data/clean/ledger.parquet"), Path("data/raw")
    whole, root = file.resolve(), raw.resolve()
    if not table.is_file() or not whole.is_relative_to(root):
        return None
    name = whole.relative_to(root).as_posix()
    rows = read_ledger(table, "clean").set_index("row")
    own = rows[(rows["file"] == name).fillna(False)]
    of = own["duplicate_of"].dropna()
    return raw / rows.loc[of.iloc[0], "file"] if len(of) else None
