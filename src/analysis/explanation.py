"""Why a picture is kept or removed, in numbers and side by side."""

import hashlib
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from src.clean import copies, hash_candidates, verdicts
from src.clean.measure import measure_files
from src.clean.measurement import Measurement, digest_pixels, features_of
from src.drawing.sheets import grid
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.params import Clean
from src.report import row_lineage
from src.storage.archives import read_bytes
from src.storage.file_names import utf8_name
from src.storage.ledger import read_ledger
from src.storage.row_selection import find_row
from src.user_paths import require_bounded
from src.vision import likeness, matching, witness
from src.vision.close_look import CloseAgreement, close_agreement
from src.vision.matching import Match
from src.vision.picture_faults import FAULTS

LEDGER, RAW = Path("data/clean/ledger.parquet"), Path("data/raw")
SQUARE_PX = 256  # of each picture on the sheet


def describe_picture(file: Path, clean: Clean) -> list[str]:
    """Return lines with the numbers that decide on a picture by itself.

    Raises:
        UserError: The file cannot be read.
    """
    m = _measure(file)
    if m.error:
        return [f"{file}: unreadable: {m.error}"]
    verdict = verdicts.single_verdict(m, clean)
    return [
        f"{file}: {verdict} (by itself)",
        f"    shorter side     {min(m.width, m.height)} pixels (clean.min_side {clean.min_side})",
        f"    tone residual    {m.tone_residual:.2f} (grayscale below clean.tone_residual "
        f"{clean.tone_residual:g}; clean.grayscale: {clean.grayscale})",
        f"    colorfulness     {m.colorfulness:.1f}",
        *(_describe_fault(m, word, clean) for word in FAULTS),
    ]


def _describe_fault(m: Measurement, word: str, clean: Clean) -> str:
    fault = FAULTS[word]
    removed = {str(name): limit for name, limit in clean.remove.items()}
    name, side = fault.measure.replace("_", " "), "above" if fault.above else "below"
    policy = "removed" if word in removed else "kept"
    limit = removed.get(word, fault.limit)
    return f"    {name:16} {getattr(m, fault.measure):g} ({word} {side} {limit:g}: {policy})"


def describe_pair(file: Path, other: Path, clean: Clean) -> list[str]:
    """Return lines with the numbers that decide whether two pictures are copies of each other.

    Raises:
        UserError: A file cannot be read.
    """
    copy, original = _measure(file), _measure(other)
    if copy.error or original.error:
        return ["they cannot be compared"]
    pairs = copies.find({0: original, 1: copy}, clean)
    match = matching.match(features_of(original, clean), features_of(copy, clean))
    bits = hash_candidates.hash_distance(original.thumbnail, copy.thumbnail)
    agreement = _close_agreement(original, copy, match)
    if pairs:
        [described] = pairs.values()
        conclusion = f"copies of each other, {described.transform}"
    else:
        described = copies.describe(original, copy, match, bits, clean)
        conclusion = "different pictures"
    return [
        f"together: {conclusion}",
        f"    hash distance    {described.hash_distance} of 256 bits (compared up to "
        f"clean.hash_distance {clean.hash_distance})",
        f"    similarity       {described.similarity:.4f} (copies from clean.similarity "
        f"{clean.similarity:g})",
        f"    middle agrees    {match.agreement:.2f} (copies from {witness.MIN_AGREEMENT:g})",
        f"    colours differ   {match.color_difference:.1f} (copies up to "
        f"{witness.MAX_COLOR_DIFFERENCE:g})",
        f"    closely agrees   {agreement.second_lowest:.2f}, everywhere "
        f"{agreement.lowest_of_either:.2f} (copies from {likeness.MIN_CLOSE_AGREEMENT:g}; everywhere from "
        f"{likeness.MIN_FAMILY_AGREEMENT:g} among look-alikes, and from "
        f"{likeness.MIN_NEAR_AGREEMENT:g} with a similarity just below)",
    ]


def _close_agreement(original: Measurement, copy: Measurement, match: Match) -> CloseAgreement:
    first, second = (copies.read_close_look(picture) for picture in (original, copy))
    assert first and second  # both were measured
    return close_agreement(first, second, match)


def side_by_side(files: list[Path]) -> np.ndarray:
    """Return a row of pictures, each fitted into a white square; uint8 RGB."""
    squares = []
    for file in files:
        square = np.full((SQUARE_PX, SQUARE_PX, 3), 255, np.uint8)
        try:
            picture = read_photo(file)
        except decoding.ImageError:
            picture = square
        scale = SQUARE_PX / max(picture.shape[:2])
        height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
        top, left = (SQUARE_PX - height) // 2, (SQUARE_PX - width) // 2
        square[top : top + height, left : left + width] = resize(picture, width, height)
        squares.append(square)
    return grid([squares])


def _measure(file: Path) -> Measurement:
    if file.exists() and not file.is_file():  # reading a device might never end
        raise UserError(f"{file} is a folder, a pipe or a device, expected a picture")
    try:
        require_bounded(file)
        [m] = measure_files([(file, "single")])
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror or error}") from None
    return replace(m, pixel_digest=m.error or digest_pixels(m) or str(file))


def picture_path(picture: str) -> Path:
    """Return a picture's path, given the path or an identifier of the ledger."""
    path = Path(picture)
    if path.exists():
        return path
    if not LEDGER.is_file():
        if len(path.parts) > 1:
            return path
        raise UserError(
            f"{picture} is no file here, and {LEDGER}, which names rows and items, is missing: run "
            "`dvc repro` to make it, or `dvc checkout` to bring back the last one"
        )
    table = read_ledger(LEDGER, "clean").set_index("row", drop=False)
    # an item's id may be an address, or a path below a folder
    is_id = (table["item_id"] == utf8_name(picture)).any()
    if "://" in picture and not is_id:
        raise UserError(f"{picture} is no item id of the ledger")
    if len(path.parts) > 1 and not is_id:
        return path
    row = find_row(table, picture)
    values = table.loc[row].to_dict()
    if pd.isna(values["file"]):
        raise UserError(f"row {row} has no picture: `python -m src lineage {row}` says why")
    return RAW / str(values["file"])


def rows_of(file: Path) -> list[dict[Hashable, Any]]:
    """Return the ledger's rows of a file of data/raw, or of any file with the same bytes."""
    if not LEDGER.is_file():
        return []
    table = read_ledger(LEDGER, "clean")
    path, root = file.resolve(), RAW.resolve()
    if path.is_relative_to(root):
        matches = table["file"] == path.relative_to(root).as_posix()
    else:
        matches = table["sha256"] == hashlib.sha256(read_bytes(file)).hexdigest()
    return table[matches.fillna(False)].to_dict("records")


def describe_last_run(rows: list[dict[Hashable, Any]]) -> list[str]:
    """Return lines with what the last run and a person said about rows of the ledger."""
    lines = []
    for values in rows:
        row = values["row"]
        original = values["duplicate_of"]
        of = "" if pd.isna(original) else f" of row {original}"
        lines.append(f"in the last run: row {row}, {values['verdict']}{of}")
        if words := row_lineage.rulings(values):
            lines.append(f"a person ruled: row {row} is {words}")
    return lines


def survivor(rows: list[dict[Hashable, Any]]) -> Path | None:
    """Return the picture that rows of one file are a copy of, or None."""
    originals = [values["duplicate_of"] for values in rows if not pd.isna(values["duplicate_of"])]
    if not originals:
        return None
    table = read_ledger(LEDGER, "clean").set_index("row")
    return RAW / str(table.loc[originals[0], "file"])
