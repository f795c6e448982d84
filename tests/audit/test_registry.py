"""Checks and their limits."""

import pytest

from src.audit.registry import Check, Finding
from tests.audit.evidence import with_limits


def check(at_least: bool = False) -> Check:
    """A check that measures 0.7, and allows 0.5."""
    return Check(
        name="pale",
        description="m",
        limit_key="pale_share",
        limit=0.5,
        remedy="r",
        severity="stop",
        when="before",
        at_least=at_least,
        thresholds={"pale_level": 200},
        measure=lambda evidence: (0.7, []),
    )


def test_a_checks_own_limit_holds_until_the_parameters_have_another(clean):
    assert check().run(clean).failed
    assert not check().run(with_limits(clean, pale_share=0.8)).failed


def test_a_finding_states_the_limit_and_thresholds_in_force(clean):
    finding = check().run(clean)
    assert (finding.limit, finding.thresholds) == (0.5, {"pale_level": 200})
    finding = check().run(with_limits(clean, pale_share=0.8, pale_level=250))
    assert (finding.limit, finding.thresholds) == (0.8, {"pale_level": 250})


@pytest.mark.parametrize(
    ("value", "at_least", "failed"),
    [(1, False, False), (2, False, False), (3, False, True), (1, True, True), (2, True, False)],
)
def test_a_finding_fails_beyond_its_limit(value, at_least, failed):
    assert Finding(value, 2, at_least=at_least).failed is failed
