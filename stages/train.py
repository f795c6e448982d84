"""Train a generator on the pairs, once the gate is open."""

from functools import partial
from pathlib import Path

from src import arrays, params, processes
from src.errors import reported
from src.files import write_json
from src.params import Params
from src.processes import World
from src.train import loop


def work(p: Params, world: World) -> None:
    pairs = Path("data/pairs")
    metrics = loop.train(
        p,
        arrays.load(pairs, "train"),
        arrays.load(pairs, "val"),
        Path("data/model"),
        Path("metrics/history.csv"),
        world,
    )
    world.first_alone(write_json, Path("metrics/train.json"), metrics)


def main() -> None:
    p = params.read()
    processes.run(partial(work, p), "stages.train", p.train.processes, p.train.device)


if __name__ == "__main__":
    with reported("train"):
        main()
