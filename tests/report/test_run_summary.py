"""The last run in ten lines."""

import pytest
from click.testing import CliRunner

from src.cli.summary import show_summary
from src.errors import UserError
from src.report.results import Results
from src.report.run_summary import summary
from src.storage.atomic import read_json, write_json

CONFIG = {"model": "unet", "task": "sketch"}


def told(artifacts) -> str:
    artifacts.write()
    return summary(Results.read(artifacts.data, artifacts.metrics), CONFIG)


def test_a_run_is_told_in_ten_lines(artifacts):
    lines = told(artifacts).splitlines()
    assert len(lines) <= 10
    assert all(len(line) <= 100 for line in lines)
    assert "16 pictures listed: 5 for training, 3 for validation" in lines
    assert "grayscale 2, exact duplicate 1, near duplicate 1" in lines[2]
    assert lines[3].startswith("unet, task sketch, 2 steps: ")
    assert lines[-1].startswith("report: data/report/index.html")


def test_scores_stand_beside_those_of_the_baselines(artifacts):
    lines = told(artifacts).splitlines()
    head = next(line for line in lines if "input copied" in line)
    [l1] = [line for line in lines if line.split()[0] == "l1"]
    assert l1[: head.index("output") + len("output")].split()[1] == f"{artifacts.val_scores['l1']}"


def test_what_failed_comes_first(artifacts):
    for finding in artifacts.findings[:1]:
        finding["failed"], finding["severity"] = True, "stop"
    name = artifacts.findings[0]["name"]
    assert told(artifacts).splitlines()[0].startswith(f"Do not trust the scores: {name} failed")


def test_the_command_prints_the_run_of_the_folder(artifacts, monkeypatch):
    artifacts.write()
    write_json(artifacts.data / "model" / "config.json", CONFIG)
    monkeypatch.chdir(artifacts.data.parent)
    output = CliRunner().invoke(show_summary, [], catch_exceptions=False).output
    assert output.splitlines() == told(artifacts).splitlines()


def test_a_folder_without_a_run_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"metrics/evaluate\.json is missing: run `dvc repro`"):
        CliRunner().invoke(show_summary, [], catch_exceptions=False)


@pytest.mark.parametrize(
    ("file", "value", "sentence"),
    [
        ("metrics/evaluate.json", {}, "val: field required"),
        ("metrics/evaluate.json", {"val": {"n": 3, "l1": None}}, "val.l1 = None: "),
        ("metrics/evaluate_meta.json", None, "its content = None: "),
        ("metrics/clean.json", {"listed": 16}, "missing: field required"),
        ("metrics/split.json", [1, 2], r"its content = \[1, 2\]: "),
        ("metrics/train.json", {"steps": "8"}, "steps = '8': "),
        ("data/review/verdict.json", 5, "its content = 5: "),
        ("data/findings/findings.json", [{}], "0.name: field required"),
    ],
)
def test_a_file_of_another_shape_is_named_with_what_rebuilds_it(artifacts, file, value, sentence):
    artifacts.write()
    write_json(artifacts.data.parent / file, value)
    with pytest.raises(UserError, match=rf"{file}: {sentence}.*; it was .*`dvc repro` writes it"):
        Results.read(artifacts.data, artifacts.metrics)


def test_counts_of_a_run_that_stopped_have_no_verdict(artifacts):
    artifacts.write()
    file = artifacts.metrics / "clean.json"
    write_json(file, read_json(file) | {"too_small": 5})  # of pictures that training has seen
    lines = summary(Results.read(artifacts.data, artifacts.metrics), CONFIG).splitlines()
    assert lines[0].startswith("The last run did not reach its end")


def test_scores_that_no_check_has_seen_have_no_verdict(artifacts):
    artifacts.write()
    file = artifacts.metrics / "evaluate.json"
    file.write_text(file.read_text() + "\n")  # as `dvc repro evaluate` leaves it
    lines = summary(Results.read(artifacts.data, artifacts.metrics), CONFIG).splitlines()
    assert lines[0].startswith("The last run did not reach its end, so there is no verdict: run")
    assert lines[-1] == "data/report and data/release are of an earlier run"


def test_a_failing_model_is_told_beside_a_check_that_stops(artifacts):
    names = [finding["name"] for finding in artifacts.findings[:2]]
    for finding, severity in zip(artifacts.findings, ("stop", "fail"), strict=False):
        finding["failed"], finding["severity"] = True, severity
    first = told(artifacts).splitlines()[0]
    assert first == f"Do not trust the scores: {names[0]} failed; the model fails {names[1]}"


def test_the_step_that_was_scored_is_told(artifacts):
    artifacts.scored_step = 1
    assert "unet, task sketch, step 1 of 2 steps: " in told(artifacts)
