"""What the model made, and its scores."""

from dataclasses import replace

import numpy as np

from src.audit import findings
from tests.audit.evidence import (
    CHECKS_BY_NAME,
    OUTPUT_ROWS,
    SIZE,
    checks_of,
    fired,
    output_evidence_of,
)
from tests.audit.faults import OUTPUT_LIMITS, change_outputs, change_score

ROWS = set(OUTPUT_ROWS)


def test_no_check_fires_on_good_outputs(good):
    assert set(OUTPUT_LIMITS) == {CHECKS_BY_NAME[name].limit_key for name in checks_of("after")}
    assert fired(good) == {}
    assert fired(output_evidence_of(list(good.val.photo))) == {}  # by the checks' own limits


def test_outputs_of_other_pictures_are_found(good):
    shifted = change_outputs(lambda outputs: np.roll(outputs, 1, axis=0))(good)
    (name,) = fired(shifted)
    assert name == "outputs_fit_targets"
    assert fired(shifted)[name] <= ROWS


def test_floats_cast_to_levels_are_found(good):
    cast = change_outputs(lambda outputs: outputs // 255)(good)
    assert set(fired(cast)) >= {"lost_contrast", "lost_color"}


def test_the_same_gray_for_every_picture_is_found(good):
    gray = change_outputs(lambda outputs: np.full_like(outputs, 128))(good)
    expected = {"outputs_fit_targets", "lost_contrast", "lost_color", "lost_variety"}
    assert set(fired(gray)) >= expected


def test_a_wrong_score_is_named_beside_the_pictures_own(good):
    broken = change_score(-0.01)(good)
    (offender,) = CHECKS_BY_NAME["scores_of_another_run"].run(broken).offenders
    assert f"recorded is {good.scores['l1'] - 0.01}" in offender.detail


def test_rounded_scores_are_no_fault(good):
    for difference in (-0.0019, 0.0019):
        assert fired(change_score(difference)(good)) == {}


def test_without_any_output_only_the_loss_is_found(good):
    assert fired(replace(good, outputs={})) == {"foreign_outputs": ROWS}


def test_without_validation_nothing_is_found(good):
    empty = replace(good.val, photo=good.val.photo[:0], index=good.val.index[:0])
    assert fired(replace(good, val=empty, outputs={})) == {}


def test_one_picture_is_enough(good):
    single = output_evidence_of([good.val.photo[0]])
    assert fired(single) == {}
    cast = change_outputs(lambda outputs: outputs // 255)(single)
    assert set(fired(cast)) == {"lost_contrast", "lost_color", "saturated_outputs"}


def test_flat_targets_and_outputs_give_numbers():
    flat = [np.full((SIZE, SIZE, 3), level, np.uint8) for level in (0, 90, 255)]
    results = findings.run(output_evidence_of(flat), "after")
    assert all(np.isfinite(finding.value) for finding in results.values())


def test_each_output_is_compared_with_its_own_target_in_any_order(good):
    assert fired(replace(good, outputs=dict(reversed(good.outputs.items())))) == {}
