"""Each check after training fires on its own fault of the outputs, and on nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.audit import findings
from src.audit.checks import CHECKS
from src.audit.evidence import OutputEvidence
from src.dataset.arrays import Pairs
from src.dataset.inputs import to_gray
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.model import image_metrics
from src.pair.pairing import square_crop
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_jpeg, encode_png
from tests.conftest import real

SIZE = 64
ROWS = list(range(100, 108))  # validation's; training holds 0-9
# of the tests' own, so that each fault breaks one alone
LIMITS = {
    "foreign_outputs": 0,
    "score_error": 0.002,
    "own_target_share": 0.7,
    "color_share": 0.7,
    "contrast_share": 0.75,
    "variety_share": 0.6,
}
AFTER = {check.name: check for check in CHECKS if check.when == "after"}


def side_of(photos: list[np.ndarray], rows: list[int]) -> Pairs:
    index = pd.DataFrame({"row": rows, "item_id": [f"nm{row:04d}" for row in rows], "name": "A B"})
    photo = np.stack(photos)
    return Pairs(photo, to_gray(photo), np.zeros_like(photo[..., 0]), None, index)


def outcome_of(photos: list[np.ndarray]) -> OutputEvidence:
    """Validation pictures, and outputs that are those saved again as JPEG."""
    rows = list(range(100, 100 + len(photos)))
    made = {
        row: decoding.decode(encode_jpeg(photo, 70))
        for row, photo in zip(rows, photos, strict=True)
    }
    limits = findings.resolve_limits({})
    val = side_of(photos, rows)
    return scored(OutputEvidence(val, frozenset(range(10)), made, {}, limits))


def scored(o: OutputEvidence) -> OutputEvidence:
    """With the L1 that evaluate records for these outputs."""
    made = np.stack([o.outputs[row] for row in o.val.index["row"]])
    l1 = float(image_metrics.scores(made, np.asarray(o.val.photo))["l1"].mean())
    return replace(o, scores={"l1": round(l1, 4)})


@pytest.fixture(scope="module")
def good(faces) -> OutputEvidence:
    o = outcome_of([square_crop(face, SIZE, "center") for face in faces[: len(ROWS)]])
    return replace(o, limits=o.limits | LIMITS)


def fired(o: OutputEvidence) -> dict[str, set[int]]:
    found = findings.run(o, "after")
    return {name: {at.row for at in f.offenders} for name, f in found.items() if f.failed}


def with_outputs(
    change: Callable[[np.ndarray], np.ndarray],
) -> Callable[[OutputEvidence], OutputEvidence]:
    """Every output changed, and scored as it then is."""

    def made(o: OutputEvidence) -> OutputEvidence:
        outputs = change(np.stack(list(o.outputs.values())).astype(np.float64))
        levels = outputs.clip(0, 255).astype(np.uint8)
        return scored(replace(o, outputs=dict(zip(o.outputs, levels, strict=True))))

    return made


def added(row: int) -> Callable[[OutputEvidence], OutputEvidence]:
    return lambda o: replace(o, outputs=o.outputs | {row: o.outputs[ROWS[0]]})


def lost(o: OutputEvidence) -> OutputEvidence:
    return replace(o, outputs={row: made for row, made in o.outputs.items() if row != ROWS[2]})


def recorded_elsewhere(by: float) -> Callable[[OutputEvidence], OutputEvidence]:
    return lambda o: replace(o, scores={"l1": o.scores["l1"] + by})


def parts(made: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture's mean colour, its light and shade, and its colours round that mean."""
    middle = made.mean(axis=(1, 2), keepdims=True)
    light = (made - middle).mean(axis=3, keepdims=True)
    return middle, light, made - middle - light


def faded(made: np.ndarray) -> np.ndarray:
    middle, light, _ = parts(made)
    return middle + light


def flat(made: np.ndarray) -> np.ndarray:
    middle, light, colours = parts(made)
    return middle + 0.6 * light + 0.75 * colours


def one_tint(made: np.ndarray) -> np.ndarray:
    return made - made.mean(axis=(1, 2), keepdims=True) + made.mean(axis=(0, 1, 2))


# The check, the fault, and the rows that are named.
FAULTS = {
    "a training picture scored": ("foreign_outputs", added(7), {7}),
    "a picture of nowhere scored": ("foreign_outputs", added(999), {999}),
    "an output lost": ("foreign_outputs", lost, {ROWS[2]}),
    "too good a score": ("scores_of_another_run", recorded_elsewhere(-0.01), {ROWS[0]}),
    "too bad a score": ("scores_of_another_run", recorded_elsewhere(0.01), {ROWS[0]}),
    "negatives": ("outputs_fit_targets", with_outputs(lambda made: 255 - made), set(ROWS)),
    "faded outputs": ("lost_color", with_outputs(faded), set(ROWS)),
    "flat outputs": ("lost_contrast", with_outputs(flat), set(ROWS)),
    "one tint for all": ("lost_variety", with_outputs(one_tint), set(ROWS)),
}


