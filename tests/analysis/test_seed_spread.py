"""How much scores differ between seeds, as a benchmark has recorded it."""

from pathlib import Path

import pytest

from src.analysis.seed_spread import read_seed_spread
from src.errors import UserError
from src.storage.atomic import write_json


def recorded(file: Path, *l1: float) -> Path:
    runs = {f"seed {n}": {"scores": {"l1": value}} for n, value in enumerate(l1)}
    write_json(file, {"trainings": "3 seeds of demo", "seeds": runs})
    return file


def test_the_spread_is_the_largest_difference_of_two_seeds(tmp_path):
    spread = read_seed_spread(recorded(tmp_path / "spread.json", 0.065, 0.067, 0.064))
    assert spread.trainings == "3 seeds of demo"
    assert spread.ranges["l1"] == pytest.approx(0.003)
    assert spread.covers("l1", -0.0029)
    assert not spread.covers("l1", 0.0031)
    assert not spread.covers("psnr", 0.0)


def test_without_a_measurement_there_is_none(tmp_path):
    assert read_seed_spread(tmp_path / "spread.json") is None


@pytest.mark.parametrize("content", [{}, [], {"seeds": {}, "trainings": ""}, {"seeds": [1]}])
def test_a_file_with_something_else_is_one_line_with_its_remedy(tmp_path, content):
    write_json(tmp_path / "spread.json", content)
    expected = r"spread.json (holds no spread of seeds|lacks the key 'seeds').*benchmarks.spread"
    with pytest.raises(UserError, match=expected):
        read_seed_spread(tmp_path / "spread.json")


def test_a_file_that_is_cut_is_one_line_with_its_remedy(tmp_path):
    (tmp_path / "spread.json").write_text('{"seeds"')
    with pytest.raises(UserError, match=r"spread.json cannot be read as JSON.*benchmarks.spread"):
        read_seed_spread(tmp_path / "spread.json")
