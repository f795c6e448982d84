"""The names of snapshots."""

from pathlib import Path

import pytest

from src.storage.snapshot_names import snapshot_name, snapshot_step


@pytest.mark.parametrize("step", [0, 7, 999_999, 1_000_000])
def test_the_step_is_read_from_the_name(step: int):
    assert snapshot_step(f"snapshots/{snapshot_name(step)}.safetensors") == step


def test_the_last_weights_are_of_no_snapshot():
    assert snapshot_step(Path("generator.safetensors")) is None


def test_names_sort_by_step():
    assert sorted(map(snapshot_name, (100, 20, 3000))) == [
        "step_000020",
        "step_000100",
        "step_003000",
    ]
