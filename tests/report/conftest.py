"""The artifacts of a small run."""

import pytest

from tests.browser import browser, visit
from tests.report.artifacts import Artifacts

__all__ = ["artifacts", "browser", "visit"]


@pytest.fixture
def artifacts(tmp_path) -> Artifacts:
    """Rows 0-2 are validation's, 3-7 training's, 10 and 11 copies of 0, 13 unreadable, 14 missing."""
    return Artifacts(tmp_path)
