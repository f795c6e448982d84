"""Every known bug is reproduced far enough to be caught by the checks that it names."""

import pytest
from pydantic import ValidationError

from src.audit.checks import CHECKS
from src.bugs.catalogue import Bug, catalogue, find_bug
from src.errors import UserError
from tests.bugs.pipeline import STAGES, Run, run_bug

CHECKS_BY_NAME = {check.name: check for check in CHECKS}
CAUGHT = [name for name, bug in catalogue().items() if bug.checks]
REFUSED = [name for name, bug in catalogue().items() if bug.refused]
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
    assert [n for n, f in honest.findings("audit").items() if f["failed"]] == []


@pytest.mark.parametrize("name", CAUGHT)
def test_a_bug_is_caught_by_the_checks_it_names(name, honest, tmp_path):
    bug = find_bug(name)
    (when,) = {CHECKS_BY_NAME[check].when for check in bug.checks}
    stage = "audit" if when == "before" else "review"
    findings = run_bug(bug, honest, tmp_path / "run", stage).findings(stage)
    failed = {n: f for n, f in findings.items() if f["failed"]}
    assert set(bug.checks) <= set(failed), f"failed: {sorted(failed)}"
    for check in bug.checks:
        assert failed[check]["remedy"]
        if check not in ("train_size", "val_size"):
            assert failed[check]["offenders"], "rows at fault must be named"
        for offender in failed[check]["offenders"][:3]:
            assert offender["item_id"]
            assert offender["detail"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bug_is_refused_with_a_reason(name, honest, tmp_path):
    with pytest.raises(UserError, match=find_bug(name).refused):
        run_bug(find_bug(name), honest, tmp_path / "run", "audit")


def test_every_bug_names_checks_that_exist():
    assert set(CHECKS_BY_NAME) >= NAMED


def test_every_check_but_two_catches_a_known_bug():
    """The demo has no label maps, and names are in no score: tests/audit/faults.py covers both."""
    assert set(CHECKS_BY_NAME) - NAMED == {"labels_fit_photos", "garbled_names"}


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
