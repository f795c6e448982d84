"""The names of a training's snapshots, which training writes, and evaluation and report read."""

from pathlib import Path

PREFIX = "step_"


def snapshot_name(step: int) -> str:
    """Return the name of the files of a snapshot after `step` steps, without suffix."""
    return f"{PREFIX}{step:06d}"


def snapshot_step(file: str | Path) -> int | None:
    """Return the step of a snapshot's file; None for another file."""
    stem = Path(file).stem
    return int(stem.removeprefix(PREFIX)) if stem.startswith(PREFIX) else None
