"""What a training tells of itself while it runs."""

import json
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from src.progress import progress_bar
from src.train.checkpoint import TrainingState
from src.train.training_metrics import TrainingMetrics
from tests.train.trainings import kill, outputs, undisturbed


@pytest.fixture
def every_row(monkeypatch) -> None:
    monkeypatch.setattr("src.train.training_metrics.WRITE_EVERY_S", 0.0)


def test_a_killed_training_leaves_its_metrics_so_far(tiny, train, monkeypatch, every_row):
    kill(monkeypatch, train, tiny({"train.snapshots": 5}), 8)
    assert list(pd.read_csv("history.csv")["step"]) == [1, 2, 3, 4, 5, 6, 7]
    assert list(pd.read_csv("progress.csv")["step"]) == [2, 4, 6]
    told = json.loads(Path("train.json").read_text())
    assert (told["steps"], told["pictures_seen"]) == (7, 14)


def test_how_often_metrics_are_written_does_not_change_the_last_ones(tiny, train, monkeypatch):
    p = tiny()
    seldom, _ = undisturbed(train, p)
    monkeypatch.setattr("src.train.training_metrics.WRITE_EVERY_S", 0.0)
    often, _ = undisturbed(train, p)
    assert often == seldom


def test_a_resumed_training_ends_with_the_same_metrics(tiny, train, monkeypatch, every_row):
    p = tiny()
    files, metrics = undisturbed(train, p)
    kill(monkeypatch, train, p, 8)
    assert train(p) == metrics
    assert outputs() == files


def test_progress_holds_the_scores_of_each_snapshot(tiny, train):
    train(tiny({"train.snapshots": 2}))
    scores = json.loads(Path("model/snapshots/scores.json").read_text())
    assert pd.read_csv("progress.csv").to_dict("records") == scores


def test_progress_tells_snapshots_apart_that_differ_in_the_last_digit(tmp_path):
    scores = [{"step": step, "l1": l1} for step, l1 in ((1, 0.05004), (2, 0.05001))]
    TrainingMetrics(tmp_path, {"generator": 3}, 4).write(
        2, TrainingState(2, [{"step": 2.0, "g_l1": 0.1}], scores)
    )
    assert list(pd.read_csv(tmp_path / "progress.csv")["l1"]) == [0.05004, 0.05001]


def test_the_final_losses_are_means_of_the_last_tenth(tmp_path):
    history = [{"step": float(step), "g_l1": step / 100} for step in range(1, 21)]
    told = TrainingMetrics(tmp_path, {"generator": 3}, 4).write(20, TrainingState(20, history))
    assert told["final"] == {"g_l1": 0.195}
    assert told["pictures_seen"] == 80
    assert not (tmp_path / "progress.csv").exists()  # there is no snapshot yet


def test_a_log_tells_losses_and_pictures_a_second(tiny, train, monkeypatch, capfd):
    monkeypatch.setattr("src.train.loop.progress_bar", partial(progress_bar, line_s=0.0))
    train(tiny())
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) >= 5
    rates = [int(line.rpartition("pictures/s=")[2]) for line in lines if "pictures/s=" in line]
    assert len(rates) >= 5
    assert min(rates) > 0
    assert all("g_l1=" in line for line in lines if "pictures/s=" in line)
