"""Our FID against torchmetrics' own, on the same pictures with the same Inception network.

The network has random weights of the right shapes, so that the benchmark needs no download. Speed
and agreement do not depend on the weights. torchmetrics gets batches and computes. Ours reads the
features of real pictures from its cache, like every evaluation after the first. Both take turns in
one process. So do EfficientNet-Lite0 as its package has it and as the stage runs it, with one thread.
The headlines are on the last lines.

    python -m benchmarks.evaluate [--pictures 200] [--rounds 2]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3

from src.demo import portraits
from src.errors import exit_on_user_error
from src.evaluate import distances
from src.evaluate.feature_networks import EffnetFeatures, InceptionFeatures
from src.evaluate.features import Extractor
from src.imaging.resizing import resize
from src.model.image_metrics import to_planes
from src.storage.slices import slices
from src.weights import pretrained
from src.weights.effnet import SIDE_PX, load_effnet, prepare

SIZE, BATCH = 128, 32


class Untrained(FeatureExtractorInceptionV3):
    """The network with its random initial weights."""

    def load_state_dict(self, *arguments: object, **named: object) -> None:
        """Do nothing: the constructor always reads a file."""


def weights(folder: Path) -> Path:
    """Write random weights of the right shapes and return their file."""
    torch.save({}, folder / "nothing.pth")
    torch.manual_seed(0)
    network = Untrained("inception-v3-compat", ["2048"], str(folder / "nothing.pth"))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)  # other weights leave no signal at the end
    torch.save(network.state_dict(), folder / "untrained.pth")
    return folder / "untrained.pth"


def seconds(work: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds that the work takes, and its result."""
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value


def effnet_ratio(pictures: np.ndarray, rounds: int) -> float:
    """Print what a picture costs in EfficientNet-Lite0, and return the median ratio of rounds.

    Args:
        pictures: (N, H, W, 3) uint8.
        rounds: In which the package's network and ours take turns.
    """
    plain, ours = load_effnet(), EffnetFeatures(pretrained.effnet_file())
    batches = [to_planes(pictures[part]) for part in slices(len(pictures), BATCH)]

    def theirs(batch: torch.Tensor) -> torch.Tensor:
        resized = F.interpolate(batch.float(), (SIDE_PX, SIDE_PX), mode="bilinear", antialias=True)
        return plain.extract_features(prepare(resized)).mean(dim=(2, 3))

    def run(network: Callable[[torch.Tensor], torch.Tensor]) -> float:
        return float(sum(network(batch).double().sum() for batch in batches))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ratios = []
    with torch.inference_mode():
        run(ours)
        for _ in range(rounds):
            (their_s, _), (our_s, _) = (seconds(partial(run, net)) for net in (theirs, ours))
            ratios.append(their_s / our_s)
            each = [1000 * s / len(pictures) for s in (their_s, our_s)]
            print(f"EfficientNet-Lite0: {each[0]:.1f} ms a picture, ours {each[1]:.1f} ms")
    torch.set_num_threads(threads)
    return statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluate", description=__doc__)
    parser.add_argument("--pictures", type=int, default=200, help="pictures of each side")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    drawn = [portraits.draw(1, k) for k in range(2 * arguments.pictures)]
    both = np.stack([resize(picture, SIZE, SIZE) for picture in drawn])
    real, fake = both[: arguments.pictures], both[arguments.pictures :]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        file = weights(folder)
        plain = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(file))
        features = InceptionFeatures(file)

        def theirs() -> float:
            metric = FrechetInceptionDistance(plain)
            for pictures, is_real in ((real, True), (fake, False)):
                for start in range(0, len(pictures), BATCH):
                    metric.update(to_planes(pictures[start : start + BATCH]), real=is_real)
            return float(metric.compute())

        def ours(cache: Path | None) -> float:
            known, new = (Extractor(features, "untrained", BATCH, k) for k in (cache, None))
            return distances.frechet(new(fake), known(real, cache=True))

        ours(folder / "cache")
        ratios: dict[str, list[float]] = {"first": [], "cached": []}
        for _ in range(arguments.rounds):
            their_s, value = seconds(theirs)
            for name, cache in (("first", None), ("cached", folder / "cache")):
                our_s, our_value = seconds(lambda cache=cache: ours(cache))
                ratios[name].append(their_s / our_s)
                print(
                    f"{name}: torchmetrics {their_s:.1f} s, {value:.6f}; "
                    f"ours {our_s:.1f} s, {our_value:.6f}, "
                    f"relative difference {our_value / value - 1:.1e}"
                )
    first, cached = (statistics.median(r) for r in ratios.values())
    effnet = effnet_ratio(fake, arguments.rounds)
    print(
        f"FID of {arguments.pictures} + {arguments.pictures} pictures, torchmetrics / ours: "
        f"{first:.2f} the first time, {cached:.2f} with cached real features"
    )
    print(f"EfficientNet-Lite0, the package's own / ours: {effnet:.2f}")


if __name__ == "__main__":
    with exit_on_user_error("benchmark"):
        main()
