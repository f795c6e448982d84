"""The gate between the audit's findings and training."""

from pathlib import Path

import pytest

from src.audit import findings
from src.audit.evidence import Evidence, OutputEvidence
from src.audit.gating import gate, leaks
from src.errors import UserError
from src.storage.atomic import read_json, write_json
from tests.audit.evidence import CHECKS_BY_NAME, with_limits
from tests.audit.faults import FAULTS, OUTPUT_FAULTS


def audited(evidence: Evidence, folder: Path) -> Path:
    file = folder / "findings.json"
    findings.write(findings.run(evidence, "before"), evidence.ledger, file)
    return file


@pytest.mark.parametrize("on_failure", ["stop", "report"])
def test_clean_pairs_pass(clean, tmp_path, on_failure):
    assert gate(audited(clean, tmp_path), on_failure) == "every check passed"


def test_a_failed_check_stops_with_all_that_is_needed(clean, tmp_path):
    file = audited(FAULTS["shorter than stated"].change(clean), tmp_path)
    with pytest.raises(UserError) as raised:
        gate(file, "stop")
    text = str(raised.value)
    check = CHECKS_BY_NAME["missing_from_list"]
    for part in (check.name, check.description, check.remedy):
        assert part in text
    assert "0.4, allowed at most 0.02" in text  # 20 of 50
    assert "row 29 (page 6, nm0029, images/29: the last of 30 pictures, the page states 50)" in text
    assert str(file) in text
    assert "audit.on_failure: report" in text
    assert "1 of the checks failed" in text


def test_a_lower_limit_is_named_as_such(clean, tmp_path):
    file = audited(FAULTS["too few to train on"].change(clean), tmp_path)
    expected = r"train_size \(stop\): training pictures: 15, allowed at least 16"
    with pytest.raises(UserError, match=expected):
        gate(file, "stop")


def test_many_rows_are_counted_after_the_first(clean, tmp_path):
    text = gate(audited(FAULTS["validation's gray shuffled"].change(clean), tmp_path), "report")
    assert "row 4 (" in text
    assert "row 14 (" in text
    assert "row 19 (" not in text
    assert "and 3 more" in text


@pytest.mark.parametrize("fault", ["items again", "captioned across", "luma"])
def test_a_report_lets_a_fault_pass_but_names_it(clean, tmp_path, fault):
    file = audited(FAULTS[fault].change(clean), tmp_path)
    text = gate(file, "report")
    assert f"  {FAULTS[fault].check} (stop): " in text
    with pytest.raises(UserError) as raised:
        gate(file, "stop")
    assert str(raised.value).startswith(text)


def test_every_failed_check_is_named(clean, tmp_path):
    faults = ["shorter than stated", "luma", "no edges in training", "mirrored across"]
    broken = clean
    for fault in faults:
        broken = FAULTS[fault].change(broken)
    text = gate(audited(broken, tmp_path), "report")
    assert text.startswith("4 of the checks failed")
    assert all(f"  {FAULTS[fault].check} (stop): " in text for fault in faults)


def test_a_warning_is_reported_and_does_not_stop_training(clean, tmp_path):
    file = audited(FAULTS["thumbnails"].change(clean), tmp_path)
    text = gate(file, "stop")
    assert text == gate(file, "report")
    assert text.startswith("1 of the checks failed")
    check = CHECKS_BY_NAME["upscaled_pictures"]
    assert f"  {check.name} (warn): {check.description}: " in text
    assert check.remedy in text


def test_a_warning_beside_a_fault_is_reported_and_training_stops(clean, tmp_path):
    broken = FAULTS["shorter than stated"].change(FAULTS["thumbnails"].change(clean))
    with pytest.raises(UserError, match=r"^2 of the checks") as raised:
        gate(audited(broken, tmp_path), "stop")
    assert "  missing_from_list (stop): " in str(raised.value)
    assert "  upscaled_pictures (warn): " in str(raised.value)


@pytest.mark.parametrize("severity", ["stop", "warn"])
def test_severity_decides_and_nothing_else(clean, tmp_path, severity):
    file = audited(FAULTS["luma"].change(clean), tmp_path)
    entries = read_json(file)
    for finding in entries:
        assert finding["severity"] == CHECKS_BY_NAME[finding["name"]].severity
    write_json(file, [finding | {"severity": severity} for finding in entries])
    if severity == "warn":
        assert "gray_is_mean (warn)" in gate(file, "stop")
    else:
        with pytest.raises(UserError, match=r"gray_is_mean \(stop\)"):
            gate(file, "stop")


def test_a_row_that_the_ledger_lacks_is_named(clean, tmp_path):
    file = audited(FAULTS["a row gone from the ledger"].change(clean), tmp_path)
    assert "row 12" in gate(file, "report")


def test_findings_after_training_only_warn(clean, good, tmp_path):
    faded: OutputEvidence = OUTPUT_FAULTS["faded outputs"].change(good)
    file = tmp_path / "review.json"
    findings.write(findings.run(faded, "after"), clean.ledger, file)
    assert "lost_color (warn)" in gate(file, "stop")


def test_missing_findings_are_named(tmp_path):
    with pytest.raises(UserError, match=r"findings\.json is missing"):
        gate(tmp_path / "findings.json", "stop")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("an item on both sides", 1),
        ("captioned across", 1),
        ("copies of a removed picture across", 1),
        ("luma", 0),
        (None, 0),
    ],
)
def test_leaks_are_distinguished_from_other_faults(clean, tmp_path, fault, expected):
    evidence = FAULTS[fault].change(clean) if fault else clean
    assert leaks(audited(evidence, tmp_path)) == expected


def test_a_leak_that_is_allowed_is_a_leak(clean, tmp_path):
    evidence = with_limits(FAULTS["captioned across"].change(clean), leaked_pictures=10)
    assert leaks(audited(evidence, tmp_path)) == 1
