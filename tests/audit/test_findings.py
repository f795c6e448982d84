"""Findings as files: JSON, sheets and metrics."""

from dataclasses import replace
from pathlib import Path

import pytest

from src.audit import findings
from src.audit.evidence import Evidence
from src.audit.registry import Offender
from src.errors import UserError
from src.imaging import decoding
from src.storage.atomic import read_json
from tests.audit.evidence import CHECKS_BY_NAME, checks_of
from tests.audit.faults import FAULTS, OUTPUT_FAULTS


def written(evidence: Evidence, folder: Path) -> dict[str, dict]:
    """Audit evidence into a folder; the findings by name."""
    findings.write_measures(findings.measure(evidence, "before"), folder / "measures.json")
    audited = findings.judge(folder / "measures.json", evidence.limits)
    findings.write(audited, evidence.ledger, folder / "findings.json")
    findings.write_nearest(evidence, folder / "nearest.json")
    findings.write_sheets(evidence.sides, audited, folder)
    return {finding["name"]: finding for finding in read_json(folder / "findings.json")}


def test_every_row_at_fault_is_in_the_findings_with_its_position(clean, tmp_path):
    _, change, rows = FAULTS["validation's gray shuffled"]
    by_name = written(change(clean), tmp_path)
    assert list(by_name) == checks_of("before")
    offenders = by_name["gray_is_mean"]["offenders"]
    assert {o["row"] for o in offenders} == rows
    for o in offenders:
        assert o["item_id"] == f"nm{o['row']:04d}"
        assert (o["page"], o["position"]) == (o["row"] // 5 + 1, o["row"] % 5 + 1)
    assert [name for name, finding in by_name.items() if finding["failed"]] == ["gray_is_mean"]


def test_pictures_at_fault_are_on_a_sheet_of_the_failed_check_only(clean, tmp_path):
    written(FAULTS["mirrored across"].change(clean), tmp_path)
    sheets = [file.name for file in tmp_path.glob("*.png")]
    assert sheets == ["leaked_pictures.png"]
    assert decoding.decode((tmp_path / sheets[0]).read_bytes()).shape[1] > 8 * 96


def test_pictures_on_a_sheet_keep_their_proportions(clean, tmp_path):
    check = CHECKS_BY_NAME["leaked_pictures"]
    offender = Offender(4, "", (("val", 0), ("train", 0)))
    finding = check.judge((1.0, [offender]), clean.limits)
    wide = {s: replace(pairs, photo=pairs.photo[:, :32]) for s, pairs in clean.sides.items()}
    findings.write_sheets(wide, {check.name: finding}, tmp_path)
    sheet = decoding.decode((tmp_path / "leaked_pictures.png").read_bytes())
    assert sheet.shape == (4 + 48 + 4, 4 + 8 * (96 + 4), 3)


def test_the_nearest_training_picture_of_each_is_recorded(clean, tmp_path):
    written(FAULTS["mirrored across"].change(clean), tmp_path)
    nearest = read_json(tmp_path / "nearest.json")
    assert [entry["row"] for entry in nearest] == [4, 9, 14, 19, 24, 29]
    assert nearest[2]["train_row"] == 16
    assert nearest[2]["similarity"] >= clean.limits["leak_similarity"] > nearest[0]["similarity"]
    assert [entry["copy"] for entry in nearest] == [False, False, True, False, False, False]


def test_a_row_that_the_ledger_lacks_is_written_all_the_same(clean, tmp_path):
    by_name = written(FAULTS["a row gone from the ledger"].change(clean), tmp_path)
    (offender,) = by_name["lost_rows"]["offenders"]
    assert (offender["row"], offender["name"]) == (12, "not in the ledger")


def test_findings_after_training_hold_the_checks_after_it_only(clean, good, tmp_path):
    reviewed = findings.run(OUTPUT_FAULTS["faded outputs"].change(good), "after")
    findings.write(reviewed, clean.ledger, tmp_path / "review.json")
    by_name = {finding["name"]: finding for finding in read_json(tmp_path / "review.json")}
    assert list(by_name) == checks_of("after") == list(findings.metrics(reviewed)["checks"])
    assert by_name["lost_color"]["failed"]


def test_metrics_are_numbers_only(clean):
    metrics = findings.metrics(findings.run(FAULTS["luma"].change(clean), "before"))
    assert metrics["failed"] == 1
    assert list(metrics["checks"]) == checks_of("before")
    for name, values in metrics["checks"].items():
        assert set(values) == {"value", "limit", "failed"}
        assert all(isinstance(value, int | float) for value in values.values())
        assert values["failed"] == (name == "gray_is_mean")


def test_a_limit_of_no_check_is_refused_by_name(changed):
    overrides = changed({"audit.limits.pale_shar": 0.8}).audit.limits
    with pytest.raises(UserError, match=r"audit\.limits\.pale_shar belongs to no check"):
        findings.resolve_limits(overrides)


def test_a_share_above_one_is_refused_and_other_thresholds_are_not():
    with pytest.raises(
        UserError, match=r"audit\.thresholds\.leak_similarity = 93: expected a share"
    ):
        findings.resolve_limits({}, {"leak_similarity": 93})
    assert findings.resolve_limits({}, {"tone_residual": 93})["tone_residual"] == 93


def test_an_override_takes_the_place_of_a_limit_or_threshold(changed):
    changes = {"audit.limits.missing_share": 0.5, "audit.thresholds.leak_similarity": 0.8}
    audit = changed(changes).audit
    limits = findings.resolve_limits(audit.limits, audit.thresholds)
    overrides = {"missing_share": 0.5, "leak_similarity": 0.8}
    assert limits == findings.resolve_limits({}) | overrides


def test_a_limit_among_the_thresholds_is_refused_with_its_place_and_the_other_way_round():
    with pytest.raises(UserError, match=r"audit\.limits\.\w+ is now .* audit\.thresholds\.shadows"):
        findings.resolve_limits({"shadows": 1})
    with pytest.raises(UserError, match=r"audit\.thresholds\.\w+ is now .* audit\.limits\.min_val"):
        findings.resolve_limits({}, {"min_val": 1})


@pytest.mark.parametrize("content", ["null", "[1]", "{}", '{"gray_is_mean": "x"}'])
def test_measures_that_were_edited_are_named_with_the_remedy(tmp_path, content):
    file = tmp_path / "measures.json"
    file.write_text(content)
    with pytest.raises(
        UserError, match=r"measures\.json (is not what|lacks the key) .*`dvc repro`"
    ):
        findings.judge(file, findings.resolve_limits({}))


@pytest.mark.parametrize("fault", ["luma", "edges moved down", "validation's gray shuffled"])
def test_another_limit_judges_what_was_measured_and_names_the_rows_beyond_it(
    clean, tmp_path, fault
):
    evidence, file = FAULTS[fault].change(clean), tmp_path / "measures.json"
    findings.write_measures(findings.measure(evidence, "before"), file)
    check = CHECKS_BY_NAME[FAULTS[fault].check]
    assert findings.judge(file, evidence.limits) == findings.run(evidence, "before")
    largest = check.run(evidence).value
    passed = findings.judge(file, evidence.limits | {check.limit_key: largest})[check.name]
    assert not passed.failed
    assert passed.offenders == []
    just_below = findings.judge(file, evidence.limits | {check.limit_key: largest * 0.999})
    assert just_below[check.name].failed
    assert just_below[check.name].offenders
