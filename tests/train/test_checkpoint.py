"""Checkpoints: a killed training ends as an undisturbed one."""

import os
import resource
import shutil
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.errors import UserError
from src.params import Params
from src.train import checkpoint, loop, steps
from src.train.checkpoint import TrainingState
from src.train.gan import Networks
from stages import train as train_stage
from tests.conftest import ROOT
from tests.train.trainings import (
    CPU,
    WEIGHTS,
    checkpoints,
    flat_weights,
    kill,
    networks,
    outputs,
    random_batch,
    remove_outputs,
    undisturbed,
)

# 64 pixels: a smaller U-Net has no level with dropout
UNET = {
    "model": "unet",
    "models.unet.dropout": 0.5,
    "pair.crop_size": 64,
    "pair.load_size": 68,
    "train.snapshots": 2,
}

PRETRAINED = {
    "model": "pretrained",
    "models.pretrained.ngf": 2,
    "train.discriminator.projected": True,
    "pair.crop_size": 64,
    "pair.load_size": 64,
}

EVERYTHING = {
    "task": "sketch",
    "train.ema_decay": 0.9,
    "train.adversarial_from": 0.3,
    "train.edge_jitter": 0.5,
    "train.discriminator.augment": ["color", "translation", "cutout"],
}


@pytest.mark.parametrize(
    ("changes", "precision"),
    [
        ({}, "fp32"),
        ({"train.gan_weight": 0.0}, "fp32"),
        (UNET, "fp32"),
        (UNET, "bf16"),
        (PRETRAINED, "bf16"),
        (EVERYTHING, "fp32"),
        (EVERYTHING, "bf16"),
    ],
    ids=["gan", "l1", "unet", "unet-bf16", "pretrained-bf16", "everything", "everything-bf16"],
)
def test_a_killed_training_ends_as_an_undisturbed_one(
    tiny, train, monkeypatch, capsys, changes: dict, precision: str
):
    p = tiny(changes | {"train.precision": precision})
    files, metrics = undisturbed(train, p)
    kill(monkeypatch, train, p, step=7)
    assert checkpoints()
    resumed = train(p)
    assert "resuming from step 5" in capsys.readouterr().out
    assert resumed == metrics
    for name, content in outputs().items():
        assert content == files[name], name
    assert outputs().keys() == files.keys()
    assert not checkpoints()


def test_snapshots_from_before_the_kill_are_among_the_outputs(tiny, train, monkeypatch):
    """DVC removes the outputs of a stage before it runs it again."""
    p = tiny()
    files, _ = undisturbed(train, p)
    kill(monkeypatch, train, p, step=7)
    remove_outputs()
    train(p)
    assert sorted(outputs()) == sorted(files)
    assert outputs() == files


def test_a_training_may_be_killed_several_times(tiny, train, monkeypatch):
    p = tiny({"train.checkpoint_every": 2})
    files, _ = undisturbed(train, p)
    for _ in range(3):
        kill(monkeypatch, train, p, step=4)
    train(p)
    assert outputs() == files


def test_sigkill_at_any_moment_changes_no_output(tiny, train, sides, monkeypatch, capsys):
    """Not an exception: the process ends between two instructions, just after a checkpoint."""
    p = tiny({"train.steps": 40, "train.checkpoint_every": 1, "train.snapshots": 4})
    files, _ = undisturbed(train, p)
    write_stage_inputs(sides(p))
    # one process imports the libraries, and those that train are forked from it
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    forked = get_context("forkserver")
    forked.set_forkserver_preload([__name__, "torch._dynamo", "torchmetrics"])
    rng, kills = np.random.default_rng(0), 0
    for _ in range(5):
        before = {file: file.stat().st_mtime_ns for file in checkpoints()}
        process = forked.Process(target=run_stage, args=(Path.cwd(),))
        process.start()
        while process.is_alive() and not progressed(before):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.join()
        if process.exitcode == 0:  # it ended before the kill
            break
        kills += 1
        shutil.rmtree("data/model", ignore_errors=True)  # as DVC does
    assert kills > 2
    train(p)
    assert "resuming from step " in capsys.readouterr().out
    assert outputs() == files


def run_stage(folder: Path) -> None:
    """Run the train stage in `folder`, which holds its inputs."""
    os.chdir(folder)
    train_stage.main()


def progressed(before: dict[Path, int]) -> bool:
    """Return whether there is a newer checkpoint than those of `before`."""
    try:
        return any(file.stat().st_mtime_ns != before.get(file) for file in checkpoints())
    except FileNotFoundError:  # it is being replaced
        return False


