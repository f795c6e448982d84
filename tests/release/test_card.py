"""The model card."""

import json
from pathlib import Path

import pytest

from src.model.saving import load_generator, save_generator
from src.release.release_folder import release as write_release
from src.storage.atomic import write_json
from tests.builders import untrained
from tests.conftest import DEFAULTS

SCORES = {"fd_effnet": 0.5, "fd_effnet_se": 0.1, "l1": 0.25, "psnr": 20.5, "n": 7}
PASSED = {"value": 0.0, "limit": 0, "failed": 0}
NETWORKS = {
    name: getattr(DEFAULTS.models, name).model_dump() | {"ngf": 4}
    for name in ("encdec", "pretrained")
}
CLEAN = {
    "listed": 100,
    "kept": 90,
    "missing": 4,
    "unreadable": 0,
    "too_small": 0,
    "grayscale": 5,
    "odd_aspect": 0,
    "low_information": 0,
    "dark": 0,
    "bright": 0,
    "blurred": 0,
    "exact_duplicates": 0,
    "near_duplicates": 1,
}


# The file of the weights by `evaluate.snapshot`.
WEIGHTS = {"last": "generator.safetensors", "best_l1": "snapshots/step_000006.safetensors"}


def metrics(snapshot: str, leaked: int) -> dict[str, dict]:
    """Metrics of a run whose `snapshot` was scored and in which `leaked` pictures leaked."""
    failed = int(leaked > 0)
    leak = {"value": float(leaked), "limit": 0, "failed": failed}
    checks = {"leaked_pictures": leak, "broken_files": PASSED}
    return {
        "audit": {"failed": failed, "checks": checks},
        "review": {"failed": 0, "checks": {"lost_color": PASSED}},
        "clean": CLEAN,
        "split": {"train": 83, "val": 7},
        "evaluate": {
            "val": SCORES,
            "train": SCORES | {"n": 8},
            "gap": {"l1": 0.0, "interpretable": int(not failed)},
            "baselines": dict.fromkeys(("copy_input", "mean_color", "real_real"), SCORES),
        },
        "evaluate_meta": {
            "features": {"fd_effnet": "sha256 57934424"},
            "computed_on": {
                "training": {"processor": "AMD EPYC, AVX512", "dtype": "bfloat16"},
                "evaluation": {"processor": "AMD EPYC, AVX2", "dtype": "float32"},
            },
            "snapshot": snapshot,
            "weights_file": WEIGHTS[snapshot],
            "versions": {"torch": "2.14.1", "numpy": "2.4.6"},
        },
        "train": {
            "steps": 12,
            "pictures_seen": 96,
            "parameters": {"generator": 1234567},
        },
    }


@pytest.fixture
def released(changed, tmp_path: Path):
    """Release a model, and return the card: released(model, leaked, fails, network)."""

    def release(
        model: str = "last", leaked: int = 0, fails: tuple[str, ...] = (), network: str = "encdec"
    ) -> str:
        for name, values in metrics(model, leaked).items():
            write_json(tmp_path / "metrics" / f"{name}.json", values)
        for seed, file in enumerate(WEIGHTS.values()):
            generator = untrained("colorize", "chroma", network, NETWORKS[network], 4, seed)
            path = tmp_path / "model" / file
            save_generator(generator, path.parent, path.stem)
        verdict = {"fails": fails, "scores": "On 7 pictures that training never saw: L1 0.25."}
        write_json(tmp_path / "review/verdict.json", verdict)
        out = tmp_path / "release"
        write_release(changed({"model": network}), tmp_path, tmp_path / "metrics", out)
        return (out / "README.md").read_text(encoding="utf-8")

    return release


def test_the_card_says_how_many_pictures_were_kept_and_removed(released):
    text = released()
    assert "100 pictures listed, 90 kept,\n83 for training and 7 for validation" in text
    assert "Removed: 4 missing, 5 grayscale, 1 near duplicates." in text


def test_the_card_has_the_scores_with_their_number(released):
    text = released()
    assert "on 7 validation pictures and on 8 training pictures" in text
    sets = ("validation", "training", "input copied", "mean colour", "real against real")
    assert f"| | {' | '.join(sets)} |" in text
    assert "| fd_effnet |" + " 0.5 ± 0.1 |" * 5 in text
    assert "| l1 |" + " 0.25 |" * 5 in text
    assert "_se" not in text
    assert "only `fid` compares with published FIDs" in text


def test_the_card_says_on_what_the_scores_were_computed(released):
    text = released()
    assert "training on AMD EPYC, AVX512 in bfloat16; evaluation on AMD EPYC, AVX2 in fl" in text
    assert "Versions: torch 2.14.1, numpy 2.4.6." in text


def test_the_card_has_parameters_and_limits(released):
    text = released()
    assert "12 steps of 8, 96 pictures seen" in text
    assert "l1_weight: 100.0" in text
    assert "1,234,567 parameters" in text
    assert "## Limits" in text
    assert "None" not in text
    assert "\n\n\n" not in text


def test_the_card_says_where_an_encoder_has_learned(released):
    assert "ImageNet" not in released()
    assert "may flatter" not in released()
    text = released(network="pretrained")
    assert "EfficientNet-Lite0 with the weights of ImageNet (Apache 2.0)." in text
    assert (
        "published FIDs. This model was trained with that network, whose scores may flatter" in text
    )
    assert "\n\n\n" not in text


def test_the_card_says_which_checks_failed_and_what_that_means(released):
    assert "Before training: 2 checks, all passed." in released()
    text = released(leaked=3)
    assert "Before training: 2 checks, 1 failed: leaked_pictures." in text
    assert "means nothing: training has seen some of the validation pictures" in text
    assert "means nothing" not in released()


def test_the_card_says_that_a_model_fails_and_how_good_it_is(released):
    text = released(fails=("runaway_loss", "saturated_outputs"))
    assert "\n**This model fails: runaway_loss, saturated_outputs.**\n" in text
    assert "## Scores\n\nOn 7 pictures that training never saw: L1 0.25.\n" in text
    assert "\n\n\n" not in text
    assert "This model fails" not in released()


def test_the_model_that_was_scored_is_the_one_released(released, tmp_path):
    for model, file in WEIGHTS.items():
        text = released(model)
        assert f"The weights are `{file}` of the training" in text
        assert ("the best of its snapshots" in text) == (model != "last")
        weights = (tmp_path / "release/generator.safetensors").read_bytes()
        assert weights == (tmp_path / "model" / file).read_bytes()
    config = json.loads((tmp_path / "release/config.json").read_text())
    assert load_generator(tmp_path / "release").config == config
