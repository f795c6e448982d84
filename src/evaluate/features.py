"""Features of pictures, in which two sets are compared: computed in batches, and cached."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from src.dataset.arrays import Shards, content_digest
from src.evaluate.feature_networks import NETWORKS, FeatureNetwork
from src.model.distributed import SINGLE_PROCESS, World
from src.model.image_metrics import to_planes
from src.storage.checksums import checked_read, checked_write, file_sha256
from src.storage.fingerprint import fingerprint, source_files
from src.storage.slices import slices

CPU = torch.device("cpu")
# Every module that features come from; a test compares them with the imports.
CODE = source_files(
    {"evaluate": "feature_networks features", "model": "image_metrics", "weights": "effnet"}
)


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

    network: FeatureNetwork
    weights: str
    batch_size: int
    cache_dir: Path | None = None
    device: torch.device = CPU
    world: World = SINGLE_PROCESS

    def __call__(self, pictures: Shards | np.ndarray, cache: bool = False) -> np.ndarray:
        """Return the features of pictures, (N, H, W, 3) uint8.

        The cache is for photographs, whose features every evaluation needs.
        """
        file = self._cache_file(pictures) if cache else None
        if file:
            instead = "the features are computed again" if self.world.is_main else ""
            content = checked_read(file, instead)
            # all processes have to take the same branch
            in_all = all(self.world.map(lambda _: content is not None, range(self.world.size)))
            if content is not None and in_all:
                cached: np.ndarray = np.load(content)
                return cached
        parts = slices(len(pictures), self.batch_size)
        features = np.concatenate(self.world.map(lambda part: self.batch(pictures[part]), parts))
        if file:
            buffer = BytesIO()  # numpy's own errors of a full disk have no number
            np.save(buffer, features)
            with checked_write(file) as temporary:
                temporary.write_bytes(buffer.getbuffer())
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


def build_extractors(
    folder: Path,
    batch_size: int,
    cache_dir: Path | None = None,
    device: torch.device = CPU,
    world: World = SINGLE_PROCESS,
) -> tuple[Extractor, ...]:
    """Return an extractor for each network whose weights the stage `weights` has put into a folder.

    Raises:
        UserError: A file does not hold its network's weights.
    """
    extractors = []
    for network in NETWORKS:
        if file := network.weights_file(folder):
            name = f"sha256 {file_sha256(file)}"
            built = network(file).to(device)
            extractors.append(Extractor(built, name, batch_size, cache_dir, device, world))
    return tuple(extractors)
