"""The class of a check, and the registry of all checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["stop", "fail", "warn"]
When = Literal["before", "after"]


@dataclass(frozen=True)
class Offender:
    """A row at fault.

    Attributes:
        row: The row's number in the ledger.
        detail: What is wrong with it, in words.
        pictures: Side and index in the arrays of the pictures that a sheet shows for it.
        value: What the check's limit is compared with to decide whether the row is at fault: its
            own value, or the set's. None if it is at fault whatever the limit.
    """

    row: int
    detail: str
    pictures: tuple[tuple[str, int], ...] = ()
    value: float | None = None


# the value, and the rows at fault: those with a value only if that is beyond the limit
CheckResult = tuple[float, list[Offender]]
Measure = Callable[[Any], CheckResult]  # of Evidence or OutputEvidence


@dataclass(frozen=True)
class Finding:
    """The outcome of a check, with the limit and the thresholds that were in force.

    Attributes:
        at_least: Whether the check fails below `limit` instead of above it.
        remedy: What to do about a failure with the settings of this run.
    """

    value: float
    limit: float
    offenders: list[Offender] = field(default_factory=list)
    at_least: bool = False
    thresholds: dict[str, float] = field(default_factory=dict)
    remedy: str = ""

    @property
    def failed(self) -> bool:
        """Whether the value is on the wrong side of the limit."""
        return is_beyond(self.value, self.limit, self.at_least)


@dataclass(frozen=True)
class Check:
    """A registered check.

    Attributes:
        description: What the check measures.
        limit_key: The key of audit.limits that overrides `limit`. It judges what was measured, and
            `measure` of a check before training does not read it.
        limit: The largest value that passes; the smallest one where `at_least` is set.
        remedy: What to do about a failure.
        severity: Whether a failure stops training at the gate, says after training that the model is
            of no use, or only warns.
        when: Before training, on Evidence, or after it, on OutputEvidence.
        thresholds: What makes a single picture an offender, by their keys of audit.thresholds.
        measure: The function that looks at the evidence.
        settings: The settings of training that may be the cause, as src/audit/suspect_settings.py names
            them. Those of the run then stand in the remedy.
    """

    name: str
    description: str
    limit_key: str
    limit: float
    remedy: str
    severity: Severity
    when: When
    at_least: bool
    thresholds: dict[str, float]
    measure: Measure
    settings: tuple[str, ...] = ()

    @property
    def limits(self) -> dict[str, float]:
        """The check's own limit and thresholds, by their keys."""
        return {self.limit_key: self.limit, **self.thresholds}

    def run(self, evidence: Any) -> Finding:
        """Measure `evidence`, and compare the value with the limit in force."""
        remedy = evidence.remedy(self.remedy, self.settings) if self.settings else self.remedy
        return self.judge(self.measure(evidence), evidence.limits, remedy)

    def judge(self, result: CheckResult, limits: Mapping[str, float], remedy: str = "") -> Finding:
        """Compare a measured value with the limit in force; a remedy replaces the check's own."""
        value, offenders = result
        thresholds = {key: limits.get(key, default) for key, default in self.limits.items()}
        limit = thresholds.pop(self.limit_key)
        at_fault = [
            offender
            for offender in offenders
            if offender.value is None or is_beyond(offender.value, limit, self.at_least)
        ]
        return Finding(
            float(value), limit, at_fault, self.at_least, thresholds, remedy or self.remedy
        )


def is_beyond(value: float, limit: float, at_least: bool) -> bool:
    """Return whether a value is on the wrong side of a limit: below it if `at_least`, else above."""
    return value < limit if at_least else value > limit


CHECKS: list[Check] = []


def check(
    description: str,
    limit_key: str,
    limit: float,
    remedy: str,
    severity: Severity = "stop",
    when: When = "before",
    at_least: bool = False,
    thresholds: dict[str, float] | None = None,
    settings: tuple[str, ...] = (),
) -> Callable[[Measure], Measure]:
    """Register the decorated function as the check of its name; Check describes the arguments."""

    def register(measure: Measure) -> Measure:
        CHECKS.append(
            Check(
                name=measure.__name__,
                description=description,
                limit_key=limit_key,
                limit=limit,
                remedy=remedy,
                severity=severity,
                when=when,
                at_least=at_least,
                thresholds=thresholds or {},
                measure=measure,
                settings=settings,
            )
        )
        return measure

    return register
