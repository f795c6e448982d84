"""Says how good a model is: for the terminal, the report and the model card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from src.audit.checks.baselines import (
    DISTANCE,
    Comparison,
    compare_distance,
    compare_l1,
    compare_ssim,
)
from src.audit.evidence import BASELINES, OutputEvidence
from src.audit.gating import summary


def verdict(evidence: OutputEvidence, failures: Mapping[str, str]) -> dict[str, Any]:
    """Return data/review/verdict.json, given the severity of each check that failed.

    Returns:
        fails: The failed checks by which the model is of no use. scores: A sentence that says on
        how many pictures the model is how good, beside the better baseline of each score.
    """
    seen = "validation pictures, though training has seen some of them"
    unseen = "pictures that training never saw"
    phrases = (
        _phrase("L1", compare_l1(evidence), evidence.limits["l1_of_baseline"]),
        _phrase("SSIM", compare_ssim(evidence), evidence.limits["ssim_error_of_baseline"]),
        _phrase(DISTANCE, compare_distance(evidence), evidence.limits["distance_of_baseline"]),
    )
    return {
        "fails": [name for name, severity in failures.items() if severity == "fail"],
        "scores": f"On {evidence.scores['n']} {seen if evidence.leaks else unseen}: "
        f"{'; '.join(phrases)}.",
    }


def announcement(verdict: dict[str, Any], findings: Path) -> str:
    """Return what review prints: the verdict, and each failed check with its remedy."""
    head = f"This model fails: {', '.join(verdict['fails'])}.\n" if verdict["fails"] else ""
    return f"{head}{verdict['scores']}\n{summary(findings, 'the report shows them')}"


def _phrase(name: str, comparison: Comparison, limit: float) -> str:
    is_better = (
        comparison.score > comparison.best if name == "SSIM" else comparison.score < comparison.best
    )
    if comparison.score == comparison.best:
        return f"{name} {comparison.score:.4g}, as good as {BASELINES[comparison.baseline]}"
    word = "better" if is_better else "a little worse" if comparison.ratio <= limit else "worse"
    return f"{name} {comparison.score:.4g}, {word} than {BASELINES[comparison.baseline]} ({comparison.best:.4g})"
