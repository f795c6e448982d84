"""What a check is, and the register of all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from src.params import Limits

Severity = Literal["stop", "warn"]
When = Literal["before", "after"]


@dataclass(frozen=True)
class Offender:
    """A row at fault. `pictures` are (side, index) in the arrays, for thumbnails."""

    row: int
    detail: str
    pictures: tuple[tuple[str, int], ...] = ()


Measure = tuple[float, list[Offender]]  # what was measured, and the rows at fault


@dataclass(frozen=True)
class Finding:
    """What a check measured; it fails above `limit` (below it, where `at_least`)."""

    value: float
    limit: float
    offenders: list[Offender] = field(default_factory=list)
    at_least: bool = False

    @property
    def failed(self) -> bool:
        return self.value < self.limit if self.at_least else self.value > self.limit


@dataclass(frozen=True)
class Check:
    """A registered check.

    limit: the key of audit.limits that the measure is held against.
    allowed: the limit where audit.limits does not have that key.
    severity: whether the gate stops training when it fails, or only says so.
    when: before training, on Evidence; or after it, on Outcome.
    """

    name: str
    measures: str
    limit: str
    remedy: str
    severity: Severity
    when: When
    at_least: bool
    allowed: float | None
    measure: Callable[[Any], Measure]

    def run(self, evidence: Any) -> Finding:
        """Measure, and compare with the limit in `evidence.limits`."""
        value, offenders = self.measure(evidence)
        return Finding(float(value), self.bound(evidence.limits), offenders, self.at_least)

    def bound(self, limits: Limits) -> float:
        """What the measure is held against: audit.limits has the word, then the check."""
        bound = getattr(limits, self.limit, self.allowed)
        if bound is None:
            raise ValueError(
                f"{self.name}: audit.limits has no {self.limit}, and no default is given"
            )
        return bound


CHECKS: list[Check] = []


def check(
    measures: str,
    limit: str,
    remedy: str,
    severity: Severity = "stop",
    when: When = "before",
    at_least: bool = False,
    allowed: float | None = None,
) -> Callable:
    """Register a function as the check of its name."""

    def register(function: Callable[[Any], Measure]) -> Callable[[Any], Measure]:
        CHECKS.append(
            Check(
                function.__name__,
                measures,
                limit,
                remedy,
                severity,
                when,
                at_least,
                allowed,
                function,
            )
        )
        return function

    return register
