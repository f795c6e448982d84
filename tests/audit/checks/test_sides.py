"""Training and validation."""

from tests.audit.evidence import CHECKS_BY_NAME, position
from tests.audit.faults import copy_across


def test_a_copy_is_named_with_its_original_and_both_pictures(clean):
    broken = copy_across("mirrored")(clean)
    (offender,) = CHECKS_BY_NAME["leaked_pictures"].run(broken).offenders
    assert "row 16" in offender.detail
    assert offender.pictures == (position(clean, 14), position(clean, 16))