def test_no_check_fires_on_good_outputs(good: OutputEvidence):
    assert set(LIMITS) == {check.limit for check in AFTER.values()}
    assert fired(good) == {}
    assert fired(outcome_of(list(good.val.photo))) == {}  # by params.yaml's limits


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_its_check_alone(good: OutputEvidence, fault: str):
    name, change, rows = FAULTS[fault]
    assert fired(change(good)) == {name: rows}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_limit_at_the_measure_lets_it_pass_and_just_beyond_does_not(
    good: OutputEvidence, fault: str
):
    name, change, _ = FAULTS[fault]
    check, broken = AFTER[name], change(good)
    value = check.run(broken).value
    beyond = np.nextafter(value, np.inf if check.at_least else -np.inf)
    for limit, fails in ((value, False), (float(beyond), True)):
        limits = broken.limits | {check.limit: limit}
        assert check.run(replace(broken, limits=limits)).failed == fails


def test_outputs_of_other_pictures_are_found(good: OutputEvidence):
    turned = with_outputs(lambda made: np.roll(made, 1, axis=0))(good)
    (name,) = fired(turned)
    assert name == "outputs_fit_targets"
    assert fired(turned)[name] <= set(ROWS)


def test_floats_cast_to_levels_are_found(good: OutputEvidence):
    cast = with_outputs(lambda made: made // 255)(good)
    assert set(fired(cast)) >= {"lost_contrast", "lost_color"}


def test_the_same_gray_for_every_picture_is_found(good: OutputEvidence):
    gray = with_outputs(lambda made: np.full_like(made, 128))(good)
    assert set(fired(gray)) >= {
        "outputs_fit_targets",
        "lost_contrast",
        "lost_color",
        "lost_variety",
    }


def test_a_row_at_fault_is_told_why(good: OutputEvidence):
    details = {
        fault: AFTER[name].run(change(good)).offenders[0].detail
        for fault, (name, change, _) in FAULTS.items()
    }
    assert details["a training picture scored"] == "is in training"
    assert details["a picture of nowhere scored"] == "is not in validation"
    assert details["an output lost"] == "has no output"
    assert f"recorded is {good.scores['l1'] - 0.01}" in details["too good a score"]
    assert "of the other targets look more like it" in details["negatives"]
    assert details["faded outputs"].startswith("colour ")
    assert details["flat outputs"].startswith("contrast ")


def test_rounded_scores_are_no_fault(good: OutputEvidence):
    for by in (-0.0019, 0.0019):
        assert fired(recorded_elsewhere(by)(good)) == {}


def test_without_any_output_only_the_loss_is_told(good: OutputEvidence):
    assert fired(replace(good, outputs={})) == {"foreign_outputs": set(ROWS)}


def test_without_validation_nothing_is_told(good: OutputEvidence):
    empty = replace(good.val, photo=good.val.photo[:0], index=good.val.index[:0])
    assert fired(replace(good, val=empty, outputs={})) == {}


def test_one_picture_is_enough(good: OutputEvidence):
    one = outcome_of([good.val.photo[0]])
    assert fired(one) == {}
    assert set(fired(with_outputs(lambda made: made // 255)(one))) == {
        "lost_contrast",
        "lost_color",
    }


def test_flat_targets_and_outputs_give_numbers(good: OutputEvidence):
    o = outcome_of([np.full((SIZE, SIZE, 3), level, np.uint8) for level in (0, 90, 255)])
    assert all(np.isfinite(finding.value) for finding in findings.run(o, "after").values())


def test_outputs_are_read_by_their_rows(good: OutputEvidence, tmp_path: Path):
    for row, made in good.outputs.items():
        write_bytes(tmp_path / f"{row:06d}.png", encode_png(made))
    (tmp_path / "scores.csv").write_text("row\n", encoding="utf-8")
    train = side_of(list(good.val.photo[:3]), [4, 5, 6])
    read = OutputEvidence.read(train, good.val, tmp_path, good.scores, good.limits)
    assert fired(read) == {}
    assert list(read.outputs) == ROWS
    assert read.train_rows == {4, 5, 6}


def test_each_output_is_held_against_its_own_target(good: OutputEvidence):
    """Whatever the order in which the outputs were read."""
    assert fired(replace(good, outputs=dict(reversed(good.outputs.items())))) == {}


@pytest.mark.parametrize(
    ("folder", "layout"), [("portraits", "single"), ("facades/val", "photo_left")]
)
def test_no_check_fires_on_real_pictures_saved_again(folder: str, layout: str):
    files = real(folder)[:: 20 if layout == "single" else 5]
    photos = [square_crop(read_photo(file, layout), SIZE, "center") for file in files]
    assert fired(outcome_of(photos)) == {}
