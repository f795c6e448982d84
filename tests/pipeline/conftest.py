"""Fixtures of the tests of the pipeline."""

from tests.browser import browser

__all__ = ["browser"]
