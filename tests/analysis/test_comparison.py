"""The comparison of two experiments."""

import re

import numpy as np
import pytest

from src.analysis.comparison import Difference, Experiment, compare, load_experiment
from src.analysis.seed_spread import SeedSpread
from src.dataset.inputs import to_gray
from src.drawing.sheets import three_channels
from src.errors import UserError
from src.storage.encoding import encode_png
from tests.analysis.experiments import experiment
from tests.color_means import extractor


def test_a_difference_beyond_chance_is_called_better(photos):
    good, bad = experiment("good", photos, 5), experiment("bad", photos, 40)
    for a, b in ((good, bad), (bad, good)):
        differences = compare(a, b, [extractor()], 0)
        sets = ["fd_means", "kd_means_x1000"]
        color_scores = ["colorfulness", "gray_share"]
        assert [d.metric for d in differences] == ["l1", "psnr", "ssim", *color_scores, *sets]
        for d in differences:
            if d.metric in color_scores:
                continue
            assert d.low <= d.value <= d.high
            assert re.fullmatch(
                rf"{d.metric}: good better by [\d.e+-]+ \[[\d.e+-]+, [\d.e+-]+\]",
                d.sentence(a.name, b.name),
            )


def test_a_difference_that_may_be_chance_is_not_distinguishable(photos):
    a, b = (experiment(str(seed), photos, 20, seed) for seed in (1, 2))
    for d in compare(a, b, [extractor()], 0):
        assert (
            d.low < 0 < d.high or d.value == d.low == d.high == 0
        )  # gray_share: no output is gray
        assert "not distinguishable" in d.sentence("a", "b")


def test_an_experiment_does_not_differ_from_itself(photos):
    a = experiment("a", photos, 20)
    for d in compare(a, a, [extractor()], 0):
        assert (d.value, d.low, d.high) == (0, 0, 0)
        assert "not distinguishable" in d.sentence("a", "a")


def test_the_interval_covers_the_true_difference(photos, monkeypatch):
    """Of 100 sets of pictures, the intervals of about 95 contain the true difference."""
    monkeypatch.setattr("src.analysis.comparison.SET_DRAWS", 2)  # not tested here
    rng = np.random.default_rng(0)
    covered = 0
    a, b = experiment("a", photos, 10, 1), experiment("b", photos, 12, 2)
    truth = b.table["l1"].mean() - a.table["l1"].mean()
    for _ in range(40):
        chosen = rng.integers(len(photos), size=len(photos))
        experiments = []
        for e in (a, b):
            table = e.table.iloc[chosen].reset_index(drop=True)
            experiments.append(Experiment(e.name, table, e.outputs[chosen], e.val))
        [l1, *_] = compare(*experiments, [extractor()], 0)
        covered += l1.low <= truth <= l1.high
    assert covered >= 34


def test_the_same_comparison_gives_the_same_numbers(photos, monkeypatch):
    monkeypatch.setattr("src.analysis.comparison.SET_DRAWS", 20)
    a, b = experiment("a", photos, 10), experiment("b", photos, 12)
    assert compare(a, b, [extractor()], 3) == compare(a, b, [extractor()], 3)


def test_more_colour_is_higher_and_not_better(photos):
    gray = np.stack([three_channels(to_gray(photo)) for photo in photos])
    a, b = experiment("a", photos, 5), experiment("b", photos, 5)
    table = b.table.assign(colorfulness=0.0, gray_share=1)
    b = Experiment("b", table, gray, b.val)
    sentences = {d.metric: d.sentence("a", "b") for d in compare(a, b, [extractor()], 0)}
    assert sentences["colorfulness"].startswith("colorfulness: a higher by")
    assert sentences["gray_share"].startswith("gray_share: a better by")


@pytest.mark.parametrize("change", ["fewer", "other", "smaller"])
def test_other_validation_pictures_are_refused(photos, change):
    others = {"fewer": photos[:-1], "other": photos[::-1], "smaller": photos[:, ::2, ::2]}
    a, b = experiment("one", photos, 10), experiment("two", np.array(others[change]), 10)
    with pytest.raises(UserError, match="one has 40 validation pictures of 32 pixels, two"):
        compare(a, b, [extractor()], 0)


def test_pictures_of_another_height_are_refused_with_both_sizes(photos):
    a, b = experiment("one", photos, 10), experiment("two", photos[:, :16], 10)
    with pytest.raises(UserError, match=r"one has 40 .* of 32 pixels, two 40 of 32x16, and they"):
        compare(a, b, [extractor()], 0)


@pytest.mark.parametrize(
    ("metric", "value", "better"), [("l1", 0.1, "a"), ("l1", -0.1, "b"), ("psnr", 2, "b")]
)
def test_better_is_lower_or_higher_by_metric(metric, value, better):
    d = Difference(metric, value, value - 0.01, value + 0.01)
    assert d.sentence("a", "b").startswith(f"{metric}: {better} better by {abs(value):.3g}")


def test_a_difference_that_seeds_alone_make_is_said_to_be_one():
    spread = SeedSpread({"l1": 0.02, "psnr": 0.5}, "5 seeds")
    small, large = (Difference("l1", value, value - 0.001, value + 0.001) for value in (0.015, 0.1))
    assert small.sentence("a", "b", spread).endswith(", within what seeds alone change (0.02)")
    for sentence in (large.sentence("a", "b", spread), small.sentence("a", "b")):
        assert "seeds" not in sentence
    unmeasured = Difference("ssim", 0.0001, 0.00009, 0.00011)
    assert "seeds" not in unmeasured.sentence("a", "b", spread)


@pytest.mark.parametrize("fault", ["nothing", "no scores", "no picture", "few"])
def test_an_unreadable_experiment_is_one_line(photos, tmp_path, fault):
    e = experiment("a", photos[:2] if fault == "few" else photos, 10)
    predictions = tmp_path / "data/predictions"
    if fault != "nothing":
        predictions.mkdir(parents=True)
        for row, output in zip(e.table["row"], e.outputs, strict=True):
            (predictions / f"{row:06d}.png").write_bytes(encode_png(output))
        columns = ["row"] if fault == "no scores" else list(e.table.columns)
        table = e.table[columns].rename(columns={"gray_share": "gray"})
        table.to_csv(predictions / "scores.csv")
        if fault == "no picture":
            (predictions / "000001.png").unlink()
    with pytest.raises(UserError, match=r"^a(:| has 2)") as refused:
        load_experiment("a", tmp_path)
    assert "\n" not in str(refused.value)
