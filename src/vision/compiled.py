"""numba's decorators with types: functions that are compiled at their first call.

Until then numba is not imported: a stage that calls none of them starts without it.
"""

from collections.abc import Callable
from functools import cached_property, update_wrapper
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar, cast

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class _Compiled(Generic[Parameters, Result]):
    """A function with the options of `numba.njit`, which its first call needs."""

    def __init__(self, function: Callable[Parameters, Result], options: dict[str, Any]):
        update_wrapper(self, function)
        self._function, self._options = cast(FunctionType, function), options

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return cast(Result, self.dispatcher(*args, **kwargs))

    def __reduce__(self) -> str:
        return self._function.__name__  # pickled by its name, as functions are

    @cached_property
    def dispatcher(self) -> Callable[..., Any]:
        """The function for numba, which sees other compiled functions as its own."""
        from numba import njit  # a quarter of a second

        known = self._function.__globals__
        called = {name: known[name] for name in self._function.__code__.co_names if name in known}
        dispatchers = {k: v.dispatcher for k, v in called.items() if isinstance(v, _Compiled)}
        function = FunctionType(
            self._function.__code__, known | dispatchers, argdefs=self._function.__defaults__
        )
        return cast(Callable[..., Any], njit(**self._options)(function))


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function to machine code that runs without the interpreter's lock.

    The machine code is kept on disk and renewed when the function's own file changes. A compiled
    function should therefore call compiled functions of its own file only.
    """
    return _Compiled(function, {"nogil": True, "cache": True})


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a small function into each compiled function that calls it."""
    return _Compiled(function, {"inline": "always"})
