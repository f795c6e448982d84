"""The JMESPath expressions of params.yaml."""

from collections.abc import Iterable
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from src.errors import UserError, one_line


class ExpressionError(Exception):
    """An expression that fails on a value; the message names the expression."""


def require_expressions(section: str, settings: object, keys: Iterable[str]) -> None:
    """Raise UserError if a section of params.yaml has an expression that is not valid, but for ""."""
    for key in keys:
        expression = getattr(settings, key)
        try:
            if expression:
                jmespath.compile(expression)
        except JMESPathError as error:
            raise UserError(
                f"{section}.{key} = {expression!r} is no JMESPath expression: {one_line(error)}"
            ) from None


def find(key: str, expression: str, value: Any) -> Any:
    """Return what an expression finds in a value; None for an empty one.

    Raises:
        ExpressionError: A function in it is unknown, or takes no such value.
    """
    try:
        return jmespath.search(expression, value) if expression else None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ExpressionError(f"{key} = {expression!r} fails: {one_line(error)}") from None
