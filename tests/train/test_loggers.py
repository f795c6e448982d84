"""Trainings that are watched in DVCLive or TensorBoard."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from src.errors import UserError
from src.train import loggers
from tests.train.trainings import kill, undisturbed


def test_dvclive_gets_losses_and_scores(tiny, train):
    pytest.importorskip("dvclive")
    train(tiny({"train.log": ["dvclive"]}))
    told = json.loads(Path("logs/dvclive/metrics.json").read_text())
    assert told["step"] == 10
    assert {"g_l1", "d", "val_l1", "val_psnr", "val_ssim"} <= told.keys()
    assert not Path("dvc.yaml").exists()


def test_tensorboard_gets_losses_and_scores(tiny, train):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tiny({"train.log": ["tensorboard"], "train.snapshots": 2}))
    told = EventAccumulator("logs/tensorboard").Reload()
    assert [event.step for event in told.Scalars("g_l1")] == list(range(1, 11))
    assert [event.step for event in told.Scalars("val_l1")] == [5, 10]


@pytest.mark.parametrize("earlier", [{}, {"train.seed": 1}])
def test_programs_show_each_step_once_whatever_was_trained_before(
    tiny, train, monkeypatch, earlier: dict
):
    pytest.importorskip("dvclive")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # a checkpoint and a snapshot at step 5, of which the same training resumes
    watched = {"train.log": ["dvclive", "tensorboard"], "train.snapshots": 2}
    kill(monkeypatch, train, tiny(watched | earlier), 8)
    train(tiny(watched))
    told = EventAccumulator("logs/tensorboard").Reload()
    for name, steps in (("g_l1", list(range(1, 11))), ("val_l1", [5, 10])):
        assert [event.step for event in told.Scalars(name)] == steps
        table = pd.read_csv(f"logs/dvclive/plots/metrics/{name}.tsv", sep="\t")
        assert list(table["step"]) == steps


@pytest.mark.parametrize("damage", [b"\0\0\0\0\n", b"\xff\xfe\t1\n", b"x\t1\n", b"\n", b"3\t0."])
def test_a_damaged_row_of_an_earlier_table_is_dropped(tmp_path, damage):
    table = tmp_path / "g_l1.tsv"
    table.write_bytes(b"step\tg_l1\n1\t0.5\n" + damage)
    loggers._drop_later_rows(tmp_path, 4)
    assert table.read_bytes() == b"step\tg_l1\n1\t0.5\n"


def test_watching_does_not_change_the_training(tiny, train):
    pytest.importorskip("tensorboard")
    plain, _ = undisturbed(train, tiny())
    watched, _ = undisturbed(train, tiny({"train.log": ["tensorboard"]}))
    assert plain == watched


@pytest.mark.parametrize("name", sorted(loggers.LOGGERS))
def test_a_logger_that_is_not_installed_is_refused_with_the_command(monkeypatch, name):
    missing = {"dvclive": "dvclive.live", "tensorboard": "torch.utils.tensorboard"}
    monkeypatch.setitem(sys.modules, missing[name], None)
    with pytest.raises(UserError, match=r"requirements-log\.txt") as refusal:
        loggers.start([name], 0)
    assert f"train.log = ['{name}']" in str(refusal.value)


@pytest.mark.parametrize("name", ["dvclive", "tensorboard"])
def test_a_file_where_a_logger_would_write_is_named(tmp_path, monkeypatch, name):
    pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    Path("logs").touch()
    with pytest.raises(UserError, match=f"^train.log = 'logs/{name}': logs is a file"):
        loggers.start([name], 0)
