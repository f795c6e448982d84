"""Decode each file once and measure all that the verdicts need."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from src import images, neighbours, tone
from src.neighbours import Fingerprint
from src.parallel import map_processes

COLUMNS = pa.schema(
    [
        ("file", pa.string()),
        ("layout", pa.string()),
        ("pixels", pa.string()),  # SHA-256 of the decoded pixels and their shape
        ("hashes", pa.binary()),  # 32 bytes for each of neighbours.CUTS
    ]
)


@dataclass(frozen=True)
class Measured:
    """One file's photograph; `error` is set, and nothing else, where it cannot be decoded."""

    error: str | None = None
    width: int = 0
    height: int = 0
    pixels: str = ""
    tone_residual: float = 0.0
    colorfulness: float = 0.0
    fingerprint: Fingerprint | None = None


def measure(table: pd.DataFrame, raw: Path) -> dict[tuple[str, str], Measured]:
    """Measure every file of the ledger, keyed by (file, layout)."""
    found = table[table["status"] == "ok"]
    keys = sorted(set(zip(found["file"], found["layout"], strict=True)))
    return dict(
        zip(keys, map_processes(partial(_measure, raw), keys, "fingerprinting"), strict=True)
    )


def as_table(measured: dict[tuple[str, str], Measured]) -> pd.DataFrame:
    """The fingerprints, one row per readable file."""
    return pd.DataFrame(
        [
            {
                "file": file,
                "layout": layout,
                "pixels": m.pixels,
                "hashes": m.fingerprint.hashes.tobytes(),
            }
            for (file, layout), m in measured.items()
            if m.fingerprint is not None
        ],
        columns=COLUMNS.names,
    )


def _measure(raw: Path, key: tuple[str, str]) -> Measured:
    file, layout = key
    return measure_file(raw / file, layout)


def measure_file(path: Path, layout: str) -> Measured:
    """Measure the photograph of one file; OSError where there is none."""
    try:
        pixels = np.ascontiguousarray(images.read(path, layout))
    except images.ImageError as error:
        return Measured(error=error.reason)
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(f"{width}x{height}:".encode() + pixels.tobytes()).hexdigest()
    return Measured(
        width=width,
        height=height,
        pixels=digest,
        tone_residual=round(tone.residual(pixels), 3),
        colorfulness=round(tone.colorfulness(pixels), 3),
        fingerprint=neighbours.fingerprint(pixels),
    )
