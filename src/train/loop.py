"""The training loop, read top to bottom."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from src.dataset import inputs
from src.dataset.arrays import Pairs
from src.errors import UserError
from src.model.device import pick_device
from src.model.distributed import SINGLE_PROCESS, World, sync_batch_norms
from src.model.generator import CHANNELS, Generator, network_settings
from src.model.layers import set_memory_format
from src.model.networks import PatchGAN
from src.model.saving import save_generator
from src.params import Canny, Params, Train
from src.storage.atomic import write_text
from src.train import checkpoint, snapshots
from src.train.batches import Batches, Redraw
from src.train.steps import Networks, discriminator_step, generator_step, learning_rate

LOGGED = 100  # rows of the history
PROCESSOR = Path("/proc/cpuinfo")


def train(
    p: Params,
    train_pairs: Pairs,
    val_pairs: Pairs,
    out: Path,
    history_file: Path,
    world: World = SINGLE_PROCESS,
) -> dict:
    """Train a generator and write it to `out`; returns metrics/train.json.

    In several processes each has a part of every batch, and the first of them writes.

    `out` gets generator.safetensors, config.json, per snapshot its weights and a sample sheet,
    and in best/ the snapshot of the best validation score; `history_file` the losses as CSV. A
    killed training goes on from its last checkpoint. Raises UserError where a loss or weight is
    not finite, the disk refuses or memory does not suffice; the last checkpoint is kept.
    """
    with enough_memory(p.train):
        return _train(p, train_pairs, val_pairs, out, history_file, world)


def _train(
    p: Params,
    train_pairs: Pairs,
    val_pairs: Pairs,
    out: Path,
    history_file: Path,
    world: World,
) -> dict:
    t = p.train
    device = pick_device(t.device, "train.device")
    # the first process's choice is that of all, on whatever machines they are
    [dtype] = world.map(lambda precision: pick_dtype(precision, device), [t.precision])
    given = train_pairs.inputs(p.task)
    config = {
        "task": p.task,
        "output": t.output if p.task == "colorize" else "rgb",
        "model": p.model,
        "network": network_settings(
            p.model, getattr(p.models, p.model).model_dump(), p.pair.crop_size
        ),
        "size": p.pair.crop_size,
        "crop": p.pair.crop,
        "canny": p.pair.canny.model_dump(),
    }
    settings = {
        "seed": p.seed,
        "config": config,
        "train": t.model_dump(exclude={"processes"}),
        "device": device.type,
        "dtype": str(dtype),
    }
    shown = [val_pairs.inputs(p.task), val_pairs.photo]  # in the sample sheets
    resume = checkpoint.folder(settings, [given, train_pairs.photo, *shown])
    redraw = redrawing(p.task, p.pair.canny, t)
    photos, size = train_pairs.photo, p.pair.crop_size
    batches = Batches(given, photos, size, t.batch_size, p.seed, device, redraw, world)
    torch.manual_seed(p.seed)
    nets = build(config, p, device, world)
    done, history, scored = restore(nets, resume, device)
    world.wait()  # the first one removes the checkpoint at its end
    world.on_main(checkpoint.restore_snapshots, resume, out)
    looked_at = {t.steps * k // t.snapshots for k in range(1, t.snapshots + 1)}
    log_every = max(1, t.steps // LOGGED)

    bar = tqdm(
        range(done, t.steps),
        "training",
        t.steps,
        initial=done,
        disable=not (world.is_main and sys.stderr.isatty()),
    )
    for step in bar:
        # dropout, a function of the step
        torch.manual_seed((p.seed * 1_000_003 + step) * world.size + world.rank)
        for adam in (nets.generator_adam, nets.discriminator_adam):
            if adam is not None:
                adam.param_groups[0]["lr"] = learning_rate(step, t.steps, t.lr)
        x, real = batches.get(step)
        losses = {}
        judged = nets if step >= t.adversarial_from * t.steps else replace(nets, discriminator=None)
        # without autocast's cache: it would judge G by D's weights from before D's step
        autocast = torch.autocast(
            device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False
        )
        with autocast:
            fake = nets.run(x)
            if judged.discriminator is not None:
                losses |= discriminator_step(judged, x, real, fake, t)
            losses |= generator_step(judged, x, real, fake, t)
        if nets.average is not None:
            nets.follow(t.ema_decay, step)
        done = step + 1
        if done % log_every == 0 or done == t.steps:
            mean = world.mean(torch.stack(list(losses.values())).float())
            values = dict(zip(losses, mean.tolist(), strict=True))
            if not all(np.isfinite(value) for value in values.values()):
                raise not_finite(f"the loss {values}", done, t.lr)
            history.append({"step": float(done), **values})
            bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()})
        if done in looked_at:
            kept, named = checkpoint.snapshot_dir(resume), ("config", snapshots.name(done))
            scored.append(snapshots.take(nets.kept, val_pairs, kept, done, device, world))
            world.on_main(checkpoint.restore_snapshots, resume, out, named)
        if done % t.checkpoint_every == 0 and done < t.steps:
            if not all(w.isfinite().all() for w in nets.generator.parameters()):
                raise not_finite("a weight", done, t.lr)
            world.on_main(checkpoint.save, state_of(nets, done, history, scored), resume)

    if not world.is_main:
        return {}
    save_generator(nets.kept, out)
    best = snapshots.keep_best(scored, t.best_metric, out)
    table = pd.DataFrame(history).astype({"step": int})
    write_text(history_file, table.to_csv(index=False, float_format="%.5f"))
    checkpoint.remove(resume)
    last = table.tail(max(1, len(table) // 10)).mean().dropna()
    return {
        "steps": t.steps,
        "pictures_seen": t.steps * t.batch_size,
        "parameters": {
            "generator": count(nets.generator),
            "discriminator": count(nets.discriminator),
        },
        "final": {name: round(float(last[name]), 4) for name in last.index if name != "step"},
        "best": best,
    }


def redrawing(task: str, canny: Canny, t: Train) -> Redraw | None:
    """How training inputs are drawn anew at each step; None where they are taken as they are."""
    if task != "sketch" or t.edge_jitter == 0:
        return None
    return lambda photo, rng: inputs.to_canny(photo, inputs.jitter_canny(canny, t.edge_jitter, rng))


@contextmanager
def enough_memory(t: Train) -> Iterator[None]:
    """Raises UserError where the block runs out of memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch's own is a RuntimeError, too
        said = ("out of memory", "can't allocate memory")
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in said):
            raise
        message = f"out of memory at train.batch_size = {t.batch_size}: lower it, or pair.crop_size"
        raise UserError(message) from None


