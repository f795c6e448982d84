"""Put the model and its card into one folder that can be shared."""

from pathlib import Path

from src.errors import exit_on_user_error
from src.params import read_params
from src.release.release_folder import release


def main() -> None:
    release(read_params(), Path("data"), Path("metrics"), Path("data/release"))


if __name__ == "__main__":
    with exit_on_user_error("release"):
        main()
