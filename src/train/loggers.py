"""Other programs that show a training while it runs: DVCLive and TensorBoard, if they are installed."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.storage.atomic import write_bytes
from src.user_paths import output_folder

ROOT = Path("logs")
INSTALL = "pip install -r requirements-log.txt"


class DVCLive:
    """Writes logs/dvclive: metrics.json, and a table for each value."""

    def __init__(self, first: int) -> None:
        from dvclive.live import Live

        folder = log_folder("dvclive")
        _drop_later_rows(folder, first)
        # the project's own pipeline declares metrics and saves experiments
        self._live: Any = Live(str(folder), resume=first > 0, dvcyaml=None, save_dvc_exp=False)

    def log(self, step: int, values: dict[str, float]) -> None:
        """Note values by name, after `step` steps."""
        self._live.step = step
        for name, value in values.items():
            self._live.log_metric(name, value)
        self._live.make_summary()

    def close(self) -> None:
        """Write what is not written yet."""
        self._live.end()


class TensorBoard:
    """Writes logs/tensorboard, which `tensorboard --logdir logs` shows."""

    def __init__(self, first: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # it hides what a killed or an earlier training logged from this step on
        self._writer: Any = SummaryWriter(str(log_folder("tensorboard")), purge_step=first + 1)

    def log(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def log_folder(name: str) -> Path:
    """Return where a logger writes; raise UserError if a file is there."""
    return output_folder("train.log", ROOT / name)


def _drop_later_rows(folder: Path, last: int) -> None:
    """Remove the rows that a killed training wrote after step `last`, from which it resumes."""
    for table in folder.rglob("*.tsv"):
        header, *rows = table.read_bytes().splitlines(keepends=True) or [b""]
        # a kill may leave half a row, and a power cut zeros
        steps = (re.match(rb"(\d+)\t.*\n", row) for row in rows)
        earlier_rows = [step[0] for step in steps if step and int(step[1]) <= last]
        write_bytes(table, b"".join([header, *earlier_rows]))


Logger = DVCLive | TensorBoard
LOGGERS: dict[str, type[Logger]] = {"dvclive": DVCLive, "tensorboard": TensorBoard}


def start(names: Sequence[str], first: int) -> list[Logger]:
    """Start loggers, names of LOGGERS, of a training that resumes from step `first`.

    Raises:
        UserError: One of them is not installed.
    """
    try:
        return [LOGGERS[name](first) for name in names]
    except ImportError as error:
        raise UserError(f"train.log = {list(names)}: {error}: {INSTALL}, or set it to []") from None
