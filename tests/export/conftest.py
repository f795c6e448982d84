"""A small set of pairs with its ledger, and exports of it."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from src.dataset import arrays
from src.export.pair_export import export_pairs
from src.storage.ledger import write_ledger
from tests.builders import ledger_table, pairs_of

# read when the library is imported: no test asks the network
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
SIDES = {"train": range(36), "val": range(36, 40)}
SIZE = 32


def save_pairs(folder: Path, photos: list[np.ndarray], labels: np.ndarray | None = None) -> None:
    """Write the pairs of forty photos, 36 of training and 4 of validation, and their ledger."""
    for side, rows in SIDES.items():
        side_labels = None if labels is None else labels[rows]
        pairs = pairs_of([photos[row] for row in rows], list(rows), side_labels)
        content = {"photo": pairs.photo, "gray": pairs.gray, "canny": pairs.canny}
        content |= {} if labels is None else {"labels": pairs.labels}
        arrays.save(folder / "pairs", side, content, pairs.index)
    rows = [{"side": side} for side, rows in SIDES.items() for _ in rows]
    rows[7] |= {"name": 'Zoë "Z" Young', "date": "2026-11-22", "licence": "CC BY 4.0"}
    rows[8] |= {"page_url": None, "name": None}
    removed = {"verdict": "grayscale", "side": None, "group": None}
    write_ledger(ledger_table([*rows, removed]), folder / "split/ledger.parquet", "split")


@pytest.fixture
def photos(faces: list[np.ndarray]) -> list[np.ndarray]:
    return [face[64 : 64 + SIZE, 80 : 80 + SIZE] for face in faces]


@pytest.fixture
def data(tmp_path: Path, photos: list[np.ndarray]) -> Path:
    save_pairs(tmp_path / "data", photos)
    return tmp_path / "data"


@pytest.fixture
def export(data: Path, tmp_path: Path) -> Callable[..., Path]:
    """Export the pairs: export("hf", shard_size=10)."""

    def write(kind: str, shard_size: int = 1000, task: str = "colorize", name: str = "out") -> Path:
        assert export_pairs(data, tmp_path / name, task, kind, shard_size) == 40
        return tmp_path / name

    return write
