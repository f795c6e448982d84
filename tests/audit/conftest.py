"""Evidence that no check complains about."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from src.audit import findings, leak
from src.audit.evidence import Evidence, OutputEvidence
from src.storage.encoding import encode_png
from tests.audit.evidence import (
    OUTPUT_ROWS,
    SIZE,
    evidence_of,
    output_evidence_of,
    with_limits,
)
from tests.audit.faults import OUTPUT_LIMITS
from tests.builders import square_crop

Search = Callable[..., leak.Nearest]


@pytest.fixture(scope="session")
def pristine(faces, tmp_path_factory) -> Evidence:
    """What `clean` copies; its files must not be changed."""
    files = [encode_png(face) for face in faces[:30]]
    return evidence_of(files, tmp_path_factory.mktemp("pristine") / "raw")


@pytest.fixture
def clean(pristine: Evidence, tmp_path: Path) -> Evidence:
    """24 + 6 drawn portraits on six pages of five: training holds rows 0-3, 5-8, 10-13, …"""
    shutil.copytree(pristine.raw, tmp_path / "raw")
    return replace(pristine, raw=tmp_path / "raw")


@pytest.fixture(scope="session")
def good(faces) -> OutputEvidence:
    """Outputs that are nearly their targets, with limits that part the faults from each other."""
    squares = [square_crop(face, SIZE, "center") for face in faces[: len(OUTPUT_ROWS)]]
    return with_limits(output_evidence_of(squares), **OUTPUT_LIMITS)


@pytest.fixture(scope="module")
def search() -> Search:
    """Search training for copies of validation pictures, with the checks' own limits."""
    limits = findings.resolve_limits({})
    return partial(
        leak.nearest,
        similarity=limits["leak_similarity"],
        tone_residual=limits["tone_residual"],
    )
