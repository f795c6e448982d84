"""Our training step against the official recipe, in turns in one process.

This file implements the recipe from its published description in plain torch calls. It has 256
pixels, 64 filters, batches of 1 and 4, float32 and plain Adam. Every access decodes a JPEG and
resizes it twice by bicubic interpolation. Both train the same networks. The script prints medians
of paired ratios: loading, learning, both together (a step) and inference. The headline is on the
last line.

    python -m benchmarks.train [--steps 12] [--device cpu]
    python -m benchmarks.train --losses 200       losses after 200 steps, ours in either precision
"""

import argparse
import io
import statistics
import sys
import time
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from tqdm import tqdm

from benchmarks.clean import in_a_process, peak
from src.demo import portraits
from src.errors import exit_on_user_error
from src.imaging.resizing import resize
from src.model import layers
from src.model.device import pick_device, pick_dtype
from src.model.generator import Generator
from src.model.networks import PatchGAN
from src.params import Size, read_params
from src.storage.encoding import encode_jpeg
from src.train import gan
from src.train.batches import Batches
from src.train.steps import discriminator_step, generator_step

SIZE, LOAD, FILTERS, PICTURES = 256, 286, 64, 24
WARM = 3
NETWORK = {
    "ngf": FILTERS,
    "n_downs": 8,
    "upsample": "transposed",
    "norm": "batch",
    "dropout": 0.5,
}


Pair = tuple[torch.Tensor, torch.Tensor]
Losses = dict[str, torch.Tensor]


def config() -> dict[str, Any]:
    """Return the configuration of the generator, the same for both."""
    return {"task": "labels", "output": "rgb", "model": "unet", "network": NETWORK}


