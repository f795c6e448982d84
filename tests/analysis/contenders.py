"""Contenders of a comparison, with the files that their revisions hold."""

from pathlib import Path

import numpy as np
import pytest

from src.analysis import comparison
from src.analysis.compare_page import Contender, render
from src.analysis.revision import DISTANCES, HISTORY, PARAMETERS, PROGRESS, SCORES, Revision
from src.analysis.seed_spread import SeedSpread
from src.storage.atomic import write_json, write_text
from tests.analysis.experiments import experiment
from tests.color_means import extractor

PARAMS = "task: colorize\nmodel: encdec\ntrain:\n  lr: 0.0004\n"
SCORED = {"l1": 0.1234, "fd_means": 0.5, "fd_means_se": 0.01, "coverage": 0.75, "n": 40}
FILES = {
    PARAMETERS: PARAMS,
    HISTORY: "step,g_l1,g_gan\n1,0.5,\n2,0.25,0.7\n",
    PROGRESS: "step,l1,psnr,ssim\n1,0.3,20,0.5\n2,0.2,22,0.6\n",
    DISTANCES: "step,fd_means\n1,2.0\n2,1.0\n",
}


def contender(
    letter: str,
    folder: Path,
    photos: np.ndarray,
    noise: float,
    name: str = "",
    files: dict[str, str] | None = None,
) -> Contender:
    """Return one of the two, whose outputs have noise, and whose revision lies in a folder.

    Args:
        letter: A or B.
        folder: Gets the files.
        photos: The targets.
        noise: Of the outputs.
        name: Of the experiment; by default the letter in lower case.
        files: Their text by their path; by default FILES.
    """
    name = name or letter.lower()
    for path, text in (FILES if files is None else files).items():
        write_text(folder / path, text)
    write_json(folder / SCORES, {"val": SCORED})
    return Contender(
        letter, Revision(name, "", folder), experiment(name, photos, noise, ord(letter))
    )


def page(a: Contender, b: Contender, spread: SeedSpread | None = None) -> str:
    """Return the page of two contenders, with few draws: tests/analysis/test_comparison.py has them all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "SET_DRAWS", 30)
        differences = comparison.compare(a.experiment, b.experiment, [extractor()], 0)
        return render(a, b, differences, "colorize", spread)
