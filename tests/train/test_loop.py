"""Training: what it leaves behind, and that a killed run ends as an undisturbed one."""

import copy
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from math import log
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.dataset.inputs import to_canny, to_gray
from src.drawing.sheets import three_channels
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.model import image_metrics
from src.model.device import pick_device
from src.model.generator import network_settings
from src.model.networks import PatchGAN
from src.model.saving import load_generator
from src.model.tensors import to_tensor, to_uint8
from src.pair.pairing import square_crop
from src.params import Canny, Params
from src.train import checkpoint, loop, steps
from stages import train as train_stage
from tests.conftest import ROOT

CPU = torch.device("cpu")
TINY = {
    "pair.crop_size": 32,
    "pair.load_size": 36,
    "models.encdec.ngf": 4,
    "models.encdec.n_downs": 2,
    "models.encdec.n_blocks": 1,
    "models.unet.ngf": 4,
    "train.discriminator.ndf": 4,
    "train.discriminator.n_layers": 1,
    "train.steps": 10,
    "train.batch_size": 2,
    "train.checkpoint_every": 5,
    "train.precision": "fp32",
    "train.adversarial_from": 0.0,
    "train.device": "cpu",
}
# 64 pixels: a smaller U-Net has no level with dropout
UNET = {
    "model": "unet",
    "models.unet.dropout": 0.5,
    "pair.crop_size": 64,
    "pair.load_size": 68,
    "train.snapshots": 2,
}


EVERYTHING = {
    "task": "sketch",
    "train.ema_decay": 0.9,
    "train.adversarial_from": 0.3,
    "train.edge_jitter": 0.5,
    "train.discriminator.augment": ["color", "translation", "cutout"],
}


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


@pytest.fixture
def tiny(changed, monkeypatch, tmp_path: Path) -> Callable[..., Params]:
    """Parameters of a training of a second, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda changes=None: changed(TINY | (changes or {}))


@pytest.fixture
def pairs_of(faces) -> Callable[[Params], tuple[Pairs, Pairs]]:
    """Five training pictures and three of validation, of the size that the parameters ask for."""

    def side(first: int, last: int, size: int) -> Pairs:
        photo = np.stack([square_crop(face, size, "center") for face in faces[first:last]])
        canny = np.stack(
            [
                to_canny(p, Canny(low=60, high=140, aperture=3, blur=3, thresholds="absolute"))
                for p in photo
            ]
        )
        rows = list(range(first, last))
        index = pd.DataFrame({"row": rows, "item_id": "nm", "name": "Zoë"})
        return Pairs(photo, to_gray(photo), canny, photo[:, ::-1], index)

    return lambda p: (side(0, 5, p.pair.load_size), side(5, 8, p.pair.crop_size))


@pytest.fixture
def train(pairs_of) -> Callable[[Params], dict]:
    def run(p: Params) -> dict:
        return loop.train(p, *pairs_of(p), Path("model"), Path("history.csv"))

    return run


def kill(monkeypatch, train: Callable, p: Params, step: int) -> None:
    """Train, and be killed in the middle of step number `step`, counted from this run's first."""
    calls = []

    def dying(*arguments: object) -> dict:
        calls.append(None)
        if len(calls) == step:
            raise Killed
        return steps.generator_step(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr("src.train.loop.generator_step", dying)
        with pytest.raises(Killed):
            train(p)


def written() -> dict[str, bytes]:
    """All that a training leaves behind."""
    files = [*Path("model").rglob("*"), Path("history.csv")]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


def undisturbed(train: Callable, p: Params) -> tuple[dict[str, bytes], dict]:
    metrics = train(p)
    files = written()
    forget()
    return files, metrics


def forget() -> None:
    """Remove the outputs, as DVC does before it runs a stage."""
    shutil.rmtree("model", ignore_errors=True)
    Path("history.csv").unlink(missing_ok=True)


def checkpoints() -> list[Path]:
    return list(Path(".resume").rglob("*.pt"))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "changes",
    [{}, UNET, {"train.gan_weight": 0.0}, EVERYTHING],
    ids=["gan", "unet", "l1", "everything"],
)
def test_a_killed_training_goes_on_to_the_same_end(
    tiny, train, monkeypatch, capsys, changes: dict, precision: str
):
    p = tiny(changes | {"train.precision": precision})
    files, metrics = undisturbed(train, p)
    kill(monkeypatch, train, p, step=7)
    assert checkpoints()
    again = train(p)
    assert "going on from step 5" in capsys.readouterr().out
    assert again == metrics
    for name, content in written().items():
        assert content == files[name], name
    assert written().keys() == files.keys()
    assert not checkpoints()


