"""Get the weights behind FID and LPIPS, or record that they could not be had."""

import sys
from pathlib import Path

from src import params
from src.errors import reported
from src.evaluate import weights


def main() -> None:
    p = params.read()
    folder = Path("data/weights")
    print(weights.obtain(p.evaluate, folder), file=sys.stderr)
    print(weights.obtain_lpips(p.evaluate, folder), file=sys.stderr)


if __name__ == "__main__":
    with reported("weights"):
        main()
