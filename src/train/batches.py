"""Training batches: a pure function of seed and step, over uint8 arrays.

A GPU holds the arrays itself where they fit; else each picture is read from the memory-mapped
files as it is asked for, so that a set may be larger than memory.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from src.dataset.arrays import Shards, blocks
from src.model.distributed import SINGLE_PROCESS, World
from src.model.tensors import normalise

RESIDENT = 0.5  # of a GPU's free memory that pictures may take
Redraw = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Cut = tuple[int, int, int, int]  # which picture, top, left, whether flipped


class Batches:
    """Random crops and flips of (input, photo) pairs, the same for both.

    inputs: (N, L, L) or (N, L, L, 3) uint8; photos: (N, L, L, 3) uint8; L ≥ size. redraw: makes
    each input anew from its cropped photo, (S, S, 3) uint8. world: whose part of each batch is
    given; UserError where it cannot be dealt out evenly.
    """

    def __init__(
        self,
        inputs: Shards | np.ndarray,
        photos: Shards | np.ndarray,
        size: int,
        batch_size: int,
        seed: int,
        device: torch.device,
        redraw: Redraw | None = None,
        world: World = SINGLE_PROCESS,
    ):
        mapped = isinstance(photos, Shards) and not fits(inputs.nbytes + photos.nbytes, device)
        self.inputs, self.photos = (
            pictures if mapped else held(pictures, device) for pictures in (inputs, photos)
        )
        self.device = device
        self.size = size
        self.own = world.local_slice(batch_size, "train.batch_size")
        self.batch_size = batch_size
        self.seed = seed
        self.redraw = redraw
        self._planned: tuple[int, list[np.ndarray]] | None = None

    def get(self, step: int) -> tuple[Tensor, Tensor]:
        """Own part of batch number `step`: inputs (B, C, S, S), photos (B, 3, S, S), in [-1, 1].

        Every picture is seen once per epoch, in a new order each time.
        """
        first = step * self.batch_size
        cuts = [self._cut_of(drawn) for drawn in range(first, first + self.batch_size)[self.own]]
        photos = self._cut(self.photos, cuts)
        if self.redraw:
            own = range(self.batch_size)[self.own]
            rngs = [np.random.default_rng([self.seed, 2, step, place]) for place in own]
            drawn = [self.redraw(*one) for one in zip(photos.cpu().numpy(), rngs, strict=True)]
            return normalise(torch.from_numpy(np.stack(drawn)).to(self.device)), normalise(photos)
        return normalise(self._cut(self.inputs, cuts)), normalise(photos)

    def _cut(self, pictures: Tensor | Shards | np.ndarray, cuts: list[Cut]) -> Tensor:
        made = []
        for at, top, left, flipped in cuts:
            picture = torch.as_tensor(pictures[at])
            cut = picture[top : top + self.size, left : left + self.size]
            made.append(cut.flip(1) if flipped else cut)
        return torch.stack(made).to(self.device)

    def _cut_of(self, drawn: int) -> Cut:
        """What is cut out as picture number `drawn` of the whole training."""
        epoch, place = divmod(drawn, len(self.photos))
        if self._planned is None or self._planned[0] != epoch:
            self._planned = None  # so that no two lie in memory
            self._planned = epoch, self._plan(epoch)
        return tuple(int(column[place]) for column in self._planned[1])

    def _plan(self, epoch: int) -> list[np.ndarray]:
        """The cuts of an epoch, 9 bytes each: drawn at once, as beginning a generator takes long."""
        rng = np.random.default_rng([self.seed, 0, epoch])
        count, room = len(self.photos), self.photos.shape[1] - self.size + 1
        top, left = rng.integers(room, size=(2, count)).astype(np.uint16)
        at = rng.permutation(count).astype(np.uint32)
        return [at, top, left, rng.integers(2, size=count).astype(bool)]


def fits(size: int, device: torch.device) -> bool:
    """Whether so many bytes of pictures are to be held by a GPU."""
    return device.type == "cuda" and size <= RESIDENT * torch.cuda.mem_get_info(device)[0]


def held(pictures: Shards | np.ndarray, device: torch.device) -> Tensor:
    """Pictures in a device's own memory, brought there some at a time."""
    made = torch.empty(pictures.shape, dtype=torch.uint8, device=device)
    at = 0
    for block in blocks(pictures):
        made[at : at + len(block)] = torch.from_numpy(block)
        at += len(block)
    return made
