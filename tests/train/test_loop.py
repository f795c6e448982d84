"""Training, from its parameters to its metrics."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from src.errors import UserError
from src.imaging.picture_files import read_photo
from src.model.networks import PatchGAN
from src.model.saving import load_generator
from src.storage.atomic import read_json
from src.train import loop, steps
from src.train.checkpoint import TrainingState
from src.train.gan import Networks
from src.train.training_metrics import TrainingMetrics
from tests.train.trainings import (
    WEIGHTS,
    checkpoints,
    kill,
    outputs,
    remove_outputs,
    undisturbed,
)


def test_training_twice_gives_equal_files(tiny, train):
    p = tiny()
    files, metrics = undisturbed(train, p)
    assert train(p) == metrics
    assert outputs() == files


def test_another_seed_gives_another_generator(tiny, train):
    first, _ = undisturbed(train, tiny())
    second, _ = undisturbed(train, tiny({"train.seed": 1}))
    assert first[WEIGHTS] != second[WEIGHTS]


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"train.snapshots": 1}, {"train.checkpoint_every": 1}]
)
def test_snapshots_checkpoints_and_the_data_s_seed_do_not_change_the_training(
    tiny, train, changes: dict
):
    first, _ = undisturbed(train, tiny())
    second, _ = undisturbed(train, tiny(changes))
    for name in (WEIGHTS, "history.csv"):
        assert first[name] == second[name]


@pytest.mark.parametrize("model", ["encdec", "unet", "pretrained"])
@pytest.mark.parametrize(
    ("task", "output", "predicts_chroma"),
    [("colorize", "chroma", True), ("colorize", "rgb", False), ("sketch", "chroma", False)],
)
def test_the_models_config_says_how_it_was_trained(
    tiny, train, model: str, task: str, output: str, predicts_chroma: bool
):
    size = 64 if model == "pretrained" else 32
    sizes = {"pair.crop_size": size, "pair.load_size": size + 4}
    p = tiny({"model": model, "task": task, "train.output": output, "train.steps": 2} | sizes)
    train(p)
    generator = load_generator(Path("model"))
    assert generator.config["task"] == task
    assert generator.config["model"] == model
    assert generator.config["size"] == size
    assert generator.config["crop"] == p.pair.crop
    assert generator.config["canny"] == (p.pair.canny.model_dump() if p.task == "sketch" else {})
    assert generator.predicts_chroma == predicts_chroma
    assert generator.multiple == {"encdec": 4, "unet": 32, "pretrained": 32}[model]


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", "float32"), ("bf16", "bfloat16")])
def test_the_model_says_on_what_it_was_trained(tiny, train, precision: str, dtype: str):
    train(tiny({"train.precision": precision, "train.steps": 2}))
    recorded = read_json(Path("model/computed_on.json"))
    assert recorded["dtype"] == dtype
    assert recorded["processor"]


def test_metrics_are_the_end_of_the_history(tiny, train):
    metrics = train(tiny())
    table = pd.read_csv("history.csv")
    losses = {"d", "d_right_on_real", "d_right_on_fake", "g_l1", "g_gan"}
    assert set(metrics) == {"steps", "pictures_seen", "parameters", "final"}
    assert (metrics["steps"], metrics["pictures_seen"]) == (10, 20)
    assert set(metrics["final"]) == losses
    assert set(table.columns) == {"step", *losses}
    assert list(table["step"]) == list(range(1, 11))
    for name, value in metrics["final"].items():
        assert value == pytest.approx(table[name].iloc[-1], abs=1e-4)
    generator = load_generator(Path("model"))
    assert metrics["parameters"]["generator"] == sum(w.numel() for w in generator.parameters())
    d = PatchGAN(4, 4, 1)
    assert metrics["parameters"]["discriminator"] == sum(w.numel() for w in d.parameters())


@pytest.mark.parametrize(("count", "rows"), [(10, [2, 4, 6, 8, 10]), (11, [2, 4, 6, 8, 10, 11])])
def test_the_history_is_thinned_and_ends_with_the_last_step(
    tiny, train, monkeypatch, count: int, rows: list
):
    monkeypatch.setattr("src.train.loop.HISTORY_ROWS", 5)
    train(tiny({"train.steps": count}))
    assert list(pd.read_csv("history.csv")["step"]) == rows


@pytest.mark.parametrize("model", ["encdec", "unet"])
@pytest.mark.parametrize("output", ["chroma", "rgb"])
def test_two_pictures_are_memorised(tiny, sides, model: str, output: str):
    p = tiny(
        {
            "model": model,
            "train.output": output,
            "train.steps": 60,
            "train.lr": 0.002,
            "pair.load_size": 32,
            "train.snapshots": 1,
        }
    )
    pairs, val = sides(p)
    two = replace(
        pairs,
        photo=pairs.photo[:2],
        gray=pairs.gray[:2],
        canny=pairs.canny[:2],
        labels=None,
        index=pairs.index[:2],
    )
    loop.train(p, two, val, Path("model"), Path())
    l1 = pd.read_csv("history.csv")["g_l1"]
    assert l1.tail(6).mean() < 0.6 * l1.head(3).mean()


def test_both_optimisers_follow_the_learning_rate(tiny, train, monkeypatch):
    rates = []

    def watched(nets: Networks, *arguments: object) -> dict:
        adams = (nets.generator_adam, nets.discriminator_adam)
        rates.append([adam.param_groups[0]["lr"] for adam in adams])
        return steps.generator_step(nets, *arguments)

    monkeypatch.setattr("src.train.loop.generator_step", watched)
    p = tiny({"train.steps": 4})
    train(p)
    assert rates == [[p.train.lr * share] * 2 for share in (1, 1, 1, 0.5)]


def test_a_loss_that_is_not_finite_names_the_learning_rate(tiny, train):
    with pytest.raises(
        UserError, match=r"the loss .* is not finite at step \d+: lower train\.lr \(now 1e\+30\)"
    ):
        train(tiny({"train.lr": 1e30}))
    assert not Path(WEIGHTS).exists()


@pytest.mark.parametrize(
    ("changes", "name"), [({}, "a weight"), ({"train.ema_decay": 0.9}, "an average of weights")]
)
def test_a_model_that_blows_up_in_its_last_step_is_refused(
    tiny, train, monkeypatch, changes: dict, name: str
):
    steps_done = []

    def blow_up(nets: Networks, *arguments: object) -> dict:
        losses = steps.generator_step(nets, *arguments)
        steps_done.append(None)
        if len(steps_done) == 10:
            state = (nets.ema or nets.generator).state_dict()
            [value for value in state.values() if value.is_floating_point()][-1][:] = torch.inf
        return losses

    monkeypatch.setattr("src.train.loop.generator_step", blow_up)
    with pytest.raises(UserError, match=f"{name} is not finite at step 10: lower train.lr"):
        train(tiny(changes))
    assert not Path(WEIGHTS).exists()
    assert not Path("model/snapshots/step_000010.safetensors").exists()


def test_a_model_of_finite_weights_whose_pictures_are_not_is_refused(tiny, train):
    with pytest.raises(UserError, match=r"a picture is not finite at step 1: lower train\.lr"):
        train(tiny({"train.lr": 1e10, "train.steps": 1}))
    assert not Path(WEIGHTS).exists()


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize("key", ["train.l1_weight", "train.gan_weight"])
def test_the_largest_weight_of_a_loss_leaves_a_training_finite(tiny, train, key, precision):
    train(tiny({key: 1e6, "train.gan_mode": "lsgan", "train.precision": precision}))
    assert Path(WEIGHTS).exists()


def test_metrics_that_cannot_be_written_lose_no_checkpoint(tiny, train, monkeypatch):
    p = tiny()
    files, _ = undisturbed(train, p)
    write = TrainingMetrics.write

    def refuse_the_last(metrics: TrainingMetrics, done: int, state: TrainingState) -> dict:
        if done == p.train.steps:
            raise UserError("cannot write train.json: No space left on device")
        return write(metrics, done, state)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingMetrics, "write", refuse_the_last)
        with pytest.raises(UserError, match=r"cannot write train\.json"):
            train(p)
    assert checkpoints()
    remove_outputs()
    train(p)
    assert outputs() == files


def test_a_gpu_that_is_not_there_is_refused(tiny, train, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"train\.device = 'cuda'"):
        train(tiny({"train.device": "cuda"}))


def test_a_task_without_its_inputs_is_refused(tiny, sides):
    p = tiny({"task": "labels", "source": "pairs"})
    pairs, val = sides(p)
    bare = replace(pairs, labels=None)
    with pytest.raises(UserError, match="'labels' needs labels"):
        loop.train(p, bare, val, Path("model"), Path())


def test_l1_alone_comes_before_the_discriminator(tiny, train):
    train(tiny({"train.adversarial_from": 0.6}))
    table = pd.read_csv("history.csv").set_index("step")
    for name in ("d", "g_gan", "d_right_on_real"):
        assert table[name].isna().tolist() == [True] * 6 + [False] * 4
    assert table["g_l1"].notna().all()


def test_l1_alone_to_the_end_has_no_adversarial_losses(tiny, train):
    metrics = train(tiny({"train.adversarial_from": 0.95, "train.steps": 9}))
    assert set(metrics["final"]) == {"g_l1"}


def test_what_the_discriminator_sees_changes_the_training(tiny, train):
    plain, _ = undisturbed(train, tiny())
    augmented, _ = undisturbed(train, tiny({"train.discriminator.augment": ["translation"]}))
    assert plain[WEIGHTS] != augmented[WEIGHTS]


def test_edges_are_jittered_in_training_inputs_alone(tiny, train, monkeypatch):
    inputs = []

    def watched(nets: Networks, x: torch.Tensor, *arguments: object) -> dict:
        inputs.append(x)
        return steps.generator_step(nets, x, *arguments)

    monkeypatch.setattr("src.train.loop.generator_step", watched)
    sketch = {"task": "sketch", "pair.load_size": 32}
    sheets = []
    for share in (0.0, 0.9):
        train(tiny(sketch | {"train.edge_jitter": share}))
        sheets.append(read_photo(Path("model/samples/step_000010.png"))[4:36, 4:36])
    assert not torch.equal(torch.stack(inputs[:10]), torch.stack(inputs[10:]))
    for x in inputs:
        assert set(x.unique().tolist()) <= {-1.0, 1.0}
    np.testing.assert_array_equal(*sheets)  # validation's input stays as it is


def test_other_tasks_have_no_jitter(tiny, train):
    plain, _ = undisturbed(train, tiny())
    jittered, _ = undisturbed(train, tiny({"train.edge_jitter": 0.5}))
    assert plain[WEIGHTS] == jittered[WEIGHTS]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        MemoryError("Unable to allocate 9 GiB for an array"),
    ],
)
def test_too_little_memory_names_the_batch_size(tiny, train, monkeypatch, error: Exception):
    def exhausted(*_: object) -> dict:
        raise error

    monkeypatch.setattr("src.train.loop.generator_step", exhausted)
    with pytest.raises(UserError, match=r"out of memory at train\.batch_size = 2: lower it"):
        train(tiny())


@pytest.mark.parametrize("message", ["shapes cannot be multiplied", "an illegal memory access"])
def test_other_errors_of_torch_are_not_hidden(tiny, train, monkeypatch, message: str):
    def wrong(*_: object) -> dict:
        raise RuntimeError(message)

    monkeypatch.setattr("src.train.loop.generator_step", wrong)
    with pytest.raises(RuntimeError, match=message):
        train(tiny())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.batch_size": 6}, r"train\.batch_size = 6: expected at most the 5 training pict"),
        ({"models.encdec.n_downs": 6}, r"models\.encdec\.n_downs = 6: pair\.crop_size = 32"),
    ],
)
def test_settings_that_do_not_fit_the_set_are_refused_before_training(
    tiny, sides, changes: dict, message: str
):
    p = tiny(changes)
    with pytest.raises(UserError, match=message):
        loop.require_trainable(p, sides(p)[0])


def test_a_batch_may_be_the_whole_set(tiny, sides):
    p = tiny({"train.batch_size": 5})
    loop.require_trainable(p, sides(p)[0])


def test_a_training_ends_after_snapshots_without_a_better_score(tiny, train, monkeypatch):
    l1 = iter([0.3, 0.2, 0.25, 0.2, 0.1, 0.1])
    take = loop.snapshots.take
    monkeypatch.setattr("src.train.loop.snapshots.take", lambda *a: take(*a) | {"l1": next(l1)})
    metrics = train(tiny({"train.snapshots": 10, "train.stop_after": 2}))
    assert (metrics["steps"], metrics["pictures_seen"]) == (4, 8)
    assert list(pd.read_csv("progress.csv")["l1"]) == [0.3, 0.2, 0.25, 0.2]
    assert Path(WEIGHTS).exists()
    assert not list(Path(".resume").glob("*"))


def test_snapshots_before_the_discriminator_joins_end_no_training(tiny, train, monkeypatch):
    l1 = iter([0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 0.8, 0.8, 0.7])
    take = loop.snapshots.take
    monkeypatch.setattr("src.train.loop.snapshots.take", lambda *a: take(*a) | {"l1": next(l1)})
    settings = {"train.adversarial_from": 0.5, "train.snapshots": 10, "train.stop_after": 1}
    assert train(tiny(settings))["steps"] == 8


def test_the_history_of_a_training_that_ends_early_has_its_last_step(tiny, train, monkeypatch):
    l1 = iter([0.4, 0.3, 0.2, 0.2])
    take = loop.snapshots.take
    monkeypatch.setattr("src.train.loop.snapshots.take", lambda *a: take(*a) | {"l1": next(l1)})
    monkeypatch.setattr("src.train.loop.HISTORY_ROWS", 3)
    assert train(tiny({"train.snapshots": 10, "train.stop_after": 1}))["steps"] == 4
    assert list(pd.read_csv("history.csv")["step"]) == [3, 4]


def test_a_training_that_gets_better_is_not_ended(tiny, train, monkeypatch):
    l1 = iter([0.5, 0.6, 0.4, 0.5, 0.3, 0.4, 0.2, 0.3, 0.1, 0.2])
    take = loop.snapshots.take
    monkeypatch.setattr("src.train.loop.snapshots.take", lambda *a: take(*a) | {"l1": next(l1)})
    assert train(tiny({"train.snapshots": 10, "train.stop_after": 2}))["steps"] == 10


def test_a_training_killed_after_its_last_snapshot_ends_where_it_would_have(
    tiny, train, monkeypatch
):
    p = tiny({"train.snapshots": 10, "train.stop_after": 1, "train.checkpoint_every": 1})
    scores = {1: 0.2, 2: 0.1, 3: 0.3}
    take = loop.snapshots.take

    def scored(generator, val, out, step, world):
        return take(generator, val, out, step, world) | {"l1": scores[step]}

    monkeypatch.setattr("src.train.loop.snapshots.take", scored)
    files, metrics = undisturbed(train, p)
    assert metrics["steps"] == 3
    kill(monkeypatch, train, p, 3)
    assert train(p) == metrics
    assert outputs() == files


@pytest.mark.parametrize("mode", ["lsgan", "hinge"])
def test_every_adversarial_loss_trains(tiny, train, mode: str):
    plain, _ = undisturbed(train, tiny())
    other, metrics = undisturbed(train, tiny({"train.gan_mode": mode}))
    assert plain[WEIGHTS] != other[WEIGHTS]
    assert {"d", "g_gan", "g_l1"} <= metrics["final"].keys()
