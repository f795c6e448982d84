"""Whether the scores of a set get worse when its pictures do, on drawn portraits.

Two halves of drawn people stand for photographs. One is distorted and scored against the other, in
the features of every network whose weights are available. The first row is without a distortion:
what sets of that size reach. The table is printed as Markdown.

    python -m benchmarks.distortions [--pictures 200]
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from src.demo import portraits
from src.errors import exit_on_user_error
from src.evaluate import features, scores
from src.evaluate.features import Extractor
from src.evaluate.neighbourhoods import NAMES
from src.imaging.resizing import resize

SIZE = 128
FACE = slice(SIZE // 4, 3 * SIZE // 4)  # rows and columns around the middle


def blurred(pictures: np.ndarray, sigma: float) -> np.ndarray:
    """Return pictures blurred by a Gaussian of `sigma` pixels."""
    return np.stack([cv2.GaussianBlur(picture, (0, 0), sigma) for picture in pictures])


def noisy(pictures: np.ndarray, sigma: float) -> np.ndarray:
    """Return pictures with Gaussian noise of `sigma` levels."""
    noise = np.random.default_rng(0).normal(0, sigma, pictures.shape)
    return (pictures + noise).round().clip(0, 255).astype(np.uint8)


def faded(pictures: np.ndarray, share: float) -> np.ndarray:
    """Return pictures that lost a share of their colour."""
    gray = pictures.mean(axis=3, keepdims=True)
    return (gray + (1 - share) * (pictures - gray)).round().clip(0, 255).astype(np.uint8)


def repeated(pictures: np.ndarray, share: float) -> np.ndarray:
    """Return as many pictures, of a share of the people only."""
    kept = max(1, round(share * len(pictures)))
    return pictures[np.arange(len(pictures)) % kept]


def swapped(pictures: np.ndarray, share: float) -> np.ndarray:
    """Return pictures of which a share has the middle of another one."""
    changed, result = round(share * len(pictures)), pictures.copy()
    result[:changed, FACE, FACE] = np.roll(pictures, 1, axis=0)[:changed, FACE, FACE]
    return result


# What is done, in growing strength.
DISTORTIONS: list[tuple[str, Callable[[np.ndarray, float], np.ndarray], tuple[float, ...]]] = [
    ("blur of σ = {:g}", blurred, (0.5, 1, 2, 4)),
    ("noise of {:g} levels", noisy, (4, 8, 16, 32)),
    ("{:.0%} of the colour lost", faded, (0.25, 0.5, 1)),
    ("{:.1%} of the people, repeated", repeated, (0.5, 0.125, 0.03125)),
    ("{:.0%} with another's face", swapped, (0.25, 0.5, 1)),
]


def row(name: str, scored: dict[str, float], keys: list[str]) -> str:
    """Return a line of the table."""
    cells = [f"{scored[key]:.1f} ± {scored[f'{key}_se']:.1f}" for key in keys[:2]]
    cells += [f"{scored[key]:.2f}" for key in keys[2:]]
    return f"| {' | '.join([name, *cells])} |"


def show(extractor: Extractor, others: np.ndarray, photographs: np.ndarray) -> None:
    """Print the table of a network's scores.

    Args:
        extractor: Turns pictures into features.
        others: Pictures to distort, (N, S, S, 3) uint8.
        photographs: What they are compared with, of the same shape.
    """
    network, targets = extractor.network, extractor(photographs)
    keys = [network.frechet, network.kernel, *(f"{name}_{network.name}" for name in NAMES)]
    print(f"| | {' | '.join(keys)} |\n| --- |{' ---: |' * len(keys)}")
    sets = {"other people": others}
    for name, distort, strengths in DISTORTIONS:
        sets |= {name.format(strength): distort(others, strength) for strength in strengths}
    for name, pictures in sets.items():
        scored = scores.set_scores(network, extractor(pictures), targets, paired=False)
        print(row(name, scored, keys), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distortions", description=__doc__)
    parser.add_argument("--pictures", type=int, default=200, help="pictures of each half")
    count = parser.parse_args().pictures
    drawn = (portraits.draw(1, person) for person in range(2 * count))
    both = np.stack([resize(picture[32:224], SIZE, SIZE) for picture in drawn])
    others, photographs = both[:count], both[count:]
    for extractor in features.build_extractors(Path("data/weights"), 32):
        show(extractor, others, photographs)


if __name__ == "__main__":
    with exit_on_user_error("benchmark"):
        main()
