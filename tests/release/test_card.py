"""The model card."""

import json
from pathlib import Path

import pytest

from src.model.saving import load_generator, save_generator
from src.release import card
from src.storage.atomic import write_json
from tests.inference.test_prediction import NETWORKS
from tests.builders import untrained

SCORES = {"fd_random": 0.5, "fd_random_se": 0.1, "l1": 0.25, "psnr": 20.5, "n": 7}
CHECKS = {
    name: {"value": 0.0, "limit": 0, "failed": 0} for name in ("leaked_pictures", "broken_files")
}


@pytest.fixture
def released(changed, tmp_path: Path):
    """Release a model with some numbers changed; the card's text."""

    def go(model: str = "last", leaked: int = 0) -> str:
        checks = CHECKS | {
            "leaked_pictures": {"value": float(leaked), "limit": 0, "failed": int(leaked > 0)}
        }
        clean = {"listed": 100, "kept": 90, "missing": 4, "unreadable": 0, "too_small": 0}
        clean |= {"grayscale": 5, "exact_duplicates": 0, "near_duplicates": 1}
        numbers = {
            "audit": {"failed": int(leaked > 0), "checks": checks},
            "review": {"failed": 0, "checks": {"lost_color": CHECKS["broken_files"]}},
            "clean": clean,
            "split": {"train": 83, "val": 7},
            "evaluate": {
                "val": SCORES,
                "train": SCORES | {"n": 8},
                "floor": dict.fromkeys(("copy_input", "mean_color", "real_real"), SCORES),
            },
            "evaluate_meta": {"features": "fd_random", "weights": "random, seed 0", "model": model},
            "train": {
                "steps": 12,
                "pictures_seen": 96,
                "parameters": {"generator": 1234567},
                "best": {"step": 6},
            },
        }
        for name, values in numbers.items():
            write_json(tmp_path / "metrics" / f"{name}.json", values)
        for place, seed in (("model", 0), ("model/best", 1)):
            made = untrained("colorize", "chroma", *NETWORKS["encdec"], 4, seed)
            save_generator(made, tmp_path / place)
        out = tmp_path / "release"
        card.release(changed(), tmp_path / "model", tmp_path / "metrics", out)
        return (out / "README.md").read_text(encoding="utf-8")

    return go


def test_the_card_says_what_became_of_the_data(released):
    text = released()
    assert "100 pictures listed, 90 kept,\n83 for training and 7 for validation" in text
    assert "Removed: 4 missing, 5 grayscale, 1 near duplicates." in text


def test_the_card_has_the_scores_with_their_number(released):
    text = released()
    assert "on 7 validation pictures, and on 8 training pictures" in text
    assert "| | fd_random | fd_random_se | l1 | psnr |" in text
    for row in ("validation", "training", "input copied", "mean colour", "real against real"):
        assert f"| {row} | 0.5 | 0.1 | 0.25 | 20.5 |" in text
    assert "no FID" in text


def test_the_card_has_parameters_and_limits(released):
    text = released()
    assert "12 steps of 8, 96 pictures seen" in text
    assert "l1_weight: 100.0" in text
    assert "1,234,567 parameters" in text
    assert "## Limits" in text
    assert "None" not in text
    assert "\n\n\n" not in text


def test_the_card_says_which_checks_failed_and_what_that_means(released):
    assert "Before training: 2 checks, every one passed." in released()
    text = released(leaked=3)
    assert "Before training: 2 checks, 1 failed: leaked_pictures." in text
    assert "means nothing while checks before training fail (leaked_pictures)" in text
    assert "means nothing" not in released()


def test_the_model_that_was_scored_is_the_one_released(released, tmp_path):
    for which, place in (("last", "model"), ("best", "model/best")):
        released(which)
        weights = (tmp_path / "release/generator.safetensors").read_bytes()
        assert weights == (tmp_path / place / "generator.safetensors").read_bytes()
    config = json.loads((tmp_path / "release/config.json").read_text())
    assert load_generator(tmp_path / "release").config == config
