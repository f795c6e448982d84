"""Evaluation of a tiny generator: what it scores and writes, and that both can be repeated."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from src.dataset import arrays
from src.dataset.inputs import to_canny, to_gray
from src.errors import UserError
from src.evaluate import evaluation
from src.evaluate.evaluator import Evaluator
from src.evaluate.neighbourhoods import NAMES
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.model.generator import Generator
from src.model.saving import save_generator
from src.storage.atomic import write_json
from src.storage.snapshot_names import snapshot_name
from src.vision.colorfulness import colorfulness
from tests.builders import CANNY, untrained
from tests.color_means import ColorMeans, extractor
from tests.conftest import DEFAULTS

SIZE = 32
NETWORK = {
    "ngf": 4,
    "n_downs": 2,
    "n_blocks": 1,
    "upsample": "resize",
    "norm": "batch",
}


def generator(task: str = "colorize", output: str = "chroma", seed: int = 0) -> Generator:
    return untrained(task, output, "encdec", NETWORK, 8, seed)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, faces) -> Path:
    """Six validation pairs and four of the probe, as the pair stage writes them."""
    folder = tmp_path_factory.mktemp("pairs")
    small = np.stack([resize(face, SIZE, SIZE) for face in faces])
    for side, photo, first in (("val", small[:6], 100), ("probe", small[10:14], 7)):
        table = pd.DataFrame(
            {
                "row": [first + 3 * n for n in range(len(photo))],
                "item_id": [f"nm{first + n}" for n in range(len(photo))],
                "name": [f"Zoë {n}" for n in range(len(photo))],
            }
        )
        canny = np.stack([to_canny(p, CANNY) for p in photo])
        columns = {"photo": photo, "gray": to_gray(photo), "canny": canny, "labels": photo[:, ::-1]}
        arrays.save(folder, side, columns, table)
    return folder


TRAIN_PHOTOS = np.full((3, 8, 8, 3), (150, 90, 60), np.uint8)


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    params = DEFAULTS
    settings = params.evaluate.model_copy(update={"batch_size": 4})
    return Evaluator((extractor(4),), settings, params.clean.tone_residual)


def evaluated(
    evaluator: Evaluator, pairs: Path, folder: Path, model: Generator, leaks: bool = False
) -> dict:
    save_generator(model, folder / "model")
    return evaluation.evaluate(
        evaluator,
        folder / "model",
        arrays.load(pairs, "val"),
        arrays.load(pairs, "probe"),
        TRAIN_PHOTOS,
        folder / "predictions",
        folder / "samples",
        leaks,
    )


@pytest.fixture(scope="module")
def finished(evaluator, pairs, tmp_path_factory) -> tuple[dict, Path]:
    """One evaluation: its scores, and the folder of its files."""
    folder = tmp_path_factory.mktemp("finished")
    return evaluated(evaluator, pairs, folder, generator()), folder


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*.*"))}


PAIRED = {"l1", "psnr", "ssim", "colorfulness", "gray_share", "n"}
SETS = {ColorMeans.frechet, ColorMeans.kernel, *(f"{name}_means" for name in NAMES)}
ERRORS = {f"{name}_se" for name in SETS}


def test_every_side_and_baseline_has_its_scores(finished):
    scores, _ = finished
    assert set(scores) == {"val", "train", "gap", "baselines"}
    assert set(scores["val"]) == set(scores["train"]) == PAIRED | SETS | ERRORS
    assert set(scores["gap"]) == PAIRED - {"n"} | {"interpretable"}
    assert set(scores["baselines"]) == {"copy_input", "mean_color", "real_real"}
    for name in ("copy_input", "mean_color"):
        assert set(scores["baselines"][name]) == PAIRED | SETS | ERRORS
    assert set(scores["baselines"]["real_real"]) == SETS | ERRORS | {"colorfulness", "gray_share"}
    assert (scores["val"]["n"], scores["train"]["n"]) == (6, 4)
    assert "NaN" not in json.dumps(scores)


def test_the_gap_is_validation_minus_training(finished):
    scores, _ = finished
    gaps = {name: gap for name, gap in scores["gap"].items() if name != "interpretable"}
    for name, gap in gaps.items():
        assert gap == pytest.approx(scores["val"][name] - scores["train"][name], abs=1e-5)
    assert any(gap != 0 for gap in gaps.values())


def test_sets_of_one_size_have_a_gap_in_the_scores_of_sets_too(finished):
    scores, _ = finished
    smaller = scores["val"] | {"n": scores["train"]["n"]}
    assert set(evaluation.gap(smaller, scores["train"])) == (PAIRED | SETS) - {"n"}


def test_every_extractor_scores_under_its_own_name(evaluator, pairs, tmp_path):
    class OtherMeans(ColorMeans):
        name, frechet, kernel = "other", "fd_other", "kd_other_x1000"

    other = replace(evaluator.extractors[0], network=OtherMeans(Path()))
    both = replace(evaluator, extractors=(*evaluator.extractors, other))
    val = evaluated(both, pairs, tmp_path, generator())["val"]
    assert val["fd_other"] == val["fd_means"] > 0
    assert val["kd_other_x1000_se"] == val["kd_means_x1000_se"]
    assert val["density_other"] == val["density_means"] > 0


@pytest.mark.parametrize("leaks", [False, True])
def test_a_gap_is_not_interpretable_if_the_audit_found_leaks(evaluator, pairs, tmp_path, leaks):
    scored = evaluated(evaluator, pairs, tmp_path, generator(), leaks)
    assert scored["gap"]["interpretable"] == (not leaks)


def test_a_baseline_scores_the_input_itself(finished, pairs):
    scores, _ = finished
    val = arrays.load(pairs, "val")
    gray = np.asarray(val.gray)[..., None].astype(float)
    error = np.abs(gray - np.asarray(val.photo)).mean() / 127.5
    copied = scores["baselines"]["copy_input"]
    assert copied["l1"] == pytest.approx(error, abs=1e-4)
    assert copied["colorfulness"] == 0
    assert copied["gray_share"] == 1
    assert scores["val"]["l1"] != copied["l1"]


@pytest.mark.parametrize("task", ["sketch", "labels"])
def test_each_task_is_scored(evaluator, pairs, tmp_path, task):
    scores = evaluated(evaluator, pairs, tmp_path, generator(task, "rgb"))
    assert 0 < scores["val"]["l1"] < 2


def test_two_evaluations_give_the_same(evaluator, finished, pairs, tmp_path):
    scores, folder = finished
    assert evaluated(evaluator, pairs, tmp_path, generator()) == scores
    assert files(tmp_path) == files(folder)


def test_each_row_has_the_picture_that_was_scored(evaluator, finished, pairs):
    _, folder = finished
    val = arrays.load(pairs, "val")
    expected = evaluator.render(generator(), val.gray)
    named = sorted((folder / "predictions").glob("*.png"))
    assert [path.name for path in named] == [f"{row:06d}.png" for row in val.index["row"]]
    for path, picture in zip(named, expected, strict=True):
        assert np.array_equal(read_photo(path), picture)


def test_each_row_has_its_scores(finished, pairs):
    scores, folder = finished
    table = pd.read_csv(folder / "predictions" / "scores.csv")
    val = arrays.load(pairs, "val")
    assert list(table["row"]) == list(val.index["row"])
    assert list(table["name"]) == list(val.index["name"])
    assert table["l1"].mean() == pytest.approx(scores["val"]["l1"], abs=1e-4)


def test_a_name_that_is_a_formula_is_a_text_in_the_table(pairs, tmp_path):
    val = arrays.load(pairs, "val")
    index = val.index.assign(name="=HYPERLINK(A1)", item_id="@id")
    index.loc[0, "name"] = None
    scored = pd.DataFrame({"l1": np.zeros(len(index))})
    evaluation._write_scores(scored, replace(val, index=index), tmp_path / "scores.csv")
    table = pd.read_csv(tmp_path / "scores.csv")
    assert set(table["item_id"]) == {"'@id"}
    assert set(table["name"].dropna()) == {"'=HYPERLINK(A1)"}
    assert pd.isna(table["name"][0])


def test_sample_sheets_are_written_for_both_sides(finished, pairs):
    _, folder = finished
    assert set(files(folder / "samples")) == {"train.png", "val.png"}
    sheet = read_photo(folder / "samples" / "val.png")
    val = arrays.load(pairs, "val")
    # the first sample's target stands third in its row
    left = 4 + 2 * (SIZE + 4)
    assert np.array_equal(sheet[4 : 4 + SIZE, left : left + SIZE], val.photo[0])


def test_pictures_do_not_depend_on_the_batch(evaluator, pairs):
    val, model = arrays.load(pairs, "val"), generator()
    settings = [evaluator.settings.model_copy(update={"batch_size": n}) for n in (1, 4, 100)]
    renders = [replace(evaluator, settings=s).render(model, val.gray) for s in settings]
    for render in renders[1:]:
        assert np.abs(renders[0].astype(int) - render).max() <= 1


def test_one_picture_a_side_is_too_few(evaluator, pairs, tmp_path):
    sides = {
        side: arrays.Pairs(p.photo[:1], p.gray[:1], p.canny[:1], None, p.index[:1])
        for side in ("val", "probe")
        for p in [arrays.load(pairs, side)]
    }
    save_generator(generator(), tmp_path / "model")
    folders = [tmp_path / "predictions", tmp_path / "samples"]
    with pytest.raises(UserError, match=r"at least 3 pictures"):
        evaluation.evaluate(
            evaluator, tmp_path / "model", sides["val"], sides["probe"], TRAIN_PHOTOS, *folders
        )


def test_grayscale_photographs_do_not_break_the_baselines(evaluator, pairs, tmp_path):
    val = arrays.load(pairs, "val")
    photo = np.array(val.photo)
    photo[:] = np.array(val.gray)[..., None]
    gray = arrays.Pairs(photo, val.gray, val.canny, None, val.index)
    save_generator(generator(), tmp_path / "model")
    folders = [tmp_path / "predictions", tmp_path / "samples"]
    probe = arrays.load(pairs, "probe")
    scores = evaluation.evaluate(
        evaluator, tmp_path / "model", gray, probe, np.asarray(probe.photo), *folders
    )
    assert (
        json.loads(json.dumps(scores, allow_nan=False))["baselines"]["real_real"]["gray_share"] == 1
    )


def test_the_curve_has_a_row_for_each_snapshot(evaluator, pairs, tmp_path):
    write_json(tmp_path / "model/snapshots/scores.json", [{"step": step} for step in (2, 10, 100)])
    for step in (2, 5, 10, 100):  # that of step 5 is an earlier training's
        save_generator(generator(seed=step), tmp_path / "model" / "snapshots", snapshot_name(step))
    evaluation.curve(evaluator, tmp_path / "model", arrays.load(pairs, "val"), tmp_path / "c.csv")
    table = pd.read_csv(tmp_path / "c.csv")
    assert list(table.columns) == ["step", "fd_means"]
    assert list(table["step"]) == [2, 10, 100]
    assert table["fd_means"].nunique() == 3


def test_the_curve_ends_with_the_evaluations_scores(evaluator, finished, pairs, tmp_path):
    write_json(tmp_path / "model/snapshots/scores.json", [{"step": 100}])
    save_generator(generator(), tmp_path / "model" / "snapshots", "step_000100")
    evaluation.curve(evaluator, tmp_path / "model", arrays.load(pairs, "val"), tmp_path / "c.csv")
    [row] = pd.read_csv(tmp_path / "c.csv").to_dict("records")
    scores, _ = finished
    assert row["fd_means"] == scores["val"]["fd_means"]


def test_the_settings_behind_the_scores_are_named(evaluator, pairs, tmp_path):
    val, probe = arrays.load(pairs, "val"), arrays.load(pairs, "probe")
    save_generator(generator(), tmp_path)
    meta = evaluation.meta(evaluator, tmp_path, val, probe)
    assert meta["features"] == {"fd_means": "colour means"}
    assert meta["computed_on"]["evaluation"]["dtype"] == "float32"
    assert meta["computed_on"]["training"] == {}
    assert (meta["n_val"], meta["n_train"]) == (6, 4)
    assert meta["scored_step"] is None  # the last weights
    assert meta["versions"]["torch"] == torch.__version__.partition("+")[0]
    metas = [evaluation.meta(evaluator, tmp_path, pairs, probe) for pairs in (val, val, probe)]
    digests = [meta["pictures_sha256"] for meta in metas]
    assert digests[0] == digests[1] != digests[2]


def test_opencv_by_another_name_costs_no_scores(evaluator, pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "PACKAGES", ("torch", "opencv-without-a-distribution"))
    save_generator(generator(), tmp_path)
    val = arrays.load(pairs, "val")
    versions = evaluation.meta(evaluator, tmp_path, val, val)["versions"]
    assert versions["opencv-without-a-distribution"] == "from another package"


def test_a_task_without_inputs_is_refused_by_name(evaluator, pairs, tmp_path):
    val = arrays.load(pairs, "val")
    save_generator(generator("labels", "rgb"), tmp_path / "model")
    without = arrays.Pairs(val.photo, val.gray, val.canny, None, val.index)
    folders = [tmp_path / "predictions", tmp_path / "samples"]
    with pytest.raises(UserError, match="task 'labels' needs labels"):
        evaluation.evaluate(evaluator, tmp_path / "model", without, without, TRAIN_PHOTOS, *folders)


def test_the_mean_colour_is_laid_over_the_gray(evaluator, finished, pairs):
    scores, _ = finished
    val, mean = arrays.load(pairs, "val"), TRAIN_PHOTOS.reshape(-1, 3).mean(axis=0)
    toned = (np.asarray(val.gray)[..., None] + (mean - mean.mean())).round().clip(0, 255)
    pictures = toned.astype(np.uint8)
    outputs = evaluator.measure(lambda part: pictures[part], val)
    expected = evaluator.scores(outputs, evaluator.photo_features(val))
    assert expected == scores["baselines"]["mean_color"]


def test_without_gray_the_baseline_is_the_mean_colour_alone(evaluator, pairs, tmp_path):
    scores = evaluated(evaluator, pairs, tmp_path, generator("sketch", "rgb"))
    val = np.asarray(arrays.load(pairs, "val").photo).astype(float)
    expected = np.abs(val - TRAIN_PHOTOS[0, 0, 0]).mean() / 127.5
    assert scores["baselines"]["mean_color"]["l1"] == pytest.approx(expected, abs=1e-4)


def test_the_real_baseline_has_the_colour_of_the_targets(finished, pairs):
    scores, _ = finished
    val = np.asarray(arrays.load(pairs, "val").photo)
    real = scores["baselines"]["real_real"]
    assert real["colorfulness"] == pytest.approx(colorfulness(val).mean(), abs=0.01)
    assert real["gray_share"] == 0


SNAPSHOTS = [
    {"step": 2, "l1": 0.3, "psnr": 21.0, "ssim": 0.5},
    {"step": 4, "l1": 0.2, "psnr": 19.0, "ssim": 0.7},
    {"step": 6, "l1": 0.2, "psnr": 20.0, "ssim": 0.6},
]


@pytest.mark.parametrize(
    ("choice", "file"),
    [
        ("last", "generator.safetensors"),
        ("best_l1", "snapshots/step_000004.safetensors"),
        ("best_psnr", "snapshots/step_000002.safetensors"),
        ("best_ssim", "snapshots/step_000004.safetensors"),
    ],
)
def test_the_best_snapshot_by_a_metric_is_the_earliest_of_equals(tmp_path, choice, file):
    write_json(tmp_path / "snapshots/scores.json", SNAPSHOTS)
    assert evaluation.weights_file(tmp_path, choice) == file


def test_the_best_snapshot_is_scored_on_request(evaluator, finished, pairs, tmp_path):
    scores, _ = finished
    model, val = tmp_path / "model", arrays.load(pairs, "val")
    write_json(model / "snapshots/scores.json", SNAPSHOTS)
    save_generator(generator(seed=5), model / "snapshots", "step_000002")
    best = evaluator.settings.model_copy(update={"snapshot": "best_psnr"})
    best_evaluator = replace(evaluator, settings=best)
    scored = evaluated(best_evaluator, pairs, tmp_path, generator())
    assert scored["val"] != scores["val"]
    assert scored["val"] == evaluated(evaluator, pairs, tmp_path / "5", generator(seed=5))["val"]
    meta = evaluation.meta(best_evaluator, model, val, val)
    assert meta["snapshot"] == "best_psnr"
    assert meta["weights_file"] == "snapshots/step_000002.safetensors"
    assert meta["scored_step"] == 2
