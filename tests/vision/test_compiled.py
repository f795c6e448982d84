"""Compiled functions compute what Python would, and are still called by their names."""

import pickle
import subprocess
import sys

import numpy as np

from src.vision.compiled import compiled, inlined
from tests.conftest import ROOT


@inlined
def _doubled(value: int) -> int:
    return 2 * value


@compiled
def _double_sum(values: np.ndarray) -> int:
    """Sum the doubled values."""
    total = 0
    for value in values:
        total += _doubled(value)
    return total


def test_a_compiled_function_computes_what_python_would():
    assert _double_sum(np.arange(5)) == 20


def test_a_compiled_function_has_its_name_and_docstring():
    assert _double_sum.__name__ == "_double_sum"
    assert _double_sum.__doc__ == "Sum the doubled values."


def test_a_compiled_function_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(_double_sum)) is _double_sum


def test_numba_is_not_imported_before_a_call():
    program = (
        "import sys, src.vision.grayscale, src.clean.band_search; print('numba' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
