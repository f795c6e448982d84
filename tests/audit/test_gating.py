"""The gate between the audit's findings and training."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from src.audit import findings
from src.audit.checks import CHECKS
from src.audit.evidence import Evidence
from src.audit.findings import run, write, write_nearest, write_sheets
from src.audit.gating import gate, leaks
from src.errors import UserError
from src.imaging import decoding
from src.storage.atomic import read_json, write_json
from src.storage.encoding import encode_png
from tests.audit import test_output_checks as test_outputs
from tests.audit.test_checks import BEFORE, FAULTS, evidence_of
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def made(faces, tmp_path_factory) -> Evidence:
    files = [encode_png(face) for face in faces[:30]]
    return evidence_of(files, tmp_path_factory.mktemp("made") / "raw")


@pytest.fixture
def clean(made: Evidence, tmp_path: Path) -> Evidence:
    shutil.copytree(made.raw, tmp_path / "raw")
    return replace(made, raw=tmp_path / "raw")


def audited(evidence: Evidence, folder: Path) -> Path:
    found = run(evidence, "before")
    write(found, evidence.ledger, folder / "findings.json")
    write_nearest(evidence, folder / "nearest.json")
    write_sheets(evidence, found, folder)
    return folder / "findings.json"


@pytest.mark.parametrize("on_failure", ["stop", "report"])
def test_clean_pairs_pass(clean: Evidence, tmp_path: Path, on_failure: str):
    assert gate(audited(clean, tmp_path), on_failure) == "every check passed"


def test_a_failed_check_stops_with_all_that_is_needed(clean: Evidence, tmp_path: Path):
    findings = audited(FAULTS["shorter than stated"][1](clean), tmp_path)
    with pytest.raises(UserError) as raised:
        gate(findings, "stop")
    text = str(raised.value)
    check = next(check for check in CHECKS if check.name == "missing_from_list")
    for part in (check.name, check.measures, check.remedy):
        assert part in text
    assert "0.4, allowed at most 0.02" in text  # 20 of 50
    assert "row 29 (page 6, nm0029, images/29: the last of 30, the page states 50)" in text
    assert str(findings) in text
    assert "audit.on_failure: report" in text
    assert "1 of the checks failed" in text


def test_too_little_names_the_least_that_is_allowed(clean: Evidence, tmp_path: Path):
    findings = audited(FAULTS["too few to train on"][1](clean), tmp_path)
    with pytest.raises(
        UserError, match=r"train_size \(stop\): training pictures: 15, allowed at least 16"
    ):
        gate(findings, "stop")


def test_many_rows_are_counted_after_the_first(clean: Evidence, tmp_path: Path):
    text = gate(audited(FAULTS["validation's gray shuffled"][1](clean), tmp_path), "report")
    assert "row 4 (" in text
    assert "row 14 (" in text
    assert "row 19 (" not in text
    assert "and 3 more" in text


@pytest.mark.parametrize("fault", ["people again", "captioned across", "luma"])
def test_a_report_lets_a_fault_pass_but_names_it(clean: Evidence, tmp_path: Path, fault: str):
    name, change, _ = FAULTS[fault]
    findings = audited(change(clean), tmp_path)
    text = gate(findings, "report")
    assert f"  {name} (stop): " in text
    with pytest.raises(UserError) as raised:
        gate(findings, "stop")
    assert str(raised.value).startswith(text)


def test_every_failed_check_is_named(clean: Evidence, tmp_path: Path):
    faults = ["shorter than stated", "luma", "no edges in training", "mirrored across"]
    broken = clean
    for fault in faults:
        broken = FAULTS[fault][1](broken)
    text = gate(audited(broken, tmp_path), "report")
    assert text.startswith("4 of the checks failed")
    assert all(f"  {FAULTS[fault][0]} (stop): " in text for fault in faults)


def test_a_warning_lets_training_go_on_and_is_told(clean: Evidence, tmp_path: Path):
    findings = audited(FAULTS["thumbnails"][1](clean), tmp_path)
    text = gate(findings, "stop")
    assert text == gate(findings, "report")
    assert text.startswith("1 of the checks failed")
    check = BEFORE["upscaled_pictures"]
    assert f"  {check.name} (warn): {check.measures}: " in text
    assert check.remedy in text


def test_a_warning_beside_a_fault_is_told_and_training_stops(clean: Evidence, tmp_path: Path):
    broken = FAULTS["shorter than stated"][1](FAULTS["thumbnails"][1](clean))
    with pytest.raises(UserError, match=r"^2 of the checks") as raised:
        gate(audited(broken, tmp_path), "stop")
    assert "  missing_from_list (stop): " in str(raised.value)
    assert "  upscaled_pictures (warn): " in str(raised.value)


@pytest.mark.parametrize("severity", ["stop", "warn"])
def test_severity_decides_and_nothing_else(clean: Evidence, tmp_path: Path, severity: str):
    findings = audited(FAULTS["luma"][1](clean), tmp_path)
    told = read_json(findings)
    for finding in told:
        assert finding["severity"] == BEFORE[finding["name"]].severity
    write_json(findings, [finding | {"severity": severity} for finding in told])
    if severity == "warn":
        assert "gray_is_mean (warn)" in gate(findings, "stop")
    else:
        with pytest.raises(UserError, match=r"gray_is_mean \(stop\)"):
            gate(findings, "stop")


def test_every_row_at_fault_is_in_the_findings_with_its_place(clean: Evidence, tmp_path: Path):
    _, change, rows = FAULTS["validation's gray shuffled"]
    found = {f["name"]: f for f in read_json(audited(change(clean), tmp_path))}
    assert set(found) == set(BEFORE)
    offenders = found["gray_is_mean"]["offenders"]
    assert {o["row"] for o in offenders} == rows
    for o in offenders:
        assert o["item_id"] == f"nm{o['row']:04d}"
        assert (o["page"], o["position"]) == (o["row"] // 5 + 1, o["row"] % 5 + 1)
    assert [name for name, f in found.items() if f["failed"]] == ["gray_is_mean"]


def test_pictures_at_fault_are_shown_and_only_those(clean: Evidence, tmp_path: Path):
    audited(FAULTS["mirrored across"][1](clean), tmp_path)
    sheets = [file.name for file in tmp_path.glob("*.png")]
    assert sheets == ["leaked_pictures.png"]
    assert decoding.decode((tmp_path / sheets[0]).read_bytes()).shape[1] > 8 * 96


def test_the_nearest_training_picture_of_each_is_recorded(clean: Evidence, tmp_path: Path):
    audited(FAULTS["mirrored across"][1](clean), tmp_path)
    nearest = read_json(tmp_path / "nearest.json")
    assert [entry["row"] for entry in nearest] == [4, 9, 14, 19, 24, 29]
    assert nearest[2]["train_row"] == 16
    assert nearest[2]["similarity"] >= clean.limits["leak_similarity"] > nearest[0]["similarity"]


def test_a_row_that_the_ledger_lacks_is_written_all_the_same(clean: Evidence, tmp_path: Path):
    _, change, _ = FAULTS["a row gone from the ledger"]
    found = {f["name"]: f for f in read_json(audited(change(clean), tmp_path))}
    (offender,) = found["lost_rows"]["offenders"]
    assert (offender["row"], offender["name"]) == (12, "not in the ledger")
    assert "row 12" in gate(tmp_path / "findings.json", "report")


def test_what_was_found_after_training_is_written_apart(clean: Evidence, tmp_path: Path):
    good = test_outputs.outcome_of(list(clean.val.photo))
    found = run(test_outputs.FAULTS["faded outputs"][1](good), "after")
    write(found, clean.ledger, tmp_path / "review.json")
    told = {finding["name"]: finding for finding in read_json(tmp_path / "review.json")}
    assert set(told) == set(test_outputs.AFTER) == set(findings.metrics(found)["checks"])
    assert told["lost_color"]["failed"]
    assert "lost_color (warn)" in gate(tmp_path / "review.json", "stop")


def test_metrics_are_numbers_only(clean: Evidence):
    metrics = findings.metrics(run(FAULTS["luma"][1](clean), "before"))
    assert metrics["failed"] == 1
    assert set(metrics["checks"]) == set(BEFORE)
    for name, values in metrics["checks"].items():
        assert set(values) == {"value", "limit", "failed"}
        assert all(isinstance(value, int | float) for value in values.values())
        assert values["failed"] == (name == "gray_is_mean")


def test_missing_findings_are_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"findings\.json is missing"):
        gate(tmp_path / "findings.json", "stop")


def test_the_list_command_prints_every_check():
    done = subprocess.run(
        [sys.executable, "-m", "src", "checks"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for check in CHECKS:
        head = f"{check.name} ({check.severity}, {check.when} training)\n"
        assert f"{head}    measures  {check.measures}\n" in done.stdout
        assert f"    remedy    {check.remedy}\n" in done.stdout
    assert "at least 16 (audit.limits.min_train)" in done.stdout
    assert done.stdout.count("    allowed   ") == len(CHECKS)


@pytest.mark.parametrize(
    ("fault", "found"), [("on both sides", 1), ("captioned across", 1), ("luma", 0), (None, 0)]
)
def test_what_training_saw_in_validation_is_told_from_other_faults(
    clean: Evidence, tmp_path: Path, fault: str | None, found: int
):
    evidence = FAULTS[fault][1](clean) if fault else clean
    assert leaks(audited(evidence, tmp_path)) == found
