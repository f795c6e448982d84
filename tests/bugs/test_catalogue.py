"""Every known bug is reproduced far enough to be caught by the checks that it names."""

import json

import pytest
from pydantic import ValidationError

from src.audit.checks import CHECKS
from src.bugs.catalogue import Bug, catalogue, find_bug
from src.bugs.mutations.pair_arrays import displace_labels
from src.errors import UserError
from tests.bugs.pipeline import STAGES, Run, run_bug

CHECKS_BY_NAME = {check.name: check for check in CHECKS}
CAUGHT = [name for name, bug in catalogue().items() if bug.checks]
REFUSED = [name for name, bug in catalogue().items() if bug.refused]
# Checks of a side or a training as a whole, which name no single row.
OF_THE_SET = {
    "train_size",
    "ssim_worse_than_baseline",
    "distance_worse_than_baseline",
    "runaway_loss",
}
NAMED = {check for bug in catalogue().values() for check in bug.checks}


@pytest.fixture(scope="module")
def one_worker():
    """Few small pictures: a pool of processes takes longer to start than they take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.sched_getaffinity", lambda _: {0})
        yield patch


@pytest.fixture(scope="module")
def honest(tmp_path_factory, one_worker) -> Run:
    """The small demo without any bug, up to its scores."""
    run = Run(tmp_path_factory.mktemp("honest"), one_worker, {})
    run.stages(STAGES)
    return run


def test_no_check_fires_on_the_demo_without_a_bug(honest):
    assert [n for n, f in honest.findings("findings").items() if f["failed"]] == []


def test_no_check_fires_on_drawn_facades_without_a_bug(one_worker, tmp_path):
    run = Run(tmp_path, one_worker, {"demo.kind": "facades", "task": "labels"})
    run.stages(STAGES[: STAGES.index("gate") + 1])
    assert [n for n, f in run.findings("findings").items() if f["failed"]] == []


@pytest.mark.parametrize("name", CAUGHT)
def test_a_bug_is_caught_by_the_checks_it_names(name, honest, tmp_path):
    bug = find_bug(name)
    (when,) = {CHECKS_BY_NAME[check].when for check in bug.checks}
    stage, folder = ("gate", "findings") if when == "before" else ("review", "review")
    findings = run_bug(bug, honest, tmp_path / "run", stage).findings(folder)
    failed = {n: f for n, f in findings.items() if f["failed"]}
    assert set(bug.checks) <= set(failed), f"failed: {sorted(failed)}"
    for check in bug.checks:
        assert failed[check]["remedy"]
        if check not in OF_THE_SET:
            assert failed[check]["offenders"], "rows at fault must be named"
        for offender in failed[check]["offenders"][:3]:
            assert offender["item_id"]
            assert offender["detail"]


@pytest.mark.parametrize("name", ["captioned_survivors", "one_frame_for_all"])
def test_clean_by_itself_judges_these_copies_well(name, honest, tmp_path):
    bug = find_bug(name)
    pictures_alone = bug.model_copy(update={"mutations": {"scrape": bug.mutations["scrape"]}})
    findings = run_bug(pictures_alone, honest, tmp_path / "run", "gate").findings("findings")
    assert [n for n, finding in findings.items() if finding["failed"]] == []


def test_skies_are_no_copies_of_each_other(honest, tmp_path):
    run = run_bug(find_bug("skies"), honest, tmp_path / "run", "gate")
    failed = {n for n, finding in run.findings("findings").items() if finding["failed"]}
    assert failed <= {"blank_pictures", "blurred_pictures"}
    removed, before = (
        json.loads((r.folder / "metrics/clean.json").read_text(encoding="utf-8"))["near_duplicates"]
        for r in (run, honest)
    )
    assert removed <= before


def test_a_ruined_model_is_reported_with_its_remedy_and_stops_nothing(honest, tmp_path, capsys):
    run = run_bug(find_bug("ruined_by_step"), honest, tmp_path / "run", "review")
    printed = capsys.readouterr().out
    assert "This model fails: l1_worse_than_baseline, " in printed
    assert "worse than " in printed
    assert printed.count("→ train.lr is 1000, published is 0.0002: lower it") >= 5
    review = json.loads((run.folder / "metrics/review.json").read_text(encoding="utf-8"))
    assert review["checks"]["saturated_outputs"]["failed"] == 1


@pytest.mark.parametrize("name", REFUSED)
def test_a_bug_is_refused_with_a_reason(name, honest, tmp_path):
    with pytest.raises(UserError, match=find_bug(name).refused):
        run_bug(find_bug(name), honest, tmp_path / "run", "audit")


def test_every_bug_names_checks_that_exist():
    assert set(CHECKS_BY_NAME) >= NAMED


def test_every_check_but_three_catches_a_known_bug():
    """Names are in no score, faces need a detector, and split refuses all but one size of val."""
    assert set(CHECKS_BY_NAME) - NAMED == {"cut_faces", "garbled_names", "val_size"}


def test_labels_are_displaced_only_where_there_are_some(honest):
    with pytest.raises(UserError, match=r"no label maps: set demo\.kind: facades"):
        displace_labels(honest.folder, "moved")


def test_an_unknown_bug_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"'nope'; known are ten_copies_of_page_1, "):
        find_bug("nope")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"checks": ["lost_rows"]}, "neither settings nor mutations"),
        ({"settings": {"seed": 1}}, "either checks or refused"),
        ({"settings": {"seed": 1}, "checks": ["a"], "refused": "b"}, "either checks or refused"),
    ],
)
def test_an_incomplete_bug_is_refused(values, reason):
    with pytest.raises(ValidationError, match=reason):
        Bug.model_validate({"story": "s", "scores": "s"} | values)
