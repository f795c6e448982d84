"""Where a picture comes from and what later stages wrote about it."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from src.errors import UserError, one_line
from src.report.stage_files import NO_MATCH, REMEDY, FindingJson, Nearest, read_stage_file

Facts = list[tuple[str, str]]  # label and value
QUALITY = ("sharpness", "highlights", "shadows", "entropy", "aspect_ratio")  # columns


def lineage(ledger: pd.DataFrame, copies: pd.DataFrame, row: int) -> Facts:
    """Return what the ledger after split says about a row, from its list page to its side."""
    values = ledger.set_index("row").loc[row].to_dict()
    facts = [
        ("listed", f"page {values['page']}, position {values['position']}"),
        ("item", f"{values['item_id']}, {_text(values['name'], 'without a name')}"),
        ("page", _text(values["page_url"], "none, a file on disk")),
        ("picture", _text(values["image_url"], "none")),
        *[(name, values[name]) for name in ("date", "licence") if not pd.isna(values[name])],
        ("fetched", _file(values)),
        ("verdict", _verdict(values)),
    ]
    if not pd.isna(values["label_url"]):
        stored = "" if pd.isna(values["label_file"]) else f", data/raw/{values['label_file']}"
        facts.append(("label map", f"{values['label_url']}{stored}"))
    if ruled := rulings(values):
        facts.append(("ruling", ruled))
    if not pd.isna(values["tone_residual"]):
        tone, color = values["tone_residual"], values["colorfulness"]
        facts.append(("colour", f"tone residual {tone:.2f}, colorfulness {color:.1f}"))
    if not pd.isna(values["sharpness"]):
        quality = [f"{name.replace('_', ' ')} {values[name]:g}" for name in QUALITY]
        facts.append(("quality", ", ".join(quality)))
    if links := _links(copies, row):
        facts.append(("copies", ", ".join(links)))
    if not pd.isna(values["side"]):
        facts.append(("side", f"{values['side']}, in the group of row {values['group']}"))
    return facts


def rulings(values: Mapping[Hashable, Any]) -> str:
    """Return in words what a person ruled on a row and others; "" if nothing."""
    words = {"excluded": "no copy of {} (clean.exclude)", "forced": "a copy of {} (clean.force)"}
    ruled = []
    for column, word in words.items():
        if not pd.isna(values[column]):
            others = values[column].split()
            names = ("row " if len(others) == 1 else "rows ") + ", ".join(others)
            ruled.append(word.format(names))
    return "; ".join(ruled)


def _links(copies: pd.DataFrame, row: int) -> list[str]:
    """Name the pictures that a row is proven to be a copy of, the most similar first."""
    related = copies[(copies["row_a"] == row) | (copies["row_b"] == row)]
    related = related.sort_values("similarity", ascending=False, kind="stable")
    others = related["row_a"] + related["row_b"] - row
    return [
        f"row {other} ({transform}, similarity {similarity:.3f})"
        for other, transform, similarity in zip(
            others, related["transform"], related["similarity"], strict=True
        )
    ]


def downstream(data: Path, row: int) -> Facts:
    """Return a row's nearest training picture, scores and findings; what is missing is left out."""
    facts = []
    for nearest in _read_list(data / "audit" / "nearest.json", Nearest):
        if nearest["row"] == row:
            facts.append(("nearest in training", _nearest(nearest)))
    scores = data / "predictions" / "scores.csv"
    if scores.is_file():
        facts += _scores(scores, row)
    for folder in ("findings", "review"):
        for finding in _read_list(data / folder / "findings.json", FindingJson):
            details = [o["detail"] for o in finding["offenders"] if o["row"] == row]
            outcome = "failed" if finding["failed"] else "passed"
            facts += [(f"{finding['name']} ({outcome})", detail) for detail in details]
    return facts


def _nearest(nearest: Mapping[str, Any]) -> str:
    """Return in words what an entry of nearest.json says."""
    if nearest["similarity"] <= NO_MATCH:
        return "no picture is similar"
    text = f"row {nearest['train_row']}, similarity {nearest['similarity']}"
    return text + (", a copy" if nearest["copy"] else "")


def _file(values: dict[Hashable, Any]) -> str:
    if pd.isna(values["file"]):
        return f"no: {values['status']}"
    size = f"{values['width']}x{values['height']} {values['format']}, {values['bytes']} bytes"
    return f"data/raw/{values['file']} ({size})"


def _verdict(values: dict[Hashable, Any]) -> str:
    verdict = str(values["verdict"])
    if pd.isna(values["duplicate_of"]):
        return verdict
    return f"{verdict} of row {values['duplicate_of']}, similarity {values['similarity']:.3f}"


def _text(value: Any, default: str) -> str:
    return default if pd.isna(value) or value == "" else str(value)


def _scores(path: Path, row: int) -> Facts:
    try:
        table = pd.read_csv(path)
        scored = table[table["row"] == row].to_dict("records")
    except (OSError, ValueError, KeyError) as error:
        message = f"{path} cannot be read as scores of rows ({one_line(error)}): {REMEDY}"
        raise UserError(message) from None
    names = [name for name in ("l1", "psnr", "ssim") if name in table]
    return [("scores", ", ".join(f"{name} {values[name]}" for name in names)) for values in scored]


def _read_list(path: Path, shape: Any) -> list[dict[str, Any]]:
    return read_stage_file(path, list[shape]) if path.is_file() else []
