"""The metrics of a training, from its first losses on: the files that DVC draws and compares."""

import time
from pathlib import Path
from typing import Any

import pandas as pd

from src.storage.atomic import write_json, write_text
from src.train.checkpoint import TrainingState

WRITE_EVERY_S = 5.0
# Blank until a discriminator joins: DVC draws no plot of which a column is missing.
DISCRIMINATOR_COLUMNS = ("d", "d_right_on_real", "d_right_on_fake", "g_gan")


class TrainingMetrics:
    """The metrics of a training, which grow while it runs."""

    def __init__(self, folder: Path, parameters: dict[str, int], batch_size: int) -> None:
        """Write nothing yet; later history.csv, progress.csv and train.json in `folder`."""
        self.folder, self.parameters, self.batch_size = folder, parameters, batch_size
        self._written_at = -WRITE_EVERY_S

    def update(self, done: int, state: TrainingState) -> None:
        """Write the files, unless that was seconds ago."""
        if time.monotonic() - self._written_at >= WRITE_EVERY_S:
            self.write(done, state)

    def write(self, done: int, state: TrainingState) -> dict[str, Any]:
        """Write the files after `done` steps, and return the content of train.json."""
        history = pd.DataFrame(state.history).astype({"step": int})
        missing = [name for name in DISCRIMINATOR_COLUMNS if name not in history]
        history = history.reindex(columns=[*history, *missing])
        write_text(self.folder / "history.csv", history.to_csv(index=False, float_format="%.5f"))
        if state.scores:
            # all digits: the best snapshot by this file is the one that evaluate.snapshot selects
            scores = pd.DataFrame(state.scores).to_csv(index=False)
            write_text(self.folder / "progress.csv", scores)
        final = history.tail(max(1, len(history) // 10)).mean().dropna().drop("step")
        metrics = {
            "steps": done,
            "pictures_seen": done * self.batch_size,
            "parameters": self.parameters,
            "final": {name: round(float(mean), 4) for name, mean in final.items()},
        }
        write_json(self.folder / "train.json", metrics)
        self._written_at = time.monotonic()
        return metrics
