"""What a check is, and the register of all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

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
    thresholds: dict[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return self.value < self.limit if self.at_least else self.value > self.limit


@dataclass(frozen=True)
class Check:
    """A registered check.

    Attributes:
        limit: The key of audit.limits that overrides `allowed`.
        allowed: The measure above which the check fails (below it, where `at_least`).
        severity: Whether a failure stops training at the gate, or only warns.
        when: Before training, on Evidence, or after it, on OutputEvidence.
        thresholds: What makes a single picture an offender, by their keys of audit.limits.
        measure: The function that looks at the evidence.
    """

    name: str
    description: str
    limit: str
    allowed: float
    remedy: str
    severity: Severity
    when: When
    at_least: bool
    thresholds: dict[str, float]
    measure: Callable[[Any], Measure]

    @property
    def limits(self) -> dict[str, float]:
        """The check's own limit and thresholds, by their keys of audit.limits."""
        return {self.limit: self.allowed, **self.thresholds}

    def run(self, evidence: Any) -> Finding:
        """Measure `evidence`, and compare the value with the limit in force."""
        value, offenders = self.measure(evidence)
        own = {key: evidence.limits.get(key, value) for key, value in self.limits.items()}
        limit = own.pop(self.limit)
        return Finding(float(value), limit, offenders, self.at_least, own)


CHECKS: list[Check] = []


def check(
    description: str,
    limit: str,
    allowed: float,
    remedy: str,
    severity: Severity = "stop",
    when: When = "before",
    at_least: bool = False,
    thresholds: dict[str, float] | None = None,
) -> Callable[[Callable[[Any], Measure]], Callable[[Any], Measure]]:
    """Register the decorated function as the check of its name; the arguments are Check's."""

    def register(function: Callable[[Any], Measure]) -> Callable[[Any], Measure]:
        CHECKS.append(
            Check(
                name=function.__name__,
                description=description,
                limit=limit,
                allowed=allowed,
                remedy=remedy,
                severity=severity,
                when=when,
                at_least=at_least,
                thresholds=thresholds or {},
                measure=function,
            )
        )
        return function

    return register
