"""Faults in what scrape wrote. Each public function takes the project's folder and a kind."""

import hashlib
import io
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from src.dataset.inputs import to_gray
from src.demo import inventory, portraits, site
from src.errors import UserError
from src.imaging import decoding
from src.imaging.resizing import resize
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_jpeg, encode_png
from src.storage.ledger import read_ledger, write_ledger

STRANGER_SEED = 99
EVERY = 5  # every fifth picture is at fault
SILHOUETTE_COLOR = (204, 208, 214)
FRAME_COLOR = (40, 60, 150)
GOLD = (1.0, 0.8, 0.35)  # of each level of an ornate frame
FRAME_SHARE = 0.25  # of a picture's width, at each side
SKIES = ((20, 80, 160), (120, 160, 240)), ((150, 170, 190), (250, 240, 255))  # above, below
CAPTION_SHARE = 9  # the height of a picture over that of the strip below it
CAPTION_LEVELS = 16, 240  # of the strip and of its text
ORIENTATION_TAG = 0x0112  # of EXIF
QUARTER_TURN = 6  # that tag's value: to be turned clockwise by a quarter
ERROR_PAGE = b"<!DOCTYPE html><title>503</title><p>Come back later"


def replace_pictures(root: Path, kind: str) -> None:
    """Replace every fifth downloaded picture by another: every second placeholder, every thumbnail.

    Beside those in `_replacement`, there are the kinds of `inventory.alter`.
    """
    ledger = _read_ledger(root)
    every = {"placeholder": 2, "stranger": 3, "thumbnail": 1}.get(kind, EVERY)
    for row in ledger.loc[ledger["file"].notna(), "row"][::every]:
        data = (root / "data/raw" / ledger["file"][row]).read_bytes()
        try:
            pixels = decoding.decode(data)
        except decoding.ImageError:
            continue  # the demo's own broken file
        _store(root, ledger, row, _replacement(pixels, kind, row))
    _write_ledger(root, ledger)


