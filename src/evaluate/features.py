"""Feature networks that distances between sets of pictures are measured in."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchmetrics.image.fid import NoTrainInceptionV3

from src.dataset.arrays import Shards, content_digest
from src.errors import UserError
from src.model import image_metrics
from src.model.distributed import SINGLE_PROCESS, World
from src.model.image_metrics import to_planes
from src.storage.atomic import atomic_write
from src.storage.fingerprint import fingerprint

CPU = torch.device("cpu")
CACHED = 8  # pictures through Inception at a time, whose feature maps a CPU's caches still hold


class RandomFeatures(nn.Module):
    """A small fixed network of random convolutions: (N, 3, H, W) uint8 → (N, 224) float.

    Three convolutions (4x4, stride 2, ReLU) from a seed; the features are each layer's channel
    means. It sees colour and coarse texture, not content: its distance is no FID and goes by
    its own name.
    """

    name = "fd_random"
    widths = (32, 64, 128)
    num_features = sum(widths)

    def __init__(self, seed: int):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList()
        inside = 3
        for width in self.widths:
            layer = nn.Conv2d(inside, width, 4, 2, 1, bias=False)
            spread = (2 / (16 * inside)) ** 0.5  # He et al. 2015
            layer.weight.data = torch.randn(layer.weight.shape, generator=generator) * spread
            self.layers.append(layer)
            inside = width
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures.float() / 127.5 - 1
        features = []
        for layer in self.layers:
            x = layer(x).relu()
            features.append(x.mean(dim=(2, 3)))
        return torch.cat(features, dim=1)


class InceptionFeatures(nn.Module):
    """The 2048 features of FID's Inception: (N, 3, H, W) uint8 → (N, 2048) float.

    Batch normalisation is folded into the convolutions, which run over channels-last memory:
    half again as fast, with an FID equal to 1e-6. Raises UserError where the file does not fit.
    """

    name = "fid"
    num_features = 2048

    def __init__(self, weights: Path):
        super().__init__()
        try:
            torch.load(weights, weights_only=True)  # refuses code, which the next line would run
            self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights))
        except (
            RuntimeError,
            OSError,
            KeyError,
            ValueError,
            TypeError,
            EOFError,
            UnpicklingError,
        ) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UserError(f"{weights} does not fit the Inception network: {reason}") from None
        self.eval().requires_grad_(False)
        for block in self.network.modules():
            if isinstance(getattr(block, "bn", None), nn.BatchNorm2d):
                block.conv, block.bn = fuse_conv_bn_eval(block.conv, block.bn), nn.Identity()
        self.network.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        parts = pictures.split(CACHED) if pictures.device.type == "cpu" else [pictures]
        ordered = [part.contiguous(memory_format=torch.channels_last) for part in parts]
        return torch.cat([self.network(part) for part in ordered])


@dataclass(frozen=True)
class Extractor:
    """Pictures, (N, S, S, 3) uint8, to features, (N, D) float64.

    kept: a folder for the features of pictures that will be asked for again, by their content and
    `weights`, which says what the network is: photographs go through it once. world: the processes
    that deal out the batches of whole sets.
    """

    network: RandomFeatures | InceptionFeatures
    weights: str
    batch_size: int
    kept: Path | None = None
    device: torch.device = CPU
    world: World = SINGLE_PROCESS

    @property
    def name(self) -> str:
        return self.network.name

    def __call__(self, pictures: Shards | np.ndarray, keep: bool = False) -> np.ndarray:
        path = self._cache_file(pictures) if self.kept and keep else None
        # all processes have to go the same way
        if path and all(self.world.map(Path.exists, [path] * self.world.size)):
            with suppress(OSError, ValueError, EOFError):  # a damaged file is made anew
                return np.load(path)
        starts = range(0, len(pictures), self.batch_size)
        parts = self.world.map(lambda s: self.batch(pictures[s : s + self.batch_size]), starts)
        found = np.concatenate(parts)
        if path:
            with atomic_write(path) as temporary, temporary.open("wb") as file:
                np.save(file, found)
        return found

    def batch(self, pictures: np.ndarray) -> np.ndarray:
        """The same for no more pictures than go through the network at once, in this process."""
        return self.network(to_planes(pictures).to(self.device)).double().cpu().numpy()

    def _cache_file(self, pictures: Shards | np.ndarray) -> Path:
        network = self.weights, self.batch_size, torch.__version__, self.device.type
        code = Path(__file__), image_metrics
        return self.kept / f"{fingerprint(code, *network, content_digest(pictures))}.npy"


def build(
    weights: Path | None,
    seed: int,
    batch_size: int,
    kept: Path | None = None,
    device: torch.device = CPU,
    world: World = SINGLE_PROCESS,
) -> Extractor:
    """Inception from verified weights, or random features where there are none."""
    network, said = RandomFeatures(seed), f"random, seed {seed}"
    if weights is not None:
        with weights.open("rb") as file:
            said = f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
        network = InceptionFeatures(weights)
    return Extractor(network.to(device), said, batch_size, kept, device, world)
