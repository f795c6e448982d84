"""Train a generator on the pairs, once the gate is open."""

from functools import partial
from pathlib import Path

from src.dataset import arrays
from src.errors import exit_on_user_error
from src.model import distributed
from src.model.distributed import World
from src.params import Params, read_params
from src.train import loop


def work(p: Params, world: World) -> None:
    """Train as one process of `world`."""
    pairs = Path("data/pairs")
    loop.train(
        p,
        arrays.load(pairs, "train"),
        arrays.load(pairs, "val"),
        Path("data/model"),
        Path("metrics"),
        world,
    )


def main() -> None:
    p = read_params()
    loop.require_trainable(p, arrays.load(Path("data/pairs"), "train"))
    distributed.run(partial(work, p), "stages.train", p.train.processes, p.train.device)


if __name__ == "__main__":
    with exit_on_user_error("train"):
        main()
