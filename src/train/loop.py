"""The training loop, read top to bottom."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from src.dataset import inputs
from src.dataset.arrays import Pairs
from src.errors import UserError, memory_errors_named
from src.model.depth import network_settings
from src.model.device import describe, pick_device, pick_dtype
from src.model.distributed import SINGLE_PROCESS, World
from src.model.saving import save_generator
from src.params import WITHOUT_EFFECT, Params, Train
from src.progress import progress_bar
from src.storage.atomic import write_json
from src.storage.snapshot_names import snapshot_name
from src.train import checkpoint, loggers, snapshots
from src.train.batches import Batches, Redraw
from src.train.gan import build, trainable
from src.train.steps import discriminator_step, generator_step, learning_rate
from src.train.training_metrics import TrainingMetrics

HISTORY_ROWS = 100


def train(
    p: Params,
    train_pairs: Pairs,
    val_pairs: Pairs,
    out: Path,
    metrics: Path,
    world: World = SINGLE_PROCESS,
) -> dict[str, Any]:
    """Train a generator, or resume its training from the last checkpoint.

    Args:
        p: All parameters.
        train_pairs: Larger than the crops, or as large.
        val_pairs: As large as the crops.
        out: Gets generator.safetensors, config.json, computed_on.json, and each snapshot's weights,
            scores and sample sheet.
        metrics: Gets history.csv, progress.csv and train.json, which grow while the training runs.
        world: The processes that train together; the main process writes.

    Returns:
        The content of metrics/train.json; in other processes than the main one an empty dict.

    Raises:
        UserError: A loss, a weight or a picture is not finite, the disk refuses, the memory does
            not suffice, or parameters do not fit together. The last checkpoint stays.
    """
    t = p.train
    remedy = f"lower it, pair.crop_size, models.{p.model}.ngf or train.discriminator.ndf"
    with memory_errors_named(f"train.batch_size = {t.batch_size}", remedy), ExitStack() as stack:
        training = Training(p, train_pairs, val_pairs, out, metrics, world)
        training.open_loggers(stack)
        log_every, with_snapshot = max(1, t.steps // HISTORY_ROWS), snapshot_steps(t)
        done = training.state.step
        for step in training.remaining_steps():
            done = step + 1
            losses = training.step(step)
            is_logged = done % log_every == 0 or done == t.steps
            if is_logged:
                training.log(done, losses)
            if done in with_snapshot:
                training.take_snapshot(done)
            if training.is_stalled():
                if not is_logged:
                    training.log(done, losses)
                break
            if done % t.checkpoint_every == 0 and done < t.steps:
                training.save_checkpoint(done)
        return training.finish(done) if world.is_main else {}


def require_trainable(p: Params, train_pairs: Pairs) -> None:
    """Raise UserError, before any process starts, if the settings do not fit the pairs."""
    pick_device(p.train.device, "train.device")
    generator_config(p)
    train_pairs.inputs(p.task)
    if p.train.batch_size > len(train_pairs):
        raise UserError(
            f"train.batch_size = {p.train.batch_size}: expected at most the {len(train_pairs)} "
            f"training pictures: set it to {len(train_pairs)} or less, or list more pictures"
        )


class Training:
    """One training: its networks, its batches and its state."""

    def __init__(
        self,
        p: Params,
        train_pairs: Pairs,
        val_pairs: Pairs,
        out: Path,
        metrics: Path,
        world: World,
    ) -> None:
        self.p, self.val_pairs, self.out, self.world = p, val_pairs, out, world
        device = pick_device(p.train.device, "train.device")
        # the main process picks for all of them: another machine's might prefer another dtype
        [dtype] = world.map(partial(pick_dtype, device=device), [p.train.precision])
        self.computed_on = describe(device, dtype)
        config = generator_config(p)
        train_arrays = train_pairs.inputs(p.task), train_pairs.photo
        val_arrays = val_pairs.inputs(p.task), val_pairs.photo
        self.batches = Batches(
            *train_arrays,
            p.pair.crop_size,
            p.train.batch_size,
            p.train.seed,
            device,
            redraw=edge_redraw(p),
            world=world,
        )
        settings = {
            "config": config,
            "train": p.train.model_dump(exclude=WITHOUT_EFFECT["train"]),
            "device": device.type,
            "dtype": str(dtype),
        }
        self.folder = checkpoint.directory(settings, [*train_arrays, *val_arrays])
        torch.manual_seed(p.train.seed)
        self.nets = build(config, p, device, world)
        self.state = checkpoint.restore(self.folder, self.nets, device)
        networks = {"generator": self.nets.generator, "discriminator": self.nets.discriminator}
        parameters = {name: count_parameters(network) for name, network in networks.items()}
        self.metrics = TrainingMetrics(metrics, parameters, p.train.batch_size)
        self.loggers: list[loggers.Logger] = []
        world.barrier()  # all have read the checkpoint before the main process may remove it
        snapshot_names = {Path(name).stem for name in self.state.snapshot_sha256}
        world.on_main(checkpoint.restore_snapshots, self.folder, out, snapshot_names)
        world.on_main(checkpoint.remove_abandoned, self.folder)
        # no cache: the generator's loss would see the discriminator's weights before its step
        self.autocast = torch.autocast(
            device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False
        )

    def open_loggers(self, stack: ExitStack) -> None:
        """Start what `train.log` names, until the stack closes."""
        if self.world.is_main:
            self.loggers = loggers.start(self.p.train.log, self.state.step)
            for logger in self.loggers:
                stack.callback(logger.close)

    def remaining_steps(self) -> "tqdm[int]":
        """Return the steps that are left, with a progress bar of the main process."""
        self.first, total = self.state.step, self.p.train.steps
        if self.first:
            self.world.on_main(print, f"resuming from step {self.first} in {self.folder}")
        title = "training" if self.world.is_main else ""
        self.bar = progress_bar(range(self.first, total), total, title, self.first)
        return self.bar

    def step(self, step: int) -> dict[str, Tensor]:
        """Train each network on the batch of this step; return the losses."""
        t, nets, world = self.p.train, self.nets, self.world
        # dropout and augmentation become functions of the step
        torch.manual_seed((t.seed * 1_000_003 + step) * world.size + world.rank)
        nets.set_learning_rate(learning_rate(step, t.steps, t.lr))
        use_discriminator = nets.discriminator is not None and step >= t.adversarial_from * t.steps
        x, real = self.batches.get(step)
        losses: dict[str, Tensor] = {}
        with self.autocast:
            fake = nets.generator_ddp(x)
            if use_discriminator:
                losses |= discriminator_step(nets, x, real, fake, t)
            losses |= generator_step(nets, x, real, fake, t, use_discriminator)
        nets.update_ema(t.ema_decay, step)
        return losses

    def log(self, done: int, losses: dict[str, Tensor]) -> None:
        """Add the losses after `done` steps, the means over all processes, to the history."""
        means = self.world.mean(torch.stack(list(losses.values())).float())
        row = dict(zip(losses, means.tolist(), strict=True))
        if not all(np.isfinite(mean) for mean in row.values()):
            raise not_finite(f"the loss {row}", done, self.p.train.lr)
        self.state.history.append({"step": float(done), **row})
        elapsed = max(self.bar.format_dict["elapsed"], 1e-6)
        rate = (done - self.first) * self.p.train.batch_size / elapsed
        texts = {name: f"{mean:.3f}" for name, mean in row.items()}
        self.bar.set_postfix(texts | {"pictures/s": f"{rate:.0f}"}, refresh=False)
        self.world.on_main(self.metrics.update, done, self.state)
        self._log_values(done, row)

    def _log_values(self, done: int, values: dict[str, float]) -> None:
        for logger in self.loggers:
            logger.log(done, values)

    def take_snapshot(self, done: int) -> None:
        """Write and score a snapshot, beside the checkpoint and in the outputs.

        The last one is of the last step, so the model is always looked at before it is saved.
        """
        self._require_finite(done)
        folder = checkpoint.snapshot_dir(self.folder)
        generator = self.nets.final_generator
        try:
            scores = snapshots.take(generator, self.val_pairs, folder, done, self.world)
        except FloatingPointError as error:
            raise not_finite(str(error), done, self.p.train.lr) from None
        self.state.scores.append(scores)
        stems = ("config", snapshot_name(done))
        self.world.on_main(checkpoint.restore_snapshots, self.folder, self.out, stems)
        val_scores = {f"val_{name}": value for name, value in scores.items() if name != "step"}
        self._log_values(done, val_scores)

    def is_stalled(self) -> bool:
        """Say whether none of the last `train.stop_after` snapshots has improved the L1.

        Those before the discriminator joins do not count: it may cost some L1.
        """
        t, patience = self.p.train, self.p.train.stop_after
        joined = t.joins_at * t.steps
        l1 = [scores["l1"] for scores in self.state.scores if scores["step"] > joined]
        return 0 < patience < len(l1) and min(l1[-patience:]) >= min(l1[:-patience])

    def save_checkpoint(self, done: int) -> None:
        """Write a checkpoint after `done` steps."""
        self._require_finite(done)
        self.state.step = done
        self.world.on_main(checkpoint.save, self.folder, self.nets, self.state)

    def _require_finite(self, done: int) -> None:
        """Raise UserError if a weight, an average of weights or a statistic is not finite."""
        networks = {"a weight": self.nets.generator, "an average of weights": self.nets.ema}
        for name, network in networks.items():
            values = network.state_dict().values() if network is not None else ()
            if not all(value.isfinite().all() for value in values):
                raise not_finite(name, done, self.p.train.lr)

    def finish(self, done: int) -> dict[str, Any]:
        """Write the model and the metrics, remove the checkpoint, and return the metrics."""
        save_generator(self.nets.final_generator, self.out)
        write_json(self.out / "computed_on.json", self.computed_on)
        write_json(self.out / "snapshots" / "scores.json", self.state.scores)
        metrics = self.metrics.write(done, self.state)
        checkpoint.remove(self.folder)
        return metrics


def generator_config(p: Params) -> dict[str, Any]:
    """Return what a generator is built from, and how its pictures were prepared."""
    settings = getattr(p.models, p.model).model_dump()
    return {
        "task": p.task,
        "output": p.train.output if p.task == "colorize" else "rgb",
        "model": p.model,
        "network": network_settings(p.model, settings, p.pair.crop_size),
        "size": p.pair.crop_size.value,
        "crop": p.pair.crop,
        "precision": p.train.precision,
        "canny": p.pair.canny.model_dump() if p.task == "sketch" else {},
    }


def edge_redraw(p: Params) -> Redraw | None:
    """Return what redraws each training input's edges; None if inputs stay as they are."""
    canny, share = p.pair.canny, p.train.edge_jitter
    if p.task != "sketch" or share == 0:
        return None
    return lambda photo, rng: inputs.to_canny(photo, inputs.jitter_canny(canny, share, rng))


def snapshot_steps(t: Train) -> set[int]:
    """Return the numbers of steps after which a snapshot is taken."""
    return {t.steps * k // t.snapshots for k in range(1, t.snapshots + 1)}


def not_finite(value: str, done: int, lr: float) -> UserError:
    """Return the error of a training that has diverged."""
    return UserError(f"{value} is not finite at step {done}: lower train.lr (now {lr})")


def count_parameters(network: torch.nn.Module | None) -> int:
    """Return how many trainable parameters a network has; 0 for None."""
    return sum(w.numel() for w in trainable(network)) if network is not None else 0
