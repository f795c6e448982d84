"""Feature networks, in whose features the distance between two sets of pictures is measured."""

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
from src.storage.slices import slices

CPU = torch.device("cpu")
# Every module that features come from; a test compares them with the imports.
CODE = (Path(__file__), image_metrics)
CPU_BATCH = 8  # pictures through Inception at a time: their feature maps still fit a CPU's caches


class RandomFeatures(nn.Module):
    """A small fixed network of random convolutions: (N, 3, H, W) uint8 → (N, 224) float.

    Three convolutions (4x4, stride 2, ReLU) get their weights from a seed. The features are each
    layer's channel means. The network sees colour and coarse texture, not content, so its distance
    is no FID and has its own name.
    """

    name = "fd_random"
    widths = (32, 64, 128)
    num_features = sum(widths)

    def __init__(self, seed: int):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList()
        channels = 3
        for width in self.widths:
            layer = nn.Conv2d(channels, width, 4, 2, 1, bias=False)
            spread = (2 / (16 * channels)) ** 0.5  # He et al. 2015
            layer.weight.data = torch.randn(layer.weight.shape, generator=generator) * spread
            self.layers.append(layer)
            channels = width
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

    Batch normalisation is folded into the convolutions, which run over channels-last memory. This
    is half again as fast, and changes an FID by less than 1e-6.

    Raises:
        UserError: The file does not hold Inception's weights.
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
        on_cpu = pictures.device.type == "cpu"
        parts = torch.split(pictures, CPU_BATCH) if on_cpu else [pictures]
        ordered = [part.contiguous(memory_format=torch.channels_last) for part in parts]
        return torch.cat([self.network(part) for part in ordered])


@dataclass(frozen=True)
class Extractor:
    """Turns pictures, (N, H, W, 3) uint8, into features, (N, D) float64.

    Attributes:
        network: Computes the features.
        weights: Names the network's weights, for the cache and for people.
        batch_size: Pictures through the network at a time.
        cache_dir: Where features are cached by the pictures' content and the network, or None.
        device: Where the network runs.
        world: The processes that share the batches of a set.
    """

    network: RandomFeatures | InceptionFeatures
    weights: str
    batch_size: int
    cache_dir: Path | None = None
    device: torch.device = CPU
    world: World = SINGLE_PROCESS

    @property
    def name(self) -> str:
        """The name of the Fréchet distance in these features: fid or fd_random."""
        return self.network.name

    def __call__(self, pictures: Shards | np.ndarray, cache: bool = False) -> np.ndarray:
        """Return the pictures' features.

        Args:
            pictures: (N, H, W, 3) uint8.
            cache: Whether to look into the cache, and to write there: for photographs, whose
                features every evaluation needs.
        """
        file = self._cache_file(pictures) if cache else None
        # all processes have to take the same branch
        if file and all(self.world.map(Path.exists, [file] * self.world.size)):
            with suppress(OSError, ValueError, EOFError):  # a damaged file is written again
                cached: np.ndarray = np.load(file)
                return cached
        parts = slices(len(pictures), self.batch_size)
        features = np.concatenate(self.world.map(lambda part: self.batch(pictures[part]), parts))
        if file:
            with atomic_write(file) as temporary, temporary.open("wb") as opened:
                np.save(opened, features)
        return features

    def batch(self, pictures: np.ndarray) -> np.ndarray:
        """Return the features of at most `batch_size` pictures, computed in this process."""
        features: Tensor = self.network(to_planes(pictures).to(self.device))
        return features.double().cpu().numpy()

    def _cache_file(self, pictures: Shards | np.ndarray) -> Path | None:
        if not self.cache_dir:
            return None
        network = self.weights, self.batch_size, torch.__version__, self.device.type
        return self.cache_dir / f"{fingerprint(CODE, *network, content_digest(pictures))}.npy"


def build_extractor(
    weights: Path | None,
    seed: int,
    batch_size: int,
    cache_dir: Path | None = None,
    device: torch.device = CPU,
    world: World = SINGLE_PROCESS,
) -> Extractor:
    """Return the extractor of Inception's features, or of random ones.

    Args:
        weights: Inception's verified file; None: random features.
        seed: Of the random features.
        batch_size: Pictures through the network at a time.
        cache_dir: Where features are cached, or None.
        device: Where the network runs.
        world: The processes that share the batches.

    Raises:
        UserError: The file does not hold Inception's weights.
    """
    if weights is None:
        network: RandomFeatures | InceptionFeatures = RandomFeatures(seed)
        name = f"random, seed {seed}"
    else:
        with weights.open("rb") as file:
            name = f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
        network = InceptionFeatures(weights)
    return Extractor(network.to(device), name, batch_size, cache_dir, device, world)
