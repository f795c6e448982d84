"""Get the weights behind FID and LPIPS, or record that they are missing."""

import sys
from pathlib import Path

from src.errors import exit_on_user_error
from src.params import read_params
from src.weights import pretrained


def main() -> None:
    p = read_params()
    folder = Path("data/weights")
    print(pretrained.obtain_inception(p.evaluate, folder), file=sys.stderr)
    print(pretrained.obtain_lpips(p.evaluate, folder), file=sys.stderr)


if __name__ == "__main__":
    with exit_on_user_error("weights"):
        main()
