"""Renders pictures with a generator and scores them batch by batch."""

from collections.abc import Callable, Sized
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from src.dataset.arrays import Pairs, Shards
from src.evaluate.features import Extractor
from src.evaluate.lpips import Lpips
from src.evaluate.scores import per_picture, set_scores, summary
from src.model.distributed import SINGLE_PROCESS, World
from src.model.generator import Generator
from src.model.tensors import to_tensor, to_uint8
from src.params import Evaluate
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_png
from src.storage.slices import slices

Features = tuple[np.ndarray, ...]  # of a set of pictures: (N, D) of each extractor

# Returns the pictures of some positions, (n, H, W, 3) uint8.
RenderSlice = Callable[[slice], np.ndarray]


@dataclass(frozen=True)
class ScoredPictures:
    """What is kept of a set of pictures: their features and `per_picture` scores."""

    features: Features
    table: pd.DataFrame


@dataclass(frozen=True)
class Evaluator:
    """Renders pictures and scores them batch by batch, so that only features and scores stay.

    Attributes:
        extractors: Turn pictures into features. The curve over training is in those of the first.
        settings: The section `evaluate` of params.yaml.
        min_residual: The tone residual (Lab units) below which a picture counts as gray.
        world: The processes that share the batches.
        lpips: Scores LPIPS, or None.
    """

    extractors: tuple[Extractor, ...]
    settings: Evaluate
    min_residual: float
    world: World = SINGLE_PROCESS
    lpips: Lpips | None = None

    def renderer(self, generator: Generator, inputs: Shards | np.ndarray) -> RenderSlice:
        """Return a function that runs the inputs of a slice through the generator."""

        def render(part: slice) -> np.ndarray:
            x = to_tensor(inputs[part]).to(self.extractors[0].device)
            # in float32 on every processor, so that scores compare
            return to_uint8(generator.to(x.device).render(x))

        return render

    def render(self, generator: Generator, inputs: Shards | np.ndarray) -> np.ndarray:
        """Return the generator's pictures of all inputs, (N, H, W, 3) uint8."""
        render = self.renderer(generator, inputs)
        return np.concatenate([render(part) for part in self._batches(inputs)])

    def measure(
        self, render: RenderSlice, pairs: Pairs, folder: Path | None = None
    ) -> ScoredPictures:
        """Score pictures against their targets in `pairs`.

        Each picture is written to `folder`, if there is one, as a PNG file named by its ledger row.
        """
        rows = list(pairs.index["row"])

        def score(part: slice) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
            outputs = render(part)
            if folder:
                for row, picture in zip(rows[part], outputs, strict=True):
                    write_bytes(folder / f"{row:06d}.png", encode_png(picture, level=1))
            targets = pairs.photo[part]
            table = per_picture(outputs, targets, self.min_residual)
            if self.lpips:
                table[self.lpips.name] = self.lpips(outputs, targets)
            # arrays: many small tables would fragment memory to many times their size
            columns = {str(name): np.array(table[name]) for name in table}
            return [extractor.batch(outputs) for extractor in self.extractors], columns

        features, columns = zip(*self.world.map(score, self._batches(pairs)), strict=True)
        joined = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
        set_features = tuple(np.concatenate(batches) for batches in zip(*features, strict=True))
        return ScoredPictures(set_features, pd.DataFrame(joined))

    def output_features(self, render: RenderSlice, pairs: Pairs) -> np.ndarray:
        """Return the first extractor's features of pictures, (N, D), without scoring them."""
        batch = self.extractors[0].batch
        parts = self.world.map(lambda part: batch(render(part)), self._batches(pairs))
        return np.concatenate(parts)

    def photo_features(self, pairs: Pairs) -> Features:
        """Return the features of the targets, which the cache keeps."""
        return tuple(extractor(pairs.photo, cache=True) for extractor in self.extractors)

    def set_scores(self, a: Features, b: Features, paired: bool = True) -> dict[str, float]:
        """Return the `set_scores` of two sets in the features of every extractor."""
        sets = zip(self.extractors, a, b, strict=True)
        scored = [
            set_scores(e.network, features_a, features_b, paired)
            for e, features_a, features_b in sets
        ]
        return {name: score for scores in scored for name, score in scores.items()}

    def scores(self, pictures: ScoredPictures, targets: Features) -> dict[str, float]:
        """Return the scores of a set against its targets, and the means of its pictures' scores."""
        return self.set_scores(pictures.features, targets) | summary(pictures.table)

    def _batches(self, pictures: Sized) -> list[slice]:
        return slices(len(pictures), self.settings.batch_size)