def test_snapshots_from_before_the_kill_are_there_at_the_end(tiny, train, monkeypatch):
    """DVC removes the outputs of a stage before it runs it again."""
    p = tiny()
    files, _ = undisturbed(train, p)
    kill(monkeypatch, train, p, step=7)
    forget()
    train(p)
    assert sorted(written()) == sorted(files)
    assert written() == files


def test_a_training_may_be_killed_again_and_again(tiny, train, monkeypatch):
    p = tiny({"train.checkpoint_every": 2})
    files, _ = undisturbed(train, p)
    for _ in range(3):
        kill(monkeypatch, train, p, step=4)
    train(p)
    assert written() == files


def test_a_process_that_is_gone_leaves_a_sound_checkpoint(tiny, train, pairs_of, tmp_path, capsys):
    """Not an exception: the process ends between two instructions."""
    p = tiny()
    files, _ = undisturbed(train, p)
    put_for_the_stage(pairs_of(p))
    program = (
        "import os\n"
        "from src.train import checkpoint\n"
        "from stages import train\n"
        "save = checkpoint.save\n"
        "checkpoint.save = lambda *state: (save(*state), os._exit(9))\n"
        "train.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment)
    assert done.returncode == 9
    shutil.copytree("data/model", "model")
    train(p)
    assert "going on from step 5" in capsys.readouterr().out
    assert written() == files


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_sigkill_at_any_moment_changes_nothing_in_the_end(
    tiny, train, pairs_of, monkeypatch, precision: str
):
    """Ten times the process is killed while it trains, wherever it is."""
    short = {"train.steps": 60, "train.checkpoint_every": 1, "train.snapshots": 4}
    p = tiny(short | {"train.precision": precision})
    files, _ = undisturbed(train, p)
    put_for_the_stage(pairs_of(p))
    # one process imports the libraries, and those that train are forked from it
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    forked = get_context("forkserver")
    forked.set_forkserver_preload([__name__, "torch._dynamo", "torchmetrics"])
    rng, killed = np.random.default_rng(0), 0
    for _ in range(10):
        before = {file: file.stat().st_mtime_ns for file in checkpoints()}
        process = forked.Process(target=the_stage, args=(Path.cwd(),))
        process.start()
        while process.is_alive() and not progressed(before):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.join()
        if process.exitcode == 0:  # it was done before it could be killed
            break
        killed += 1
        shutil.rmtree("data/model", ignore_errors=True)  # as DVC does
    assert killed > 2
    last = forked.Process(target=the_stage, args=(Path.cwd(),))
    last.start()
    last.join()
    assert last.exitcode == 0
    shutil.copytree("data/model", "model")
    shutil.copy("metrics/history.csv", "history.csv")
    assert written() == files


def the_stage(folder: Path) -> None:
    """The train stage in `folder`; what it trains on was put there."""
    os.chdir(folder)
    train_stage.main()


def progressed(before: dict[Path, int]) -> bool:
    try:
        return any(file.stat().st_mtime_ns != before.get(file) for file in checkpoints())
    except FileNotFoundError:  # replaced at this very moment
        return False


def put_for_the_stage(sides: tuple[Pairs, Pairs]) -> None:
    """params.yaml and data/pairs, as the train stage finds them."""
    shutil.copy("changed-params.yaml", "params.yaml")
    for side, pairs in zip(("train", "val"), sides, strict=True):
        content = {name: getattr(pairs, name) for name in ("photo", "gray", "canny", "labels")}
        arrays.save(Path("data/pairs"), side, content, pairs.index)


@pytest.mark.parametrize("changes", [{"train.lr": 0.001}, {"seed": 1}, {"pair.crop": "top"}])
def test_a_changed_parameter_starts_afresh(tiny, train, monkeypatch, capsys, changes: dict):
    files, _ = undisturbed(train, tiny(changes))
    kill(monkeypatch, train, tiny(), step=7)
    train(tiny(changes))
    assert "going on" not in capsys.readouterr().out
    assert written() == files


def test_changed_pictures_start_afresh(tiny, train, pairs_of, monkeypatch, capsys):
    p = tiny()
    kill(monkeypatch, train, p, step=7)
    pairs, val = pairs_of(p)
    pairs.photo[4, 0, 0, 0] ^= 1
    loop.train(p, pairs, val, Path("model"), Path("history.csv"))
    assert "going on" not in capsys.readouterr().out


def test_no_sample_sheet_shows_validation_pictures_of_before(tiny, pairs_of, monkeypatch):
    p = tiny()
    pairs, before = pairs_of(p)
    now = Pairs(before.photo[::-1], before.gray[::-1], before.canny[::-1], None, before.index)

    def run(val: Pairs) -> None:
        loop.train(p, pairs, val, Path("model"), Path("history.csv"))

    run(now)
    files = written()
    forget()
    kill(monkeypatch, lambda _: run(before), p, step=7)
    forget()
    run(now)
    assert written() == files


def test_a_checkpoint_is_found_by_parameters_and_data_alone():
    data = [np.arange(8, dtype=np.uint8).reshape(2, 2, 2)]
    here = checkpoint.folder({"a": 1, "b": 2}, data)
    assert here == checkpoint.folder({"b": 2, "a": 1}, [array.copy() for array in data])
    assert here.parent == Path(".resume")
    others = [
        checkpoint.folder({"a": 1, "b": 3}, data),
        checkpoint.folder({"a": 1, "b": 2}, [data[0] + 1]),
        checkpoint.folder({"a": 1, "b": 2}, [data[0].reshape(4, 2)]),
        checkpoint.folder({"a": 1, "b": 2}, data * 2),
    ]
    assert len({here, *others}) == 5


def test_training_twice_gives_equal_files(tiny, train):
    p = tiny()
    files, metrics = undisturbed(train, p)
    assert train(p) == metrics
    assert written() == files


def test_another_seed_gives_another_generator(tiny, train):
    one, _ = undisturbed(train, tiny())
    other, _ = undisturbed(train, tiny({"seed": 1}))
    assert one["model/generator.safetensors"] != other["model/generator.safetensors"]


@pytest.mark.parametrize("changes", [{"train.snapshots": 1}, {"train.checkpoint_every": 1}])
def test_looking_on_does_not_change_the_training(tiny, train, changes: dict):
    one, _ = undisturbed(train, tiny())
    other, _ = undisturbed(train, tiny(changes))
    for name in ("model/generator.safetensors", "history.csv"):
        assert one[name] == other[name]


@pytest.mark.parametrize(
    ("count", "snapshots", "expected"),
    [(10, 5, [2, 4, 6, 8, 10]), (3, 5, [1, 2, 3]), (7, 2, [3, 7]), (4, 1, [4])],
)
def test_snapshots_are_taken_along_the_way(tiny, train, count: int, snapshots: int, expected: list):
    train(tiny({"train.steps": count, "train.snapshots": snapshots}))
    names = [f"step_{step:06d}" for step in expected]
    assert sorted(f.stem for f in Path("model/samples").glob("*.png")) == names
    assert sorted(f.stem for f in Path("model/snapshots").glob("*.safetensors")) == names
    last = Path(f"model/snapshots/{names[-1]}.safetensors")
    assert last.read_bytes() == Path("model/generator.safetensors").read_bytes()


@pytest.mark.parametrize("task", ["colorize", "sketch", "labels"])
def test_a_sample_sheet_shows_input_output_and_target(tiny, train, pairs_of, task: str):
    p = tiny({"task": task, "source": "facades", "train.steps": 3})
    train(p)
    _, val = pairs_of(p)
    sheet = decoding.decode(Path("model/samples/step_000001.png").read_bytes())
    cell = 32 + 4
    assert sheet.shape == (2 * cell + 4, 6 * cell + 4, 3)
    tiles = [sheet[4 + r * cell :, 4 + c * cell :][:32, :32] for r in range(2) for c in range(6)]
    kept = load_generator(Path("model/snapshots"), "step_000001")
    outputs = to_uint8(kept.render(to_tensor(val.inputs(task))))
    for i in range(3):
        np.testing.assert_array_equal(tiles[3 * i], three_channels(val.inputs(task)[i]))
        np.testing.assert_array_equal(tiles[3 * i + 1], outputs[i])
        np.testing.assert_array_equal(tiles[3 * i + 2], val.photo[i])


@pytest.mark.parametrize("model", ["encdec", "unet"])
@pytest.mark.parametrize(
    ("task", "output", "keeps"),
    [("colorize", "chroma", True), ("colorize", "rgb", False), ("sketch", "chroma", False)],
)
def test_the_model_knows_how_it_was_made(
    tiny, train, model: str, task: str, output: str, keeps: bool
):
    p = tiny({"model": model, "task": task, "train.output": output, "train.steps": 2})
    train(p)
    kept = load_generator(Path("model"))
    assert kept.config["task"] == task
    assert kept.config["model"] == model
    assert kept.config["size"] == 32
    assert kept.config["crop"] == p.pair.crop
    assert kept.config["canny"] == p.pair.canny.model_dump()
    assert kept.predicts_chroma == keeps
    assert kept.multiple == {"encdec": 4, "unet": 32}[model]


def test_metrics_are_the_end_of_the_history(tiny, train):
    metrics = train(tiny())
    table = pd.read_csv("history.csv")
    losses = {"d", "d_right_on_real", "d_right_on_fake", "g_l1", "g_gan"}
    assert set(metrics) == {"steps", "pictures_seen", "parameters", "final", "best"}
    assert (metrics["steps"], metrics["pictures_seen"]) == (10, 20)
    assert set(metrics["final"]) == losses
    assert set(table.columns) == {"step", *losses}
    assert list(table["step"]) == list(range(1, 11))
    for name, value in metrics["final"].items():
        assert value == pytest.approx(table[name].iloc[-1], abs=1e-4)
    kept = load_generator(Path("model"))
    assert metrics["parameters"]["generator"] == sum(w.numel() for w in kept.parameters())
    d = PatchGAN(4, 4, 1)
    assert metrics["parameters"]["discriminator"] == sum(w.numel() for w in d.parameters())


@pytest.mark.parametrize(("count", "rows"), [(10, [2, 4, 6, 8, 10]), (11, [2, 4, 6, 8, 10, 11])])
def test_the_history_is_thinned_and_ends_with_the_last_step(
    tiny, train, monkeypatch, count: int, rows: list
):
    monkeypatch.setattr("src.train.loop.LOGGED", 5)
    train(tiny({"train.steps": count}))
    assert list(pd.read_csv("history.csv")["step"]) == rows


def test_without_an_adversarial_loss_there_is_no_discriminator(tiny, train, monkeypatch):
    monkeypatch.setattr("src.train.loop.PatchGAN", None)  # would fail if it were made
    metrics = train(tiny({"train.gan_weight": 0.0}))
    assert metrics["parameters"]["discriminator"] == 0
    assert set(metrics["final"]) == {"g_l1"}
    assert list(pd.read_csv("history.csv").columns) == ["step", "g_l1"]


@pytest.mark.parametrize("model", ["encdec", "unet"])
@pytest.mark.parametrize("output", ["chroma", "rgb"])
def test_two_pictures_are_learnt_by_heart(tiny, pairs_of, model: str, output: str):
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
    pairs, val = pairs_of(p)
    two = Pairs(pairs.photo[:2], pairs.gray[:2], pairs.canny[:2], None, pairs.index[:2])
    loop.train(p, two, val, Path("model"), Path("history.csv"))
    l1 = pd.read_csv("history.csv")["g_l1"]
    assert l1.tail(6).mean() < 0.6 * l1.head(3).mean()


@given(base=st.floats(1e-6, 1), count=st.integers(1, 1000), at=st.integers(0, 999))
@limits(max_examples=60, deadline=None)
def test_the_learning_rate_is_a_function_of_the_step(base: float, count: int, at: int):
    step = at % count
    rate = steps.learning_rate(step, count, base)
    if step <= count / 2:
        assert rate == pytest.approx(base)
    else:
        assert rate == pytest.approx(base * 2 * (count - step) / count)
    assert 0 < rate <= base
    assert steps.learning_rate(count, count, base) == 0


def test_both_optimisers_follow_the_learning_rate(tiny, train, monkeypatch):
    seen = []

    def watched(nets: steps.Networks, *arguments: object) -> dict:
        adams = (nets.generator_adam, nets.discriminator_adam)
        seen.append([adam.param_groups[0]["lr"] for adam in adams])
        return steps.generator_step(nets, *arguments)

    monkeypatch.setattr("src.train.loop.generator_step", watched)
    p = tiny({"train.steps": 4})
    train(p)
    assert seen == [[p.train.lr * share] * 2 for share in (1, 1, 1, 0.5)]


def built(p: Params) -> steps.Networks:
    torch.manual_seed(0)
    network = network_settings("encdec", p.models.encdec.model_dump(), 32)
    config = {"task": "colorize", "output": "chroma", "model": "encdec", "network": network}
    return loop.build(config, p, CPU)


@pytest.fixture
def nets(tiny) -> steps.Networks:
    return built(tiny())


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    x, real = (torch.rand(2, c, 32, 32, generator=rng) * 2 - 1 for c in (1, 3))
    return x, real


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([w.detach().flatten().clone() for w in network.parameters()])


def test_each_step_teaches_its_own_network(nets, tiny):
    x, real = batch()
    fake = nets.generator(x)
    g, d = weights(nets.generator), weights(nets.discriminator)
    steps.discriminator_step(nets, x, real, fake, tiny().train)
    assert torch.equal(weights(nets.generator), g)
    assert not torch.equal(weights(nets.discriminator), d)
    d = weights(nets.discriminator)
    steps.generator_step(nets, x, real, fake, tiny().train)
    assert not torch.equal(weights(nets.generator), g)
    assert torch.equal(weights(nets.discriminator), d)


def taught(nets: steps.Networks, p: Params) -> None:
    x, real = batch()
    fake = nets.generator(x)
    steps.discriminator_step(nets, x, real, fake, p.train)
    steps.generator_step(nets, x, real, fake, p.train)


def test_a_training_goes_on_with_weights_that_lie_otherwise(tiny, tmp_path, monkeypatch):
    """As with another share of each batch; torch's fused Adam does not look how its means lie."""
    p = tiny()
    sides = []
    for few in (0, 10**6):
        monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", few)
        sides.append(built(p))
    before, after = sides
    strides = [w.stride() for w in before.generator.parameters()]
    assert strides != [w.stride() for w in after.generator.parameters()]
    taught(before, p)
    checkpoint.save(loop.state_of(before, 1, [], []), tmp_path)
    loop.restore(after, tmp_path, CPU)
    for nets in sides:
        taught(nets, p)
    for part in ("generator", "discriminator"):
        ours, theirs = (weights(getattr(nets, part)) for nets in sides)
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_of_real_and_fake_add_up_to_those_of_both(nets, tiny, dtype: torch.dtype):
    """Bit by bit: one is made after the other, so that only one's pixels are kept."""
    x, real = batch()
    fake = nets.generator(x).detach()
    own, train = copy.deepcopy(nets.discriminator), tiny().train
    with torch.autocast("cpu", dtype, dtype != torch.float32, cache_enabled=False):
        judged = [own(torch.cat([x, photo], 1)).float() for photo in (real, fake)]
        labels = torch.ones_like(judged[0]), torch.zeros_like(judged[0])
        real_loss, fake_loss = map(F.binary_cross_entropy_with_logits, judged, labels)
        ((real_loss + fake_loss) / 2).backward()
        told = steps.discriminator_step(nets, x, real, fake, train)["d"]
    assert told == ((real_loss + fake_loss) / 2).detach()
    for ours, theirs in zip(nets.discriminator.parameters(), own.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


def test_the_discriminator_learns_to_tell_real_from_fake(nets, tiny):
    x, real = batch()
    fake = nets.generator(x).detach()
    nets.discriminator_adam.param_groups[0]["lr"] = 0.01
    losses = [steps.discriminator_step(nets, x, real, fake, tiny().train) for _ in range(20)]
    assert losses[-1]["d"] < 0.5 * losses[0]["d"]
    assert losses[-1]["d_right_on_real"] > 0.8
    assert losses[-1]["d_right_on_fake"] > 0.8


def test_losses_of_an_undecided_discriminator_are_log_2(nets, tiny):
    for parameter in nets.discriminator.n_layers[-1].parameters():
        torch.nn.init.zeros_(parameter)
    x, real = batch()
    fake = nets.generator(x)
    nets.discriminator_adam.param_groups[0]["lr"] = 0.0
    on_d = steps.discriminator_step(nets, x, real, fake, tiny().train)
    on_g = steps.generator_step(nets, x, real, fake, tiny().train)
    assert on_d["d"].item() == pytest.approx(log(2))  # halved: the mean of both
    assert on_d["d_right_on_real"] == on_d["d_right_on_fake"] == 0
    assert on_g["g_gan"].item() == pytest.approx(log(2))
    assert on_g["g_l1"].item() == pytest.approx((fake - real).abs().mean().item())


@pytest.mark.parametrize(("l1", "gan"), [(0.0, 1.0), (100.0, 0.0), (7.0, 3.0)])
def test_the_losses_are_weighed_as_asked(nets, tiny, l1: float, gan: float):
    x, real = batch()
    with torch.no_grad():
        nets.discriminator(torch.cat([x, real], 1))
    fake = nets.generator(x)
    on_fake = nets.discriminator(torch.cat([x, fake], 1))
    wanted = l1 * (fake - real).abs().mean() + gan * torch.nn.functional.softplus(-on_fake).mean()
    expected = torch.autograd.grad(wanted, list(nets.generator.parameters()), retain_graph=True)
    settings = tiny({"train.l1_weight": l1, "train.gan_weight": gan}).train
    steps.generator_step(nets, x, real, fake, settings)
    for parameter, gradient in zip(nets.generator.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_not_finite_names_the_learning_rate(tiny, train):
    with pytest.raises(UserError, match=r"not finite at step \d+ .*lower train\.lr \(now 1e\+30\)"):
        train(tiny({"train.lr": 1e30}))
    assert not Path("model/generator.safetensors").exists()


def test_a_checkpoint_called_good_is_there_and_good(tiny, train):
    # at 300 steps every third loss is looked at, and a checkpoint made in between
    with pytest.raises(UserError) as raised:
        train(tiny({"train.lr": 1e30, "train.steps": 300, "train.checkpoint_every": 2}))
    assert "checkpoint" not in str(raised.value) or checkpoints()
    for file in checkpoints():
        network = torch.load(file, weights_only=True)["generator"]
        assert all(torch.isfinite(w).all() for w in network.values())


def test_no_checkpoint_is_promised_before_the_first(tiny, train):
    with pytest.raises(UserError) as raised:
        train(tiny({"train.lr": 1e30}))
    assert not checkpoints()
    assert "checkpoint" not in str(raised.value)


def test_a_gpu_that_is_not_there_is_refused(tiny, train, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"train\.device = 'cuda'"):
        train(tiny({"train.device": "cuda"}))
    assert pick_device("auto", "a") == pick_device("cpu", "a") == CPU


@pytest.mark.parametrize(
    ("precision", "expected"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_a_precision_asked_for_is_taken(precision: str, expected: torch.dtype):
    assert loop.pick_dtype(precision, CPU) == expected


@pytest.mark.parametrize(
    ("vendor", "avx512", "amx", "expected"),
    [
        ("AuthenticAMD", True, False, torch.bfloat16),
        ("AuthenticAMD", False, False, torch.float32),
        ("GenuineIntel", True, False, torch.float32),  # twice as slow there
        ("GenuineIntel", True, True, torch.bfloat16),
    ],
)
def test_the_precision_follows_the_processor(
    tmp_path, monkeypatch, vendor: str, avx512: bool, amx: bool, expected: torch.dtype
):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nvendor_id : {vendor}\n", encoding="utf-8")
    monkeypatch.setattr("src.train.loop.PROCESSOR", tmp_path / "cpuinfo")
    can = {"avx512_bf16": avx512, "amx_tile": True, "amx_bf16": amx}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can)
    assert loop.pick_dtype("auto", CPU) == expected


@pytest.mark.parametrize(("norm", "batch_size"), [("instance", 4), ("batch", 1)])
def test_a_bottleneck_too_small_to_normalise_is_refused(tiny, train, norm: str, batch_size: int):
    deep = {"models.encdec.n_downs": 5, "models.encdec.norm": norm, "train.batch_size": batch_size}
    with pytest.raises(UserError, match=r"models\.encdec\.n_downs"):
        train(tiny(deep))


def test_pictures_too_small_for_the_discriminator_are_refused(tiny, train):
    with pytest.raises(UserError, match=r"train\.discriminator\.layers"):
        train(tiny({"pair.crop_size": 16, "pair.load_size": 20, "train.discriminator.n_layers": 3}))


def test_a_task_without_its_inputs_is_refused(tiny, pairs_of):
    p = tiny({"task": "labels", "source": "facades"})
    pairs, val = pairs_of(p)
    bare = Pairs(pairs.photo, pairs.gray, pairs.canny, None, pairs.index)
    with pytest.raises(UserError, match="'labels' needs labels"):
        loop.train(p, bare, val, Path("model"), Path("history.csv"))


def test_the_average_of_the_weights_is_the_model(tiny, train, monkeypatch):
    p, name = tiny({"train.ema_decay": 0.75}), "network.layers.0.weight"
    seen = []

    def watched(nets: steps.Networks, *arguments: object) -> dict:
        if not seen:
            seen.append(nets.generator.state_dict()[name].clone())
        told = steps.generator_step(nets, *arguments)
        seen.append(nets.generator.state_dict()[name].clone())
        return told

    monkeypatch.setattr("src.train.loop.generator_step", watched)
    train(p)
    mean = seen[0]
    for step, now in enumerate(seen[1:]):
        decay = min(0.75, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * now
    kept = load_generator(Path("model")).state_dict()[name]
    torch.testing.assert_close(kept, mean)
    assert not torch.equal(kept, seen[-1])
    last = Path("model/snapshots/step_000010.safetensors")
    assert last.read_bytes() == Path("model/generator.safetensors").read_bytes()


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
    other, _ = undisturbed(train, tiny({"train.discriminator.augment": ["translation"]}))
    assert plain["model/generator.safetensors"] != other["model/generator.safetensors"]


def test_varied_edges_are_for_training_inputs_alone(tiny, train, monkeypatch):
    seen = []

    def watched(nets: steps.Networks, x: torch.Tensor, *arguments: object) -> dict:
        seen.append(x)
        return steps.generator_step(nets, x, *arguments)

    monkeypatch.setattr("src.train.loop.generator_step", watched)
    sketch = {"task": "sketch", "pair.load_size": 32}
    sheets = []
    for share in (0.0, 0.9):
        train(tiny(sketch | {"train.edge_jitter": share}))
        sheets.append(read_photo(Path("model/samples/step_000010.png"))[4:36, 4:36])
    assert not torch.equal(torch.stack(seen[:10]), torch.stack(seen[10:]))
    for x in seen:
        assert set(x.unique().tolist()) <= {-1.0, 1.0}
    np.testing.assert_array_equal(*sheets)  # validation's input stays as it is


def test_varied_edges_leave_other_tasks_alone(tiny, train):
    plain, _ = undisturbed(train, tiny())
    other, _ = undisturbed(train, tiny({"train.edge_jitter": 0.5}))
    name = "model/generator.safetensors"
    assert plain[name] == other[name]


@pytest.mark.parametrize("by", ["l1", "psnr", "ssim"])
def test_the_best_snapshot_is_kept_and_named(tiny, train, pairs_of, by: str):
    p = tiny({"train.best_metric": by, "train.lr": 0.01, "train.steps": 20})
    best = train(p)["best"]
    _, val = pairs_of(p)
    found = {}
    for path in sorted(Path("model/snapshots").glob("*.safetensors")):
        made = load_generator(path.parent, path.stem)
        outputs = to_uint8(made.render(to_tensor(val.gray)))
        scores = image_metrics.scores(outputs, val.photo)
        found[int(path.stem[5:])] = {k: float(v.mean()) for k, v in scores.items()}
    sign = -1 if by == "l1" else 1
    assert best["step"] == max(found, key=lambda step: sign * found[step][by])
    assert best == {"step": best["step"]} | {
        k: pytest.approx(v, abs=1e-4) for k, v in found[best["step"]].items()
    }
    kept = Path(f"model/snapshots/step_{best['step']:06d}.safetensors").read_bytes()
    assert Path("model/best/generator.safetensors").read_bytes() == kept
    assert load_generator(Path("model/best")).config == load_generator(Path("model")).config


def test_a_full_disk_is_said_and_the_last_checkpoint_kept(tiny, train, monkeypatch):
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
        with pytest.raises(UserError, match=r"cannot write \.resume/.*state\.pt: .*one before"):
            train(p)
    assert torch.load(checkpoints()[0], weights_only=True)["step"] == 4
    assert [f for f in Path(".resume").rglob(".*") if f.is_file()] == []
    train(p)
    assert written() == files


@pytest.mark.parametrize("limit", [4_000, 12_000, 40_000])
def test_a_file_that_finds_no_room_is_named_and_not_left(tiny, train, limit: int):
    """The system's own refusal: files of this process may be no larger."""
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
    assert written() == files


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        MemoryError("Unable to allocate 9 GiB for an array"),
    ],
)
def test_too_little_memory_names_the_batch_size(tiny, train, monkeypatch, error: Exception):
    def short(*_: object) -> dict:
        raise error

    monkeypatch.setattr("src.train.loop.generator_step", short)
    with pytest.raises(UserError, match=r"out of memory at train\.batch_size = 2: lower it"):
        train(tiny())


@pytest.mark.parametrize("said", ["shapes cannot be multiplied", "an illegal memory access"])
def test_other_errors_of_torch_are_not_hidden(tiny, train, monkeypatch, said: str):
    def wrong(*_: object) -> dict:
        raise RuntimeError(said)

    monkeypatch.setattr("src.train.loop.generator_step", wrong)
    with pytest.raises(RuntimeError, match=said):
        train(tiny())