def not_finite(what: str, step: int, lr: float) -> UserError:
    """The error of a training that has blown up; a checkpoint made before it is kept."""
    return UserError(f"not finite at step {step} is {what}: lower train.lr (now {lr})")


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """`auto` is bf16 where the processor is faster in it, else float32."""
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_is_fast_in_bf16()
        precision = "bf16" if fast else "fp32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def _cpu_is_fast_in_bf16() -> bool:
    """By AMX, or AVX-512 of AMD: products take half of float32's time; of Intel they take twice.

    Read off and not timed: a training that goes on has to go on in the same numbers.
    """
    can = torch.cpu.get_capabilities()
    amd = "AuthenticAMD" in PROCESSOR.read_text(encoding="utf-8")
    return can.get("amx_bf16", False) or (amd and can.get("avx512_bf16", False))


def build(config: dict, p: Params, device: torch.device, world: World = SINGLE_PROCESS) -> Networks:
    """Fresh networks and their optimisers."""
    t = p.train
    batch, size = t.batch_size // world.size, p.pair.crop_size
    channels = CHANNELS[p.task]
    generator = sync_batch_norms(Generator(config).to(device), world)
    set_memory_format(generator, (batch, channels, size, size))
    average = deepcopy(generator) if t.ema_decay else None
    betas = (t.beta1, t.beta2)
    generator_adam = torch.optim.Adam(generator.parameters(), t.lr, betas, fused=True)
    if t.gan_weight == 0:
        return Networks(generator, None, generator_adam, None, average, world.wrap_ddp(generator))
    smallest = 3 * 2**t.discriminator.n_layers
    if size < smallest:
        raise UserError(
            f"train.discriminator.n_layers = {t.discriminator.n_layers}: pair.crop_size = {size} "
            f"leaves no patch to judge, expected at least {smallest}"
        )
    d = PatchGAN(channels + 3, t.discriminator.ndf, t.discriminator.n_layers)
    d = sync_batch_norms(d.to(device), world)
    set_memory_format(d, (batch, channels + 3, size, size))
    d_adam = torch.optim.Adam(d.parameters(), t.lr, betas, fused=True)
    called = world.wrap_ddp(generator), world.wrap_ddp(d)
    return Networks(generator, d, generator_adam, d_adam, average, *called)


def state_of(nets: Networks, step: int, history: list[dict], scored: list[dict]) -> dict:
    """All that is needed to go on; every random choice is a function of the step."""
    parts = {name: part.state_dict() for name, part in nets.parts.items()}
    return {**parts, "step": step, "history": history, "scored": scored}


def restore(
    nets: Networks, where: Path, device: torch.device
) -> tuple[int, list[dict], list[dict]]:
    """Load a checkpoint into the networks: the steps done, the history, the snapshots' scores."""
    state = checkpoint.load(where, device)
    if state is None:
        return 0, [], []
    for name, part in nets.parts.items():
        part.load_state_dict(state[name])
        if isinstance(part, torch.optim.Adam):
            _lay_as_weights(part)
    print(f"going on from step {state['step']}, kept in {where}")
    return state["step"], state["history"], state["scored"]


def _lay_as_weights(adam: torch.optim.Adam) -> None:
    """Bring means that were loaded into their weights' order, which the share of a batch decides.

    torch's fused Adam is wrong, and says nothing, where they lie otherwise.
    """
    for weight, state in adam.state.items():
        for name in ("exp_avg", "exp_avg_sq"):
            state[name] = torch.empty_like(weight).copy_(state[name])


def count(network: torch.nn.Module | None) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters()) if network is not None else 0
