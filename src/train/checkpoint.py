"""Checkpoints of an unfinished training, outside the pipeline's outputs.

A checkpoint lies in .resume/<fingerprint of parameters, code and data>. A killed run resumes from
it, and a run with anything changed starts at step 0. The snapshots lie beside the state, because
DVC empties a stage's outputs before it runs the stage again.
"""

import json
import re
import shutil
import sys
import time
from collections.abc import Container
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from src.dataset.arrays import Shards, content_digest
from src.errors import UserError
from src.storage.atomic import write_bytes
from src.storage.checksums import checked_read, checked_write, file_sha256
from src.storage.fingerprint import fingerprint, source_files
from src.storage.snapshot_names import snapshot_name
from src.train.gan import Networks
from src.train.snapshots import Scores

ROOT = Path(".resume")
MAX_AGE_DAYS = 30  # of another training's checkpoint, since it was last written
# Every module that a training's numbers come from; a test compares them with the imports.
CODE = source_files(
    {
        "dataset": "arrays inputs picture_parts",
        "drawing": "sheets",
        "model": "depth device distributed generator image_metrics layers model_config networks "
        "pretrained_unet saving tensors",
        "storage": "atomic checksums encoding ledger slices snapshot_names",
        "train": "augment batches checkpoint discriminator gan loop perceptual projected_gan snapshots steps",
        "weights": "effnet pretrained",
    }
)


@dataclass
class TrainingState:
    """How far a training is, beside its networks' states.

    Attributes:
        step: The number of steps done.
        history: The losses of the logged steps, in order.
        scores: Those of the snapshots, in order.
        snapshot_sha256: The SHA-256 of each file of the snapshots, by its path below their folder.
    """

    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)
    snapshot_sha256: dict[str, str] = field(default_factory=dict)


def directory(settings: dict[str, Any], data: list[Shards | np.ndarray]) -> Path:
    """Return the folder of exactly this training's checkpoint, by all that its numbers depend on."""
    digests = [content_digest(array) for array in data]
    canonical = json.dumps(settings, sort_keys=True)
    return ROOT / fingerprint(CODE, canonical, torch.__version__, digests)


def save(folder: Path, nets: Networks, state: TrainingState) -> None:
    """Write a checkpoint, whole or not at all; it also notes the snapshots' checksums.

    The state is complete, because every random choice is a function of the step.

    Raises:
        UserError: The disk refuses.
    """
    path, known = folder / "state.pt", state.snapshot_sha256
    # no others: a killed run may have left later ones, which are taken again
    stems = {"config", *(snapshot_name(int(scores["step"])) for scores in state.scores)}
    for file in _snapshot_files(folder, stems):
        name = file.relative_to(snapshot_dir(folder)).as_posix()
        known[name] = known.get(name) or file_sha256(file)
    parts = {name: part.state_dict() for name, part in nets.state_parts.items()}
    try:
        with checked_write(path) as temporary:
            torch.save({**parts, "training": asdict(state)}, temporary)
    except RuntimeError as error:  # torch's word for a full disk
        reason = str(error).splitlines()[0]
        raise UserError(
            f"cannot write {path}: {reason}; the previous checkpoint is still there"
        ) from None


def restore(folder: Path, nets: Networks, device: torch.device) -> TrainingState:
    """Load a checkpoint into fresh networks; return its state.

    Without a checkpoint, or with a damaged one, that is at step 0.
    """
    content = checked_read(folder / "state.pt", "the training starts at step 0")
    if content is None:
        return TrainingState()
    saved = torch.load(content, map_location=device, weights_only=True)
    state = TrainingState(**saved["training"])
    if damaged := _damaged_snapshot(folder, state):
        print(
            f"{damaged} does not match its checksum: the training starts at step 0", file=sys.stderr
        )
        return TrainingState()
    for name, part in nets.state_parts.items():
        part.load_state_dict(saved[name])
        if isinstance(part, torch.optim.Adam):
            _match_memory_format(part)
    return state


def _damaged_snapshot(folder: Path, state: TrainingState) -> Path | None:
    """Return the first file of the snapshots that is not what the checkpoint says."""
    files = ((snapshot_dir(folder) / name, sha) for name, sha in state.snapshot_sha256.items())
    return next((f for f, sha in files if not f.is_file() or file_sha256(f) != sha), None)


def _match_memory_format(adam: torch.optim.Adam) -> None:
    """Bring loaded means into their weights' memory format.

    The format depends on a process's share of the batch. torch's fused Adam computes wrong
    weights, and raises nothing, if the means have another one.
    """
    for weight, state in adam.state.items():
        for name in ("exp_avg", "exp_avg_sq"):
            state[name] = torch.empty_like(weight).copy_(state[name])


def snapshot_dir(folder: Path) -> Path:
    """Return the folder of the snapshots, which belong into the outputs."""
    return folder / "outputs"


def _snapshot_files(folder: Path, stems: Container[str]) -> list[Path]:
    # a kill leaves hidden files, which are half written
    files = (path for path in snapshot_dir(folder).rglob("*.*") if path.name[0] != ".")
    return sorted(path for path in files if path.stem in stems)


def restore_snapshots(folder: Path, out: Path, stems: Container[str]) -> None:
    """Copy snapshots, by their names without suffix, into the outputs, each file whole."""
    for path in _snapshot_files(folder, stems):
        write_bytes(out / path.relative_to(snapshot_dir(folder)), path.read_bytes())


def remove(folder: Path) -> None:
    """Remove the checkpoint of a training that has ended."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Remove checkpoints of other trainings that nothing has written to for MAX_AGE_DAYS."""
    oldest = time.time() - MAX_AGE_DAYS * 24 * 3600
    for other in ROOT.glob("*"):
        # a cluster's maps lie beside the checkpoints
        if other == folder or not re.fullmatch("[0-9a-f]{24}", other.name):
            continue
        if max(path.stat().st_mtime for path in (other, *other.rglob("*"))) < oldest:
            remove(other)
