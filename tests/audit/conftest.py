"""Evidence that no check complains about."""

import shutil
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.audit import candidates, findings, leak
from src.audit.compared_pictures import ComparedPictures
from src.audit.evidence import Evidence, OutputEvidence
from src.storage.encoding import encode_png
from src.vision.alignment import thumbnail
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

    def nearest(
        val: np.ndarray, train: np.ndarray, excluded: Collection[tuple[int, int]] = ()
    ) -> leak.Nearest:
        sides = [
            ComparedPictures(
                photos, candidates.variants(map(thumbnail, photos)), limits["tone_residual"]
            )
            for photos in (val, train)
        ]
        return leak.nearest(*sides, limits["leak_similarity"], excluded)

    return nearest
