"""Where a picture comes from and what became of it: python -m src lineage ID."""

from pathlib import Path
from typing import Any

import pandas as pd

from src.errors import UserError
from src.storage.atomic import read_json

Facts = list[tuple[str, str]]  # what, and its value


def lineage(ledger: pd.DataFrame, row: int) -> Facts:
    """What the ledger after split says of a row, from the page it stood on to its side."""
    said = ledger.set_index("row").loc[row]
    told = [
        ("listed", f"page {said['page']}, position {said['position']}"),
        ("item", f"{said['item_id']}, {_or(said['name'], 'without a name')}"),
        ("page", _or(said["page_url"], "none, a file on disk")),
        ("picture", _or(said["image_url"], "none")),
        ("fetched", _fetched(said)),
        ("verdict", _verdict(said)),
    ]
    if not pd.isna(said["tone_residual"]):
        tone, color = said["tone_residual"], said["colorfulness"]
        told.append(("colour", f"tone residual {tone:.2f}, colorfulness {color:.1f}"))
    copies = ledger.loc[(ledger["duplicate_of"] == row).fillna(False), "row"]
    if len(copies):
        told.append(("copies", ", ".join(f"row {copy}" for copy in copies)))
    if not pd.isna(said["side"]):
        told.append(("side", f"{said['side']}, in the group of row {said['group']}"))
    return told


def downstream(data: Path, row: int) -> Facts:
    """What later stages wrote of a row, in `data`: neighbour, score and findings."""
    told = []
    for nearest in _json(data / "audit" / "nearest.json"):
        if nearest["row"] == row:
            text = f"row {nearest['train_row']}, similarity {nearest['similarity']}"
            told.append(("nearest in training", text))
    scores = data / "predictions" / "scores.csv"
    if scores.is_file():
        table = pd.read_csv(scores)
        for _, scored in table[table["row"] == row].iterrows():
            names = [name for name in ("l1", "psnr", "ssim") if name in scored]
            told.append(("scores", ", ".join(f"{name} {scored[name]}" for name in names)))
    for stage in ("audit", "review"):
        for finding in _json(data / stage / "findings.json"):
            of_row = [o["detail"] for o in finding["offenders"] if o["row"] == row]
            verdict = "failed" if finding["failed"] else "passed"
            told += [(f"{finding['name']} ({verdict})", detail) for detail in of_row]
    return told


def find_rows(ledger: pd.DataFrame, wanted: str) -> list[int]:
    """The rows of an id: a row number, an item's id, or a file's name as in data/raw.

    Raises UserError where there is none.
    """
    names = ledger["file"].dropna().map(lambda file: Path(file).name)
    stems = names.map(lambda name: Path(name).stem)
    files = names.index[(names == Path(wanted).name) | (stems == wanted)]
    known = (ledger["item_id"] == wanted).fillna(False) | ledger.index.isin(files)
    # data/predictions names its pictures by row, with leading zeros
    number = Path(wanted).name.removesuffix(".png")
    if number.isdecimal() and len(number) <= 12:
        known |= ledger["row"] == int(number)
    found = [int(row) for row in ledger.loc[known, "row"]]
    if not found:
        raise UserError(
            f"{wanted!r} is no row (0 to {len(ledger) - 1}), item id or file of the ledger"
        )
    return found


def _fetched(said: pd.Series) -> str:
    if pd.isna(said["file"]):
        return f"no: {said['status']}"
    size = f"{said['width']}x{said['height']} {said['format']}, {said['bytes']} bytes"
    return f"data/raw/{said['file']} ({size})"


def _verdict(said: pd.Series) -> str:
    if pd.isna(said["duplicate_of"]):
        return str(said["verdict"])
    return f"{said['verdict']} of row {said['duplicate_of']}, similarity {said['similarity']:.3f}"


def _or(value: Any, otherwise: str) -> str:
    return otherwise if pd.isna(value) or value == "" else str(value)


def _json(path: Path) -> list[dict]:
    return read_json(path) if path.is_file() else []
