"""Train a generator on the pairs, once the gate is open."""

from pathlib import Path

from src import arrays, params
from src.errors import reported
from src.files import write_json
from src.train import loop


def main() -> None:
    p = params.read()
    pairs = Path("data/pairs")
    metrics = loop.train(
        p,
        arrays.load(pairs, "train"),
        arrays.load(pairs, "val"),
        Path("data/model"),
        Path("metrics/history.csv"),
    )
    write_json(Path("metrics/train.json"), metrics)


if __name__ == "__main__":
    with reported("train"):
        main()
