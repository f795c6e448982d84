"""numba's decorators with types: functions that are compiled at their first call."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function to machine code that runs without the interpreter's lock.

    The machine code is kept on disk and renewed when the function's own file changes. A compiled
    function should therefore call compiled functions of its own file only.
    """
    return cast(Callable[Parameters, Result], njit(nogil=True, cache=True)(function))


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a small function into each compiled function that calls it."""
    return cast(Callable[Parameters, Result], njit(inline="always")(function))
