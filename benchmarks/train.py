"""Our training step against the official recipe, interleaved in one process.

The recipe is written here from its published description in plain torch calls: 256 pixels, 64
filters, batch 1 and 4, float32, Adam without fusing, and for every access a JPEG decoded and
resized twice by bicubic interpolation. Both train the same networks. Prints medians of paired
ratios; the headline is on the last line.

    python -m benchmarks.train [--steps 12] [--device cpu]
"""

import argparse
import io
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from src import generator as gen
from src import images, params
from src.demo import portraits
from src.errors import reported
from src.generator import Generator
from src.networks import PatchGAN
from src.train import loop
from src.train.batches import Batches
from src.train.steps import Networks, discriminator_step, generator_step

SIZE, LOAD, FILTERS, PICTURES = 256, 286, 64, 24
NETWORK = {
    "filters": FILTERS,
    "downs": 8,
    "upsample": "transposed",
    "norm": "batch",
    "dropout": 0.5,
}


def config() -> dict:
    return {"task": "labels", "output": "rgb", "model": "unet", "network": NETWORK}


def synchronised(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def official(files: list[bytes], batch: int, device: torch.device) -> Callable[[int], None]:
    """One step of the published recipe."""
    torch.manual_seed(0)
    generator = Generator(config()).to(device)
    discriminator = PatchGAN(6, FILTERS, 3).to(device)
    adams = [
        torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999), foreach=False)
        for n in (generator, discriminator)
    ]
    rng = np.random.default_rng(0)

    def load(at: int) -> tuple[torch.Tensor, torch.Tensor]:
        both = Image.open(io.BytesIO(files[at % len(files)])).convert("RGB")
        halves = [both.crop((0, 0, SIZE, SIZE)), both.crop((SIZE, 0, 2 * SIZE, SIZE))]
        top, left = rng.integers(LOAD - SIZE + 1, size=2)
        flip = rng.integers(2)
        made = []
        for half in halves:
            half = half.resize((LOAD, LOAD), Image.Resampling.BICUBIC)
            half = half.crop((left, top, left + SIZE, top + SIZE))
            half = half.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else half
            made.append(torch.from_numpy(np.array(half)).permute(2, 0, 1).float() / 127.5 - 1)
        return made[0], made[1]

    def step(number: int) -> None:
        pairs = [load(number * batch + k) for k in range(batch)]
        x, real = (torch.stack(side).to(device) for side in zip(*pairs, strict=True))
        fake = generator(x)
        on_real = discriminator(torch.cat([x, real], 1))
        on_fake = discriminator(torch.cat([x, fake.detach()], 1))
        loss = F.binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
        loss = (loss + F.binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake))) / 2
        adams[1].zero_grad()
        loss.backward()
        adams[1].step()
        judged = discriminator(torch.cat([x, fake], 1))
        loss = F.binary_cross_entropy_with_logits(judged, torch.ones_like(judged))
        loss = loss + 100 * F.l1_loss(fake, real)
        adams[0].zero_grad()
        loss.backward()
        adams[0].step()

    return step


def ours(arrays: np.ndarray, batch: int, device: torch.device) -> Callable[[int], None]:
    """One step as stages.train takes it."""
    torch.manual_seed(0)
    settings = params.read().train
    memory = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    generator = Generator(config()).to(device, memory_format=memory)
    discriminator = PatchGAN(6, FILTERS, 3).to(device, memory_format=memory)
    adams = [
        torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999), fused=True)
        for n in (generator, discriminator)
    ]
    nets = Networks(generator, discriminator, *adams)
    batches = Batches(arrays, arrays, SIZE, batch, 0, device)
    dtype = loop.pick_dtype("auto", device)

    def step(number: int) -> None:
        x, real = batches.get(number)
        with torch.autocast(
            device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False
        ):
            fake = nets.generator(x)
            discriminator_step(nets, x, real, fake, settings)
            generator_step(nets, x, real, fake, settings)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument("--steps", type=int, default=12, help="timed steps of each, after 3 more")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    arguments = parser.parse_args()
    device = gen.pick_device(arguments.device, "--device")
    name = (
        torch.cuda.get_device_name()
        if device.type == "cuda"
        else f"{torch.get_num_threads()} CPU threads"
    )
    print(f"{name}, torch {torch.__version__}, ours in {loop.pick_dtype('auto', device)}")
    faces = [images.resize(portraits.draw(3, k), SIZE, SIZE) for k in range(PICTURES)]
    files = [images.jpeg(np.concatenate([face, face], axis=1), 95) for face in faces]
    arrays = np.stack([images.resize(face, LOAD, LOAD) for face in faces])
    headline = []
    for batch in (1, 4):
        steps = {"official": official(files, batch, device), "ours": ours(arrays, batch, device)}
        wall: dict[str, list[float]] = {name: [] for name in steps}
        for number in range(arguments.steps + 3):
            for name, step in steps.items():
                start = synchronised(device)
                step(number)
                wall[name].append(synchronised(device) - start)
        theirs, mine = (w[3:] for w in wall.values())
        ratio = statistics.median(a / b for a, b in zip(theirs, mine, strict=True))
        headline.append(ratio)
        print(
            f"batch {batch}: official {1000 * statistics.median(theirs):.1f} ms/step, "
            f"ours {1000 * statistics.median(mine):.1f} ms/step "
            f"({batch / statistics.median(mine):.1f} pictures/s), ratio {ratio:.2f}"
        )
    print(
        f"training step, official / ours: {headline[0]:.2f} at batch 1, {headline[1]:.2f} at batch 4"
    )


if __name__ == "__main__":
    with reported("benchmark"):
        main()