def synchronised(device: torch.device) -> float:
    """Return the time in seconds, once the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def of_torch(network: nn.Module) -> nn.Module:
    """Turn the network's layers into torch's own, and return it."""
    for module in network.modules():
        if type(module).__module__ == layers.__name__:
            module.__class__ = type(module).__base__
    return network


class Official:
    """The published recipe: how it loads pictures, and how it learns from them."""

    def __init__(self, files: list[bytes], batch: int, device: torch.device):
        torch.manual_seed(0)
        self.files, self.batch, self.device = files, batch, device
        self.generator = of_torch(Generator(config()).to(device))
        self.discriminator = of_torch(PatchGAN(6, FILTERS, 3).to(device))
        self.adams = [
            torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999))
            for n in (self.generator, self.discriminator)
        ]
        self.rng = np.random.default_rng(0)

    def load(self, number: int) -> Pair:
        pairs = [self._picture(number * self.batch + k) for k in range(self.batch)]
        x, real = (torch.stack(side).to(self.device) for side in zip(*pairs, strict=True))
        return x, real

    def _picture(self, at: int) -> Pair:
        both = Image.open(io.BytesIO(self.files[at % len(self.files)])).convert("RGB")
        halves = [both.crop((0, 0, SIZE, SIZE)), both.crop((SIZE, 0, 2 * SIZE, SIZE))]
        top, left = self.rng.integers(LOAD - SIZE + 1, size=2)
        flip = self.rng.integers(2)
        tensors = []
        for half in halves:
            half = half.resize((LOAD, LOAD), Image.Resampling.BICUBIC)
            half = half.crop((left, top, left + SIZE, top + SIZE))
            half = half.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else half
            tensors.append(torch.from_numpy(np.array(half)).permute(2, 0, 1).float() / 127.5 - 1)
        return tensors[0], tensors[1]

    def learn(self, x: torch.Tensor, real: torch.Tensor) -> Losses:
        on_g, on_d = self.adams
        fake = self.generator(x)
        self.discriminator.requires_grad_(True)
        on_real = self.discriminator(torch.cat([x, real], 1))
        on_fake = self.discriminator(torch.cat([x, fake.detach()], 1))
        loss = F.binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
        loss = (loss + F.binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake))) / 2
        on_d.zero_grad()
        loss.backward()
        on_d.step()
        self.discriminator.requires_grad_(False)
        judged = self.discriminator(torch.cat([x, fake], 1))
        gan = F.binary_cross_entropy_with_logits(judged, torch.ones_like(judged))
        l1 = F.l1_loss(fake, real)
        on_g.zero_grad()
        (gan + 100 * l1).backward()
        on_g.step()
        return {"d": loss.detach(), "g_l1": l1.detach(), "g_gan": gan.detach()}

    def infer(self, x: torch.Tensor) -> torch.Tensor:
        """Return outputs in training mode, as published, without gradients."""
        with torch.no_grad():
            return self.generator(x)


class Ours:
    """Our recipe: it loads and learns as stages.train does."""

    def __init__(self, arrays: np.ndarray, batch: int, device: torch.device, precision: str):
        torch.manual_seed(0)
        p = read_params()
        train = p.train.model_copy(
            update={"lr": 2e-4, "gan_mode": "vanilla", "precision": precision, "batch_size": batch}
        )
        train = train.model_copy(
            update={"discriminator": train.discriminator.model_copy(update={"ndf": FILTERS})}
        )
        self.settings = train
        pair = p.pair.model_copy(update={"crop_size": Size(SIZE, SIZE)})
        p = p.model_copy(update={"train": train, "pair": pair, "task": "labels"})
        self.nets = gan.build(config(), p, device)
        self.batches = Batches(arrays, arrays, Size(SIZE, SIZE), batch, 0, device)
        self.device, self.dtype = device, pick_dtype(precision, device)

    def load(self, number: int) -> Pair:
        return self.batches.get(number)

    def learn(self, x: torch.Tensor, real: torch.Tensor) -> Losses:
        with torch.autocast(
            self.device.type, self.dtype, enabled=self.dtype != torch.float32, cache_enabled=False
        ):
            fake = self.nets.generator(x)
            losses = discriminator_step(self.nets, x, real, fake, self.settings)
            return losses | generator_step(self.nets, x, real, fake, self.settings)

    def infer(self, x: torch.Tensor) -> torch.Tensor:
        self.nets.generator.eval()
        outputs = self.nets.generator.render(x, self.dtype)
        self.nets.generator.train()
        return outputs


def compare(
    official: Official, ours: Ours, rounds: int, device: torch.device
) -> dict[str, list[tuple[float, float]]]:
    """Return pairs of seconds (official, ours) of each round, by part of a step."""
    seconds: dict[str, list[tuple[float, float]]] = {
        "load": [],
        "learn": [],
        "step": [],
        "infer": [],
    }
    for number in range(rounds + WARM):
        taken: dict[str, list[float]] = {name: [] for name in seconds}
        sides = (official, ours) if number % 2 == 0 else (ours, official)
        for side in sides:
            times = [synchronised(device)]
            x, real = side.load(number)
            times.append(synchronised(device))
            side.learn(x, real)
            times.append(synchronised(device))
            side.infer(x)
            times.append(synchronised(device))
            load, learn, infer = np.diff(times)
            for name, value in zip(seconds, (load, learn, load + learn, infer), strict=True):
                taken[name].append(value)
        if number >= WARM:
            for name, pair in taken.items():
                a, b = pair if sides[0] is official else pair[::-1]
                seconds[name].append((a, b))
    return seconds


def losses(arrays: np.ndarray, files: list[bytes], steps: int, device: torch.device) -> None:
    """Train all on the same batches, and print the mean losses of the last tenth of the steps.

    On a CPU the official recipe trains twice, once in a single thread, which adds up sums in another
    order. The difference between the two is the effect of rounding alone.
    """
    threads = torch.get_num_threads()
    sides: dict[str, tuple[Official | Ours, int]] = {
        "official": (Official(files, 1, device), threads),
        "ours in fp32": (Ours(arrays, 1, device, "fp32"), threads),
        "ours in bf16": (Ours(arrays, 1, device, "bf16"), threads),
    }
    if device.type == "cpu":
        sides["official, one thread"] = (Official(files, 1, device), 1)
    history: dict[str, list[Losses]] = {name: [] for name in sides}
    for number in tqdm(range(steps), "learning", disable=not sys.stderr.isatty()):
        # contiguous and with one seed, so that all have the same dropout
        batch = [side.contiguous() for side in sides["ours in fp32"][0].load(number)]
        for name, (side, own) in sides.items():
            torch.set_num_threads(own)
            torch.manual_seed(number)
            history[name].append(side.learn(*batch))
    for loss in history["official"][0]:
        for name, all_of in history.items():
            value = np.mean([float(one[loss]) for one in all_of[-max(1, steps // 10) :]])
            print(f"after {steps} steps: {loss} {value:.4f} {name}")


def ours_in(device: torch.device) -> str:
    """Return the precision that ours uses on a device."""
    return "bf16" if pick_dtype("auto", device) == torch.bfloat16 else "fp32"


def memory(side: str, batch: int) -> int:
    """Return the peak MB of a few steps of one side. It needs a fresh process."""
    recipe = SIDES[side](batch, torch.device("cpu"))
    for number in range(3):
        recipe.learn(*recipe.load(number))
    return peak()


@cache
def material() -> tuple[list[bytes], np.ndarray]:
    """Return drawn pairs, as side-by-side JPEGs and as one array."""
    faces = [resize(portraits.draw(3, k), SIZE, SIZE) for k in range(PICTURES)]
    files = [encode_jpeg(np.concatenate([face, face], axis=1), 95) for face in faces]
    return files, np.stack([resize(face, LOAD, LOAD) for face in faces])


def official(batch: int, device: torch.device) -> Official:
    return Official(material()[0], batch, device)


def ours(batch: int, device: torch.device) -> Ours:
    return Ours(material()[1], batch, device, ours_in(device))


SIDES = {"official": official, "ours": ours}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument(
        "--steps", type=int, default=12, help="timed steps of each, after 3 to warm up"
    )
    parser.add_argument(
        "--losses", type=int, default=0, help="compare losses after this many steps"
    )
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    arguments = parser.parse_args()
    device = pick_device(arguments.device, "--device")
    threads = f"{torch.get_num_threads()} CPU threads"
    name = torch.cuda.get_device_name() if device.type == "cuda" else threads
    print(f"{name}, torch {torch.__version__}, ours in {ours_in(device)}")
    if arguments.losses:
        files, arrays = material()
        losses(arrays, files, arguments.losses, device)
        return
    headline = []
    for batch in (1, 4):
        both = {name: make(batch, device) for name, make in SIDES.items()}
        seconds = compare(both["official"], both["ours"], arguments.steps, device)
        for what, times in seconds.items():
            theirs, mine = (1000 * statistics.median(t) for t in zip(*times, strict=True))
            ratio = statistics.median(a / b for a, b in times)
            print(
                f"batch {batch}, {what}: official {theirs:.1f} ms, ours {mine:.1f}, ratio {ratio:.2f}"
            )
            headline += [ratio] if what == "step" else []
        if device.type == "cpu":
            peaks = " and ".join(f"{in_a_process(memory, side, batch)} MB {side}" for side in both)
            print(f"batch {batch}, peak memory: {peaks}")
    print(
        f"training step, official / ours: {headline[0]:.2f} at batch 1, {headline[1]:.2f} at batch 4"
    )


if __name__ == "__main__":
    with exit_on_user_error("benchmark"):
        main()
