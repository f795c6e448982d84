"""Training batches: a pure function of seed and step, over uint8 arrays held in memory."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from src.generator import normalise

Redraw = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Batches:
    """Random crops and flips of (input, photo) pairs, the same for both.

    inputs: (N, L, L) or (N, L, L, 3) uint8; photos: (N, L, L, 3) uint8; L ≥ size. redraw: makes
    each input anew from its cropped photo, (S, S, 3) uint8.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        photos: np.ndarray,
        size: int,
        batch_size: int,
        seed: int,
        device: torch.device,
        redraw: Redraw | None = None,
    ):
        self.inputs = torch.from_numpy(np.array(inputs)).to(device)
        self.photos = torch.from_numpy(np.array(photos)).to(device)
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.redraw = redraw
        self._order: tuple[int, np.ndarray] | None = None

    def get(self, step: int) -> tuple[Tensor, Tensor]:
        """Batch number `step`: inputs (B, C, S, S) and photos (B, 3, S, S), in [-1, 1].

        Every picture is seen once per epoch, in a new order each time.
        """
        first = step * self.batch_size
        chosen = np.array([self._picture(first + k) for k in range(self.batch_size)])
        rng = np.random.default_rng([self.seed, 1, step])
        room = self.photos.shape[1] - self.size + 1
        top, left = rng.integers(room, size=(2, self.batch_size))
        flipped = rng.integers(2, size=self.batch_size).astype(bool)
        cuts = list(zip(chosen.tolist(), top.tolist(), left.tolist(), flipped, strict=True))
        photos = self._cut(self.photos, cuts)
        if self.redraw:
            drawn = np.stack([self.redraw(photo, rng) for photo in photos.cpu().numpy()])
            return normalise(torch.from_numpy(drawn).to(photos.device)), normalise(photos)
        return normalise(self._cut(self.inputs, cuts)), normalise(photos)

    def _cut(self, pictures: Tensor, cuts: list[tuple[int, int, int, bool]]) -> Tensor:
        made = []
        for at, top, left, flipped in cuts:
            cut = pictures[at, top : top + self.size, left : left + self.size]
            made.append(cut.flip(1) if flipped else cut)
        return torch.stack(made)

    def _picture(self, drawn: int) -> int:
        epoch, place = divmod(drawn, len(self.photos))
        if self._order is None or self._order[0] != epoch:
            order = np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.photos))
            self._order = (epoch, order)
        return int(self._order[1][place])
