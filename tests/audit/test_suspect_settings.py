"""The remedy fits the settings of the run."""

import pytest

from src.audit.suspect_settings import remedy_for, suspects
from tests.audit.evidence import CHECKS_BY_NAME
from tests.audit.faults import OUTPUT_FAULTS

NAMES = ("lr", "l1_weight", "gan_weight", "output", "steps")


@pytest.fixture
def causes(changed):
    """The unusual settings of a task: causes("colorize", lr=1000)."""

    def of(task: str = "colorize", **values: object) -> dict[str, str]:
        t = changed({f"train.{key}": value for key, value in values.items()}).train
        return suspects(t, task, t.steps)

    return of


def test_the_projects_own_settings_are_usual(causes):
    assert causes() == causes("sketch") == causes(output="chroma", lr=0.0002, batch_size=4) == {}


@pytest.mark.parametrize(
    ("values", "key", "words"),
    [
        ({"lr": 1000.0}, "lr", "train.lr is 1000, published is 0.0002: lower it"),
        ({"lr": 0.05}, "lr", "train.lr is 0.05, published is 0.0002: lower it"),
        ({"lr": 0.000001}, "lr", "train.lr is 1e-06, published is 0.0002: raise it"),
        ({"l1_weight": 0.0}, "l1_weight", "train.l1_weight is 0 and train.gan_weight 1, published"),
        ({"gan_weight": 1000.0}, "l1_weight", "train.l1_weight is 100 and train.gan_weight 1000"),
        (
            {"l1_weight": 0.0, "gan_weight": 0.0, "perceptual_weight": 1.0},
            *("l1_weight", "train.gan_weight are 0, published"),
        ),
        ({"gan_weight": 0.0}, "gan_weight", "train.gan_weight is 0, published is 1: with L1 alone"),
        ({"steps": 5}, "steps", "saw 40 pictures: train at least 250 steps"),
        ({"output": "rgb"}, "output", "train.output is rgb: chroma keeps the input's gray"),
    ],
)
def test_an_unusual_setting_is_named_with_its_value_and_what_is_known_to_work(
    causes, values, key, words
):
    found = causes(**values)
    assert list(found) == [key]
    assert words in found[key]


def test_a_training_that_stop_after_ended_early_is_counted_by_the_steps_that_it_did(changed):
    t = changed({"train.steps": 100_000, "train.snapshots": 20, "train.stop_after": 2}).train
    assert suspects(t, "colorize", 80) == {
        "steps": "train.stop_after: 2 ended training after 80 of 100000 steps, so that training saw "
        "640 pictures: train at least 250 steps, with train.stop_after: 0"
    }
    assert suspects(t, "colorize", 250) == {}


def test_rgb_is_usual_where_no_input_has_gray(causes):
    assert causes("sketch", output="rgb") == {}


def test_a_remedy_names_the_unusual_settings_alone(changed):
    settings = changed({"train.lr": 1000.0, "train.steps": 5}).train
    remedy = remedy_for("look at it", NAMES, settings, "colorize", 5)
    assert remedy.startswith("train.lr is 1000, published is 0.0002: lower it; train.steps is 5")
    assert "look at it" not in remedy
    assert remedy_for("look at it", ("lr",), settings, "sketch", 5).endswith("lower it")


def test_a_remedy_without_an_unusual_setting_names_the_values(changed):
    names = ("lr", "output", "steps")
    remedy = remedy_for("look at it", names, changed().train, "colorize", 800)
    assert remedy == "look at it (train.lr is 0.0005, train.steps is 800)"


def test_a_discriminator_is_not_recommended_where_there_is_one(good, changed):
    faded = OUTPUT_FAULTS["faded outputs"].change(good)
    check = CHECKS_BY_NAME["lost_color"]
    assert "train.gan_weight is 1" in check.run(faded).remedy
    alone = changed({"train.gan_weight": 0.0}).train
    object.__setattr__(faded, "settings", alone)
    assert check.run(faded).remedy.startswith("train.gan_weight is 0, published is 1")


def test_every_setting_that_a_check_names_is_known():
    named = {name for check in CHECKS_BY_NAME.values() for name in check.settings}
    assert named <= set(NAMES)
