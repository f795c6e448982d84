"""The model with its card, in one folder that can be given away."""

from pathlib import Path

from src import params
from src.errors import reported
from src.release import card


def main() -> None:
    card.release(params.read(), Path("data/model"), Path("metrics"), Path("data/release"))


if __name__ == "__main__":
    with reported("release"):
        main()
