"""A browser to visit pages with."""

from tests.browser import browser, visit

__all__ = ["browser", "visit"]
