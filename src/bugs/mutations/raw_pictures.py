"""Faults in what scrape wrote. Each function takes the project's folder and a kind."""

import hashlib
import io
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from src.dataset.inputs import to_gray
from src.demo import inventory
from src.errors import UserError
from src.imaging import decoding
from src.imaging.resizing import resize
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_jpeg, encode_png
from src.storage.ledger import read_ledger, write_ledger

EVERY = 5  # one picture in so many is at fault


def replace_pictures(root: Path, kind: str) -> None:
    """Every fifth downloaded picture becomes another (of placeholders and thumbnails more)."""
    table = _ledger(root)
    every = {"placeholder": 2, "thumbnail": 1}.get(kind, EVERY)
    for row in table.loc[table["file"].notna(), "row"][::every]:
        _replace(root, table, row, kind)
    write_ledger(table, root / "data/raw/ledger.parquet", "raw")


def _replace(root: Path, table: pd.DataFrame, row: int, kind: str) -> None:
    data = (root / "data/raw" / table["file"][row]).read_bytes()
    try:
        pixels = decoding.decode(data)
    except decoding.ImageError:
        return  # broken as it is
    height, width = pixels.shape[:2]
    if kind == "html":
        data = b"<!DOCTYPE html><title>503</title><p>Come back later"
    elif kind == "placeholder":
        data = encode_png(np.full((height, width, 3), (204, 208, 214), np.uint8))
    elif kind == "thumbnail":
        data = encode_jpeg(resize(pixels, 40, 40 * height // width))
    elif kind == "truncated":
        pixels = pixels.copy()
        pixels[height * 3 // 5 :] = 128
        data = encode_jpeg(pixels)
    elif kind == "framed":
        gray = np.repeat(to_gray(pixels)[..., None], 3, axis=2)
        edge = width // 12
        framed = np.full_like(pixels, (40, 60, 150))
        framed[edge:-edge, edge:-edge] = gray[edge:-edge, edge:-edge]
        data = encode_jpeg(framed)
    else:
        data = inventory.alter(pixels, kind, np.random.default_rng([5, row]))
    _store(root, table, row, data)


def overwrite_files(root: Path, kind: str) -> None:
    """Every fifth file gets the bytes of the next one; the ledger is none the wiser."""
    table = _ledger(root)
    names = list(dict.fromkeys(table["file"].dropna()))
    held = [(root / "data/raw" / name).read_bytes() for name in names]
    for at in range(0, len(names) - 1, EVERY):
        write_bytes(root / "data/raw" / names[at], held[at + 1])


def refuse_pictures(root: Path, kind: str) -> None:
    """Every second picture was refused when it was fetched; `kind` is the status it got."""
    table = _ledger(root)
    refused = table.index[table["file"].notna()][::2]
    table.loc[refused, "status"] = kind
    table.loc[refused, "file"] = None
    write_ledger(table, root / "data/raw/ledger.parquet", "raw")


def rewrite_files(root: Path, kind: str) -> None:
    """Every fifth picture is stored in a way that decoders get wrong, and shows the same."""
    table = _ledger(root)
    for row in table.loc[table["file"].notna(), "row"][::EVERY]:
        try:
            pixels = decoding.decode((root / "data/raw" / table["file"][row]).read_bytes())
        except decoding.ImageError:
            continue
        _store(root, table, row, _rewritten(pixels, kind))
    write_ledger(table, root / "data/raw/ledger.parquet", "raw")


def _rewritten(pixels: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned clockwise by a quarter
        turned = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
        turned.save(buffer, "JPEG", quality=92, exif=exif)
    elif kind == "cmyk":
        Image.fromarray(pixels).convert("CMYK").save(buffer, "JPEG", quality=92)
    elif kind == "transparent":
        shape = np.zeros(pixels.shape[:2], np.uint8)
        middle = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        cv2.ellipse(shape, middle, (middle[0] * 3 // 4, middle[1]), 0, 0, 360, 255, -1)
        seen = np.where(shape[..., None] > 0, pixels, 0)  # black where nothing is to be seen
        Image.fromarray(np.dstack([seen, shape])).save(buffer, "PNG")
    else:
        raise UserError(f"rewrite_files: unknown kind {kind!r}")
    return buffer.getvalue()


def shift_names(root: Path, kind: str) -> None:
    """On each page every picture gets the id and name of the item after it."""
    table = _ledger(root)
    for _, rows in table.groupby("page"):
        for column in ("item_id", "name"):
            table.loc[rows.index, column] = np.roll(rows[column].to_numpy(), -1)
    write_ledger(table, root / "data/raw/ledger.parquet", "raw")


def _ledger(root: Path) -> pd.DataFrame:
    return read_ledger(root / "data/raw/ledger.parquet", "raw")


def _store(root: Path, table: pd.DataFrame, row: int, data: bytes) -> None:
    """Write a row's file and what the ledger says of it; where it is no picture, as if it were."""
    try:
        header = decoding.inspect(data)
    except decoding.ImageError:
        header = decoding.Header("JPEG", 192, 256, animated=False)
    name = f"images/mutated_{row:06d}.{header.format.lower()}"
    write_bytes(root / "data/raw" / name, data)
    told = {
        "file": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        **header._asdict(),
    }
    for column, value in told.items():
        table.loc[row, column] = value
