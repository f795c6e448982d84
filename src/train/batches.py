"""Training batches: a pure function of seed and step, over uint8 arrays.

A GPU holds the arrays in its own memory if they fit. Else each picture is read from its
memory-mapped file when a batch needs it, so that a set may be larger than memory.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from src.dataset.arrays import Shards, blocks
from src.model.distributed import SINGLE_PROCESS, World
from src.model.tensors import normalise
from src.params import Size

MAX_GPU_SHARE = 0.5  # of a GPU's free memory that pictures may take
Redraw = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Crop(NamedTuple):
    """A window of a picture, perhaps mirrored."""

    picture: int
    top: int
    left: int
    is_flipped: bool


class Batches:
    """Random crops and flips of (input, photo) pairs, the same for both.

    Args:
        inputs: (N, L, M) or (N, L, M, 3) uint8.
        photos: (N, L, M, 3) uint8.
        size: Height H and width W of a crop, at most L and M.
        batch_size: B, pairs of all processes together.
        seed: Of every random choice.
        device: Where the batches go.
        redraw: Computes each input from its cropped photo, (H, W, 3) uint8.
        world: The processes that share each batch.

    Raises:
        UserError: The processes cannot share a batch evenly.
    """

    def __init__(
        self,
        inputs: Shards | np.ndarray,
        photos: Shards | np.ndarray,
        size: Size,
        batch_size: int,
        seed: int,
        device: torch.device,
        *,
        redraw: Redraw | None = None,
        world: World = SINGLE_PROCESS,
    ):
        mapped = isinstance(photos, Shards) and not fits(inputs.nbytes + photos.nbytes, device)
        self.inputs, self.photos = (
            pictures if mapped else load(pictures, device) for pictures in (inputs, photos)
        )
        self.device = device
        self.size = size
        self.batch_size = batch_size
        self.local = range(batch_size)[world.local_slice(batch_size, "train.batch_size")]
        self.seed = seed
        self.redraw = redraw
        self._epoch: tuple[int, list[np.ndarray]] | None = None

    def get(self, step: int) -> tuple[Tensor, Tensor]:
        """Return this process's part of a batch: inputs (b, C, H, W) and photos (b, 3, H, W).

        Both are float in [-1, 1]. Every epoch has each picture once, in another order.
        """
        crops = [self._crop_of(step * self.batch_size + position) for position in self.local]
        photos = self._cut(self.photos, crops)
        if not self.redraw:
            return normalise(self._cut(self.inputs, crops)), normalise(photos)
        rngs = [np.random.default_rng([self.seed, 2, step, position]) for position in self.local]
        inputs = map(self.redraw, photos.cpu().numpy(), rngs)
        redrawn = torch.from_numpy(np.stack(list(inputs))).to(self.device)
        return normalise(redrawn), normalise(photos)

    def _cut(self, pictures: Tensor | Shards | np.ndarray, crops: list[Crop]) -> Tensor:
        windows, (height, width) = [], self.size
        for index, top, left, is_flipped in crops:
            picture = torch.as_tensor(pictures[index])
            window = picture[top : top + height, left : left + width]
            windows.append(window.flip(1) if is_flipped else window)
        return torch.stack(windows).to(self.device)

    def _crop_of(self, draw: int) -> Crop:
        """Return the crop that is picture number `draw` of the training."""
        epoch, position = divmod(draw, len(self.photos))
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = None  # frees the last epoch's columns first
            self._epoch = epoch, self._draw_epoch(epoch)
        picture, top, left, is_flipped = (column[position] for column in self._epoch[1])
        return Crop(int(picture), int(top), int(left), bool(is_flipped))

    def _draw_epoch(self, epoch: int) -> list[np.ndarray]:
        """Return the columns of an epoch's crops, 9 bytes a crop.

        All are drawn at once, because creating a generator for each takes long.
        """
        rng = np.random.default_rng([self.seed, 0, epoch])
        count, loaded = len(self.photos), self.photos.shape[1:3]
        top, left = (
            rng.integers(side - cut + 1, size=count).astype(np.uint16)
            for side, cut in zip(loaded, self.size, strict=True)
        )
        pictures = rng.permutation(count).astype(np.uint32)
        return [pictures, top, left, rng.integers(2, size=count).astype(bool)]


def fits(nbytes: int, device: torch.device) -> bool:
    """Return whether the device is a GPU with room for so large pictures."""
    return device.type == "cuda" and nbytes <= MAX_GPU_SHARE * torch.cuda.mem_get_info(device)[0]


def load(pictures: Shards | np.ndarray, device: torch.device) -> Tensor:
    """Copy pictures into a device's own memory, a block at a time."""
    copy = torch.empty(pictures.shape, dtype=torch.uint8, device=device)
    start = 0
    for block in blocks(pictures):
        copy[start : start + len(block)] = torch.from_numpy(block)
        start += len(block)
    return copy
