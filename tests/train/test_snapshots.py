"""Snapshots: weights, sample sheets and the best of them."""

from pathlib import Path

import numpy as np
import pytest

from src.drawing.sheets import three_channels
from src.imaging import decoding
from src.model import image_metrics
from src.model.saving import load_generator
from src.model.tensors import to_tensor, to_uint8
from src.storage.atomic import read_json
from tests.train.trainings import WEIGHTS


@pytest.mark.parametrize(
    ("count", "snapshots", "expected"),
    [(10, 5, [2, 4, 6, 8, 10]), (3, 5, [1, 2, 3]), (7, 2, [3, 7]), (4, 1, [4])],
)
def test_snapshots_are_taken_along_the_way(tiny, train, count: int, snapshots: int, expected: list):
    train(tiny({"train.steps": count, "train.snapshots": snapshots}))
    names = [f"step_{step:06d}" for step in expected]
    assert sorted(f.stem for f in Path("model/samples").glob("*.png")) == names
    assert sorted(f.stem for f in Path("model/snapshots").glob("*.safetensors")) == names
    last = Path(f"model/snapshots/{names[-1]}.safetensors")
    assert last.read_bytes() == Path(WEIGHTS).read_bytes()


@pytest.mark.parametrize("task", ["colorize", "sketch", "labels"])
def test_a_sample_sheet_shows_input_output_and_target(tiny, train, sides, task: str):
    p = tiny({"task": task, "source": "pairs", "train.steps": 3})
    train(p)
    _, val = sides(p)
    sheet = decoding.decode(Path("model/samples/step_000001.png").read_bytes())
    cell = 32 + 4
    assert sheet.shape == (2 * cell + 4, 6 * cell + 4, 3)
    tiles = [sheet[4 + r * cell :, 4 + c * cell :][:32, :32] for r in range(2) for c in range(6)]
    snapshot = load_generator(Path("model/snapshots"), "step_000001")
    outputs = to_uint8(snapshot.render(to_tensor(val.inputs(task))))
    for i in range(3):
        np.testing.assert_array_equal(tiles[3 * i], three_channels(val.inputs(task)[i]))
        np.testing.assert_array_equal(tiles[3 * i + 1], outputs[i])
        np.testing.assert_array_equal(tiles[3 * i + 2], val.photo[i])


def test_the_scores_of_each_snapshot_stand_beside_it(tiny, train, sides):
    p = tiny({"train.lr": 0.01, "train.steps": 20})
    train(p)
    _, val = sides(p)
    recorded = read_json(Path("model/snapshots/scores.json"))
    assert [scores["step"] for scores in recorded] == [4, 8, 12, 16, 20]
    for scores in recorded:
        snapshot = load_generator(Path("model/snapshots"), f"step_{scores['step']:06d}")
        outputs = to_uint8(snapshot.render(to_tensor(val.gray)))
        columns = image_metrics.scores(outputs, val.photo)
        expected = {k: pytest.approx(float(v.mean()), abs=1e-4) for k, v in columns.items()}
        assert scores == {"step": scores["step"]} | expected