def write_stage_inputs(pairs_by_side: tuple[Pairs, Pairs]) -> None:
    """Write params.yaml and data/pairs, as the train stage reads them."""
    shutil.copy("changed-params.yaml", "params.yaml")
    for side, pairs in zip(("train", "val"), pairs_by_side, strict=True):
        content = {name: getattr(pairs, name) for name in ("photo", "gray", "canny", "labels")}
        arrays.save(Path("data/pairs"), side, content, pairs.index)


def test_a_checkpoint_vouches_for_no_snapshot_that_is_taken_again(tmp_path, nets):
    """Such as one that a killed run has taken after its last checkpoint."""
    for name in ("config.json", "step_000005.safetensors", "step_000009.safetensors", ".step_5.x"):
        path = checkpoint.snapshot_dir(tmp_path) / "snapshots" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    state = TrainingState(6, [], [{"step": 5, "l1": 0.1}])
    checkpoint.save(tmp_path, nets, state)
    expected = {"snapshots/config.json", "snapshots/step_000005.safetensors"}
    assert set(state.snapshot_sha256) == expected


@pytest.mark.parametrize("name", ["state.pt", "snapshots/step_000005.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "garbage", "gone"])
def test_a_damaged_checkpoint_is_told_and_the_training_starts_at_step_0(
    tiny, train, monkeypatch, capsys, name: str, damage: str
):
    p = tiny({"train.steps": 8, "train.snapshots": 8})
    files, _ = undisturbed(train, p)
    kill(monkeypatch, train, p, step=7)
    remove_outputs()
    [file] = [path for path in Path(".resume").rglob("*") if str(path).endswith(name)]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    content = {"cut": data[: len(data) // 2], "flipped": data, "empty": b"", "garbage": b"no" * 99}
    file.unlink() if damage == "gone" else file.write_bytes(content[damage])
    capsys.readouterr()
    train(p)
    told = capsys.readouterr()
    assert "resuming" not in told.out
    if (name, damage) != ("state.pt", "gone"):
        assert f"{file} does not match its checksum: the training starts at step 0" in told.err
    assert outputs() == files


SETTINGS = [
    {"train.lr": 0.001},
    {"train.seed": 1},
    {"train.snapshots": 10},
    {"pair.crop": "top"},
]


@pytest.mark.parametrize("changes", SETTINGS)
def test_a_changed_parameter_starts_at_step_0(tiny, train, monkeypatch, capsys, changes: dict):
    files, _ = undisturbed(train, tiny(changes))
    kill(monkeypatch, train, tiny(), step=7)
    train(tiny(changes))
    assert "resuming" not in capsys.readouterr().out
    assert outputs() == files


def test_a_training_resumes_with_other_checkpoints(tiny, train, monkeypatch, capsys):
    files, _ = undisturbed(train, tiny())
    kill(monkeypatch, train, tiny(), step=7)
    train(tiny({"train.checkpoint_every": 3}))
    assert "resuming from step 5" in capsys.readouterr().out
    for name in (WEIGHTS, "history.csv"):
        assert outputs()[name] == files[name]


def test_changed_pictures_start_at_step_0(tiny, train, sides, monkeypatch, capsys):
    p = tiny()
    kill(monkeypatch, train, p, step=7)
    pairs, val = sides(p)
    pairs.photo[4, 0, 0, 0] ^= 1
    loop.train(p, pairs, val, Path("model"), Path())
    assert "resuming" not in capsys.readouterr().out


def test_no_sample_sheet_shows_earlier_validation_pictures(tiny, sides, monkeypatch):
    p = tiny()
    pairs, before = sides(p)
    now = replace(
        before, photo=before.photo[::-1], gray=before.gray[::-1], canny=before.canny[::-1]
    )

    def run(val: Pairs) -> None:
        loop.train(p, pairs, val, Path("model"), Path())

    run(now)
    files = outputs()
    remove_outputs()
    kill(monkeypatch, lambda _: run(before), p, step=7)
    remove_outputs()
    run(now)
    assert outputs() == files


def test_a_checkpoint_is_addressed_by_parameters_and_data():
    data = [np.arange(8, dtype=np.uint8).reshape(2, 2, 2)]
    folder = checkpoint.directory({"a": 1, "b": 2}, data)
    assert folder == checkpoint.directory({"b": 2, "a": 1}, [array.copy() for array in data])
    assert folder.parent == Path(".resume")
    others = [
        checkpoint.directory({"a": 1, "b": 3}, data),
        checkpoint.directory({"a": 1, "b": 2}, [data[0] + 1]),
        checkpoint.directory({"a": 1, "b": 2}, [data[0].reshape(4, 2)]),
        checkpoint.directory({"a": 1, "b": 2}, data * 2),
    ]
    assert len({folder, *others}) == 5


def take_step(nets: Networks, p: Params) -> None:
    x, real = random_batch()
    fake = nets.generator(x)
    steps.discriminator_step(nets, x, real, fake, p.train)
    steps.generator_step(nets, x, real, fake, p.train)


def test_a_training_resumes_with_another_memory_format(tiny, tmp_path, monkeypatch):
    """As with another share of each batch; torch's fused Adam ignores its means' strides."""
    p = tiny()
    both = []
    for pixels in (0, 10**6):
        monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", pixels)
        both.append(networks(p))
    before, after = both
    strides = [w.stride() for w in before.generator.parameters()]
    assert strides != [w.stride() for w in after.generator.parameters()]
    take_step(before, p)
    state = TrainingState(1, [{"step": 1.0, "d": 0.5}], [{"step": 1, "l1": 0.1}])
    checkpoint.save(tmp_path, before, state)
    assert checkpoint.restore(tmp_path, after, CPU) == state
    for nets in both:
        take_step(nets, p)
    for part in ("generator", "discriminator"):
        ours, theirs = (flat_weights(getattr(nets, part)) for nets in both)
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_a_checkpoint_of_a_training_that_diverges_is_finite(tiny, train):
    # at 300 steps every third loss is logged, and a checkpoint written in between
    with pytest.raises(UserError) as raised:
        train(tiny({"train.lr": 1e30, "train.steps": 300, "train.checkpoint_every": 2}))
    assert "checkpoint" not in str(raised.value) or checkpoints()
    for file in checkpoints():
        network = torch.load(file, weights_only=True)["generator"]
        assert all(torch.isfinite(w).all() for w in network.values())


def test_no_message_names_a_checkpoint_before_the_first(tiny, train):
    with pytest.raises(UserError) as raised:
        train(tiny({"train.lr": 1e30}))
    assert not checkpoints()
    assert "checkpoint" not in str(raised.value)


def test_a_full_disk_is_reported_and_the_last_checkpoint_stays(tiny, train, monkeypatch):
    p = tiny({"train.checkpoint_every": 2})
    files, _ = undisturbed(train, p)
    save, calls = torch.save, []

    def full(state: dict, path: Path) -> None:
        calls.append(path)
        if len(calls) == 3:
            path.write_bytes(b"half a checkpoint")
            raise RuntimeError("[enforce fail at inline_container.cc] . PytorchStreamWriter failed")
        save(state, path)

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(
            UserError, match=r"cannot write \.resume/.*state\.pt: .*previous checkpoint"
        ):
            train(p)
    assert torch.load(checkpoints()[0], weights_only=True)["training"]["step"] == 4
    assert [f for f in Path(".resume").rglob(".*") if f.is_file()] == []
    train(p)
    assert outputs() == files


@pytest.mark.parametrize("limit", [4_000, 12_000, 40_000])
def test_a_file_that_does_not_fit_is_named_and_removed(tiny, train, limit: int):
    """The system itself refuses larger files of this process."""
    p = tiny({"train.checkpoint_every": 2})
    files, _ = undisturbed(train, p)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(UserError, match="cannot write ") as refused:
            train(p)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(refused.value)
    for path in Path("model").rglob("*.safetensors"):
        assert path.read_bytes() == files[str(path)]
    train(p)
    assert outputs() == files


def test_checkpoints_that_others_have_left_for_a_month_are_removed(tiny, train, monkeypatch):
    for changes in ({}, {"train.seed": 1}, {"train.seed": 2}):
        kill(monkeypatch, train, tiny(changes), 6)
    own, fresh, abandoned = (path.parent for path in sorted(checkpoints(), key=os.path.getmtime))
    other = Path(".resume/map/0123456789abcdef01234567/000000.pickle")
    other.parent.mkdir(parents=True)
    other.write_bytes(b"")
    too_old = time.time() - (checkpoint.MAX_AGE_DAYS * 24 + 1) * 3600
    for folder in (own, abandoned, Path(".resume/map")):
        for path in (*folder.rglob("*"), folder):
            os.utime(path, (too_old, too_old))
    kill(monkeypatch, train, tiny(), 1)
    assert {own, fresh} == {path.parent for path in checkpoints()}
    assert other.exists()
