"""Compiled functions compute what Python would, and are still called by their names."""

import numpy as np

from src.vision.compiled import compiled, inlined


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
