"""Whether a model is better than no model, and its loss still sound."""

from dataclasses import replace

import numpy as np
import pytest

from src.audit.checks.baselines import (
    compare_l1,
    distance_worse_than_baseline,
    l1_worse_than_baseline,
    runaway_loss,
    ssim_worse_than_baseline,
)
from src.audit.evidence import OutputEvidence
from tests.audit.evidence import CHECKS_BY_NAME, fired, with_baseline


def scored(evidence: OutputEvidence, task: str, **scores: float) -> OutputEvidence:
    """Evidence of a task, with other scores than the pictures have."""
    return replace(evidence, task=task, scores=evidence.scores | scores)


def with_losses(evidence: OutputEvidence, *losses: float) -> OutputEvidence:
    return replace(evidence, losses=np.array(losses))


@pytest.mark.parametrize("baseline", ["copy_input", "mean_color"])
def test_a_model_is_held_against_the_better_baseline(good, baseline):
    evidence = with_baseline(scored(good, "colorize", l1=0.54), baseline, l1=0.15)
    found = compare_l1(evidence)
    assert (found.baseline, found.best) == (baseline, 0.15)
    assert found.ratio == pytest.approx(0.54 / 0.15, rel=0.01)
    assert {"l1_worse_than_baseline"} <= set(fired(evidence))


def test_the_rows_with_the_largest_l1_are_named_first(good):
    outputs = good.outputs | {103: 255 - good.outputs[103]}
    evidence = with_baseline(replace(good, outputs=outputs), "copy_input", l1=0.001)
    _, offenders = l1_worse_than_baseline(evidence)
    assert offenders[0].row == 103
    assert "copying the input has a mean of 0.0010" in offenders[0].detail


@pytest.mark.parametrize(("task", "failed"), [("colorize", True), ("labels", False)])
def test_a_flat_colour_may_be_a_little_better_in_l1_where_the_input_has_no_gray(good, task, failed):
    """By the scores of a U-Net on facades, which paints them well after 1.8 epochs."""
    evidence = with_baseline(scored(good, task, l1=0.362), "mean_color", l1=0.3455)
    check = CHECKS_BY_NAME["l1_worse_than_baseline"]
    assert check.run(evidence).failed is failed
    assert check.run(scored(evidence, task, l1=0.8)).failed


@pytest.mark.parametrize(("task", "failed"), [("colorize", True), ("sketch", False)])
def test_a_flat_colour_is_no_rival_in_structure(good, task, failed):
    """By the scores of the encoder-decoder on the lab's sketches."""
    evidence = with_baseline(scored(good, task, ssim=0.223), "copy_input", ssim=0.0335)
    evidence = with_baseline(evidence, "mean_color", ssim=0.6)
    assert CHECKS_BY_NAME["ssim_worse_than_baseline"].run(evidence).failed is failed


@pytest.mark.parametrize(("ssim", "failed"), [(0.8629, False), (0.8293, False), (0.785, True)])
def test_a_model_may_lose_a_little_of_the_structure_of_its_gray_input(good, ssim, failed):
    """By scores of the lab's demo: 300 steps, 60 steps, and a thousandfold train.gan_weight."""
    evidence = with_baseline(scored(good, "colorize", ssim=ssim), "copy_input", ssim=0.8636)
    assert fired(evidence) == ({"ssim_worse_than_baseline": set()} if failed else {})


def test_whether_fid_was_available_does_not_change_what_fails(good):
    scores = {"l1": 0.1, "ssim": 0.9, "fd_effnet": 50.0, "fid": 10.0, "n": 8}
    baseline = {"l1": 1.9, "ssim": 0.1, "fd_effnet": 40.0, "fid": 40.0}
    baselines = dict.fromkeys(good.baselines, baseline)
    evidence = replace(good, scores=scores, baselines=baselines)
    assert distance_worse_than_baseline(evidence)[0] == pytest.approx(1.25, abs=0.001)


def test_a_perfect_baseline_gives_a_number(good):
    perfect = {"l1": 0.0, "ssim": 1.0, "fd_effnet": 0.0}
    evidence = with_baseline(good, "copy_input", **perfect)
    for name in ("l1", "ssim", "distance"):
        assert 1 < CHECKS_BY_NAME[f"{name}_worse_than_baseline"].run(evidence).value < 1e6
    equal = replace(evidence, scores=perfect | {"n": 8})
    assert l1_worse_than_baseline(equal)[0] == ssim_worse_than_baseline(equal)[0] == 1


def test_scores_that_are_no_numbers_fail(good):
    scores = {"l1": np.nan, "ssim": np.nan, "fd_effnet": np.inf}
    evidence = scored(good, "colorize", **scores)
    names = {f"{name}_worse_than_baseline" for name in ("l1", "ssim", "distance")}
    assert names <= set(fired(evidence))


def test_a_few_steps_say_nothing_about_the_loss(good):
    evidence = with_baseline(good, "mean_color", l1=0.18)
    for losses in ([], [0.2], [0.17, 0.2], [0.1, 0.25, 0.12, 0.22, 0.18]):
        assert runaway_loss(with_losses(evidence, *losses))[0] < 1.5


def test_single_pictures_losses_may_scatter(good):
    """Batches of one: the logged losses are those of single pictures."""
    for seed in range(20):
        losses = np.random.default_rng(seed).normal(0.32, 0.1, 100).clip(0.05)
        assert runaway_loss(with_losses(good, *losses))[0] < 1.5


def test_a_discriminator_that_joins_may_raise_the_loss_a_little(good):
    assert runaway_loss(with_losses(good, *[0.1] * 50, *[0.14] * 50))[0] < 1.5
    assert runaway_loss(with_losses(good, *[0.1] * 50, *[0.19] * 50))[0] > 1.5


def test_a_loss_that_was_lost_from_the_start_is_found_by_the_baseline(good):
    evidence = with_baseline(with_losses(good, *[0.82] * 100), "mean_color", l1=0.1732)
    assert runaway_loss(evidence)[0] == pytest.approx(0.821 / 0.1742)


def test_white_pictures_are_not_saturated_by_the_model(good):
    white = [np.full_like(photo, 255) for photo in good.val.photo]
    evidence = replace(
        good,
        val=replace(good.val, photo=np.stack(white)),
        outputs=dict(zip(good.outputs, white, strict=True)),
    )
    assert CHECKS_BY_NAME["saturated_outputs"].run(evidence).value == 0
