"""The checks, one file for each thing that they check. A new check is a function in one of them."""

from src.audit.checks import (  # noqa: F401  (a module registers its checks)
    baselines,
    derived,
    downloads,
    kept_pictures,
    listing,
    outputs,
    photos,
    removals,
    rows,
    sides,
)
from src.audit.registry import CHECKS

__all__ = ["CHECKS"]
