"""Single stages, run in a folder of their own on data that lies elsewhere."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from src.errors import UserError

ROOT = Path(__file__).parent.parent
OUTPUT_CHARS = 500  # of a failed stage's output that the error shows


def link(folder: Path, inputs: Mapping[str, Path]) -> None:
    """Link files and folders into a folder, by the names that stages know them by."""
    for name, target in inputs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)


def run_stage(stage: str, folder: Path, variables: Mapping[str, str]) -> None:
    """Run a stage with more variables of the environment.

    Raises:
        UserError: It fails.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", f"stages.{stage}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{stage} with {variables} failed: {done.stderr[-OUTPUT_CHARS:]}")
