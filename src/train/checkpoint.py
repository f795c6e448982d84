"""Checkpoints of an unfinished training, outside the pipeline's outputs.

A checkpoint lies in .resume/<fingerprint of parameters, code and data>: a killed run resumes from
it, and a run with anything changed starts at step 0. The snapshots lie beside the state, because
DVC empties a stage's outputs before it runs the stage again.
"""

import shutil
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import torch

from src.dataset import arrays, inputs
from src.dataset.arrays import Shards, content_digest
from src.drawing import sheets
from src.errors import UserError
from src.model import (
    device,
    distributed,
    generator,
    image_metrics,
    layers,
    networks,
    saving,
    tensors,
)
from src.storage import atomic, encoding, ledger, slices
from src.storage.atomic import atomic_write, write_bytes
from src.storage.fingerprint import fingerprint
from src.train import augment, batches, snapshots, steps

ROOT = Path(".resume")
# Every module that a training's numbers come from; a test compares them with the imports.
CODE = (
    Path(__file__),
    Path(__file__).with_name("loop.py"),
    arrays,
    atomic,
    augment,
    batches,
    device,
    distributed,
    encoding,
    generator,
    image_metrics,
    inputs,
    layers,
    ledger,
    networks,
    saving,
    sheets,
    slices,
    snapshots,
    steps,
    tensors,
)


def folder(settings: dict[str, Any], data: list[Shards | np.ndarray]) -> Path:
    """Where the checkpoint of exactly this training lives."""
    contents = [content_digest(array) for array in data]
    return ROOT / fingerprint(CODE, settings, torch.__version__, contents)


def save(state: dict[str, Any], where: Path) -> None:
    """Write a checkpoint, whole or not at all: UserError where the disk refuses."""
    path = where / "state.pt"
    try:
        with atomic_write(path) as temporary:
            torch.save(state, temporary)
    except RuntimeError as error:  # what torch makes of a full disk
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot write {path}: {reason}; the one before is kept") from None


def load(where: Path, device: torch.device) -> dict[str, Any] | None:
    """The checkpoint, or None where there is none."""
    path = where / "state.pt"
    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None


def snapshot_dir(where: Path) -> Path:
    """The folder whose content belongs into the outputs."""
    return where / "kept"


def restore_snapshots(where: Path, out: Path, stems: Container[str] | None = None) -> None:
    """Bring what was kept into the outputs, each file whole: all, or those of some names."""
    for path in sorted(snapshot_dir(where).rglob("*.*")):
        # hidden ones are what a kill left half written
        if path.name[0] != "." and (stems is None or path.stem in stems):
            write_bytes(out / path.relative_to(snapshot_dir(where)), path.read_bytes())


def remove(where: Path) -> None:
    """Forget a training that is done."""
    shutil.rmtree(where, ignore_errors=True)