def _replacement(pixels: np.ndarray, kind: str, row: int) -> bytes:
    height, width = pixels.shape[:2]
    if kind == "html":
        return ERROR_PAGE
    if kind == "placeholder":
        return encode_png(np.full((height, width, 3), SILHOUETTE_COLOR, np.uint8))
    if kind == "stranger":  # one portrait for all, in different encodings
        return encode_jpeg(portraits.draw(STRANGER_SEED, 0), 60 + int(row) % 30)
    if kind == "thumbnail":
        return encode_jpeg(resize(pixels, 40, 40 * height // width))
    if kind == "truncated":
        truncated = pixels.copy()
        truncated[height * 3 // 5 :] = 128
        return encode_jpeg(truncated)
    if kind == "framed":
        gray = np.repeat(to_gray(pixels)[..., None], 3, axis=2)
        inner = slice(width // 12, -(width // 12))
        framed = np.full_like(pixels, FRAME_COLOR)
        framed[inner, inner] = gray[inner, inner]
        return encode_jpeg(framed)
    if kind == "ornate":
        return encode_jpeg(_in_ornate_frame(pixels))
    rng = np.random.default_rng([5, row])
    if kind == "sky":
        return encode_jpeg(_sky(height, width, rng))
    return encode_jpeg(_poor(pixels, rng)) if kind == "poor" else inventory.alter(pixels, kind, rng)


def _in_ornate_frame(pixels: np.ndarray) -> np.ndarray:
    """Return a picture of the same size in a carved golden frame, the same for all."""
    height, width = pixels.shape[:2]
    depth = int(width * FRAME_SHARE)
    y, x = np.mgrid[:height, :width]
    outward = np.minimum.reduce([x, y, width - 1 - x, height - 1 - y])
    profile = 70 * np.sin(3 * np.pi * outward / depth)
    carving = 50 * np.sin(32 * x / width) * np.sin(32 * y / width)
    levels = ((130 + profile + carving)[..., None] * GOLD).clip(0, 255)
    framed = np.asarray(levels, np.uint8)
    framed[depth : height - depth, depth : width - depth] = resize(
        pixels, width - 2 * depth, height - 2 * depth
    )
    return framed


def _sky(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a cloudless sky: light fades downwards, and a little to one side."""
    above, below = (rng.integers(*colors) for colors in SKIES)
    down = np.linspace(0, 1, height)[:, None, None]
    aside = np.linspace(-1, 1, width)[None, :, None] * rng.integers(-24, 25)
    levels = np.rint(above * (1 - down) + below * down + aside)
    return np.asarray(levels.clip(0, 255), np.uint8)


def _poor(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture that is blurred, dark, bright, of one colour, or a narrow strip."""
    height, width = pixels.shape[:2]
    changes = (
        lambda: cv2.GaussianBlur(pixels, (0, 0), width / 20),
        lambda: (pixels * 0.2).astype(np.uint8),
        lambda: (pixels * 0.1 + 229).astype(np.uint8),
        lambda: np.full_like(pixels, rng.integers(90, 180, 3)),
        lambda: pixels[height * 3 // 8 : height * 5 // 8],
    )
    return np.ascontiguousarray(changes[rng.integers(len(changes))]())


def repeat_with_captions(root: Path, kind: str) -> None:
    """Let every fifth item show the picture of the one before it, above a strip of text."""
    ledger = _read_ledger(root)
    rows = list(ledger.loc[ledger["file"].notna(), "row"])
    for original, row in zip(rows[::EVERY], rows[1::EVERY], strict=False):
        try:
            pixels = decoding.decode((root / "data/raw" / ledger["file"][original]).read_bytes())
        except decoding.ImageError:
            continue
        _store(root, ledger, row, encode_jpeg(_captioned_below(pixels)))
    _write_ledger(root, ledger)


def _captioned_below(pixels: np.ndarray) -> np.ndarray:
    """Return a picture with a strip of text added below it."""
    height, width = pixels.shape[:2]
    strip = height // CAPTION_SHARE
    longer = np.pad(pixels, ((0, strip), (0, 0), (0, 0)), constant_values=CAPTION_LEVELS[0])
    place = (width // 20, height + strip * 2 // 3)
    cv2.putText(
        longer, "Demo", place, cv2.FONT_HERSHEY_SIMPLEX, strip / 64, (CAPTION_LEVELS[1],) * 3
    )
    return longer


def overwrite_files(root: Path, kind: str) -> None:
    """Give every fifth file the bytes of the next one, and leave the ledger as it is."""
    names = list(dict.fromkeys(_read_ledger(root)["file"].dropna()))
    contents = [(root / "data/raw" / name).read_bytes() for name in names]
    for index in range(0, len(names) - 1, EVERY):
        write_bytes(root / "data/raw" / names[index], contents[index + 1])


def refuse_pictures(root: Path, kind: str) -> None:
    """Let every second fetch have been refused; `kind` is the status it got."""
    ledger = _read_ledger(root)
    refused = ledger.index[ledger["file"].notna()][::2]
    ledger.loc[refused, "status"] = kind
    ledger.loc[refused, "file"] = None
    _write_ledger(root, ledger)


def rewrite_files(root: Path, kind: str) -> None:
    """Store every fifth picture turned, cmyk or transparent, which decoders often get wrong.

    It shows the same.
    """
    ledger = _read_ledger(root)
    for row in ledger.loc[ledger["file"].notna(), "row"][::EVERY]:
        try:
            pixels = decoding.decode((root / "data/raw" / ledger["file"][row]).read_bytes())
        except decoding.ImageError:
            continue
        _store(root, ledger, row, _rewritten(pixels, kind))
    _write_ledger(root, ledger)


def _rewritten(pixels: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "turned":
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = QUARTER_TURN
        turned = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
        turned.save(buffer, "JPEG", quality=92, exif=exif)
    elif kind == "cmyk":
        Image.fromarray(pixels).convert("CMYK").save(buffer, "JPEG", quality=92)
    elif kind == "transparent":
        alpha = np.zeros(pixels.shape[:2], np.uint8)
        center = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        cv2.ellipse(alpha, center, (center[0] * 3 // 4, center[1]), 0, 0, 360, 255, -1)
        opaque = np.where(alpha[..., None] > 0, pixels, 0)  # black below what is transparent
        Image.fromarray(np.dstack([opaque, alpha])).save(buffer, "PNG")
    else:
        raise UserError(f"rewrite_files: unknown kind {kind!r}")
    return buffer.getvalue()


def give_sides(root: Path, kind: str) -> None:
    """Give an item's later rows, and one row in eight, to validation: a source's own split."""
    ledger = _read_ledger(root)
    in_val = ledger["item_id"].duplicated() | (ledger["row"] % 8 == 0)
    ledger["given_side"] = in_val.map({True: "val", False: "train"})
    _write_ledger(root, ledger)


def shift_names(root: Path, kind: str) -> None:
    """Give every picture the id and name of the item after it on its page."""
    ledger = _read_ledger(root)
    for _, rows in ledger.groupby("page"):
        for column in ("item_id", "name"):
            ledger.loc[rows.index, column] = np.roll(rows[column].to_numpy(), -1)
    _write_ledger(root, ledger)


def identify_by_links(root: Path, kind: str) -> None:
    """Give every row the address of its link as id, which has its position in the list."""
    ledger = _read_ledger(root)
    positions = range(1, len(ledger) + 1)
    ledger["item_id"] = [
        f"{site.ORIGIN}/name/{item}/?ref_=list_pos_{position}"
        for item, position in zip(ledger["item_id"], positions, strict=True)
    ]
    _write_ledger(root, ledger)


def _read_ledger(root: Path) -> pd.DataFrame:
    return read_ledger(root / "data/raw/ledger.parquet", "raw")


def _write_ledger(root: Path, ledger: pd.DataFrame) -> None:
    write_ledger(ledger, root / "data/raw/ledger.parquet", "raw")


def _store(root: Path, ledger: pd.DataFrame, row: int, data: bytes) -> None:
    """Write a row's file, and describe it in the ledger as scrape would.

    What is no picture is described as a JPEG.
    """
    try:
        header = decoding.inspect(data)
    except decoding.ImageError:
        header = decoding.Header("JPEG", 192, 256, animated=False)
    name = f"images/mutated_{row:06d}.{header.format.lower()}"
    write_bytes(root / "data/raw" / name, data)
    values = {
        "file": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        **header._asdict(),
    }
    for column, value in values.items():
        ledger.loc[row, column] = value
