"""numba's decorators with types: functions compiled at their first call."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function that runs without the interpreter's lock; keep the code on disk."""
    return cast(Callable[Parameters, Result], njit(nogil=True, cache=True)(function))


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a small function into each of its callers."""
    return cast(Callable[Parameters, Result], njit(inline="always")(function))
