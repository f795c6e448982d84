"""Checkpoints of an unfinished training, outside the pipeline's outputs.

They live in .resume/<fingerprint of parameters, code and data>, so that a killed run goes on
where it was, and a run with anything changed starts afresh. Beside the state they keep the
snapshots made so far, because DVC empties a stage's outputs before it runs again.
"""

import hashlib
import json
import shutil
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import torch

from src import arrays, generator, inputs, layers, networks, paired, processes
from src.arrays import Shards
from src.errors import UserError
from src.files import whole, write_bytes
from src.train import augment, batches, snapshots, steps

ROOT = Path(".resume")
USED = (
    arrays,
    augment,
    batches,
    generator,
    inputs,
    layers,
    networks,
    paired,
    processes,
    snapshots,
    steps,
)


def folder(settings: dict[str, Any], data: list[Shards | np.ndarray]) -> Path:
    """Where the checkpoint of exactly this training lives."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(torch.__version__.encode())
    here = Path(__file__)
    code = [here, here.with_name("loop.py")]
    code += [Path(m.__file__) for m in USED]
    for path in code:
        digest.update(path.read_bytes())
    for array in data:
        digest.update(str(array.shape).encode())
        for block in arrays.blocks(array):
            digest.update(block)
    return ROOT / digest.hexdigest()[:24]


def save(state: dict[str, Any], where: Path) -> None:
    """Write a checkpoint, whole or not at all: UserError where the disk refuses."""
    path = where / "state.pt"
    try:
        with whole(path) as temporary:
            torch.save(state, temporary)
    except RuntimeError as error:  # what torch makes of a full disk
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot write {path}: {reason}; the one before is kept") from None


def load(where: Path, device: torch.device) -> dict[str, Any] | None:
    """The checkpoint, or None where there is none."""
    path = where / "state.pt"
    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None


def kept(where: Path) -> Path:
    """The folder whose content belongs into the outputs."""
    return where / "kept"


def copy_kept(where: Path, out: Path, stems: Container[str] | None = None) -> None:
    """Bring what was kept into the outputs, each file whole: all, or those of some names."""
    for path in sorted(kept(where).rglob("*.*")):
        # hidden ones are what a kill left half written
        if path.name[0] != "." and (stems is None or path.stem in stems):
            write_bytes(out / path.relative_to(kept(where)), path.read_bytes())


def remove(where: Path) -> None:
    """Forget a training that is done."""
    shutil.rmtree(where, ignore_errors=True)
