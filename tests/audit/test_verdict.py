"""How good a model is, in a sentence, and what the review prints."""

from dataclasses import replace
from pathlib import Path

from src.audit import findings
from src.audit.evidence import OutputEvidence
from src.audit.verdict import announcement, verdict
from tests.audit.evidence import with_baseline
from tests.audit.faults import OUTPUT_FAULTS


def announced(evidence: OutputEvidence, ledger, folder: Path) -> str:
    """What review prints of this evidence."""
    outcomes = findings.run(evidence, "after")
    findings.write(outcomes, ledger, folder / "findings.json")
    outcome = verdict(evidence, findings.failures(outcomes))
    return announcement(outcome, folder / "findings.json")


def ruined(evidence: OutputEvidence, **settings: float) -> OutputEvidence:
    """Worse than copying the input, with saturated colours."""
    burnt = OUTPUT_FAULTS["burnt colours"].change(evidence)
    burnt = with_baseline(burnt, "copy_input", l1=0.0001)
    return replace(burnt, settings=burnt.settings.model_copy(update=settings))


def test_the_number_of_pictures_stands_beside_how_good_the_scores_are(good):
    scores = {"l1": 0.0645, "ssim": 0.8629, "fd_effnet": 1.5, "n": 78}
    evidence = replace(good, scores=scores)
    evidence = with_baseline(evidence, "copy_input", l1=0.1716, ssim=0.8636, fd_effnet=1.2)
    assert verdict(evidence, {}) == {
        "fails": [],
        "scores": "On 78 pictures that training never saw: "
        "L1 0.0645, better than copying the input (0.1716); "
        "SSIM 0.8629, a little worse than copying the input (0.8636); "
        "fd_effnet 1.5, worse than copying the input (1.2).",
    }


def test_a_score_that_equals_the_baseline_is_not_called_worse(good):
    evidence = with_baseline(good, "copy_input", **good.scores)
    sentence = verdict(evidence, {})["scores"]
    assert sentence.count("as good as copying the input") == 3
    assert "worse" not in sentence


def test_pictures_that_leaked_are_not_called_unseen(good):
    sentence = verdict(replace(good, leaks=True), {})["scores"]
    assert "never saw" not in sentence
    assert "training has seen some of them" in sentence


def test_warnings_do_not_make_a_model_fail(good):
    failures = {"lost_color": "warn", "saturated_outputs": "fail", "runaway_loss": "fail"}
    assert verdict(good, failures)["fails"] == ["saturated_outputs", "runaway_loss"]


def test_a_good_model_is_announced_by_its_scores(clean, good, tmp_path):
    text = announced(good, clean.ledger, tmp_path)
    assert text.startswith("On 8 pictures that training never saw: L1 0.")
    assert text.endswith("every check passed")


def test_a_ruined_model_is_announced_with_each_failed_check_and_a_remedy(clean, good, tmp_path):
    text = announced(ruined(good, lr=1000.0), clean.ledger, tmp_path)
    assert text.startswith("This model fails: l1_worse_than_baseline, runaway_loss, saturated_")
    assert "worse than copying the input (0.0001)" in text
    assert "  saturated_outputs (fail): share of pixels" in text
    assert text.count("→ train.lr is 1000, published is 0.0002: lower it") == 3
    assert str(tmp_path / "findings.json") in text
