"""Get the feature network's weights, or record that they could not be had."""

import sys
from pathlib import Path

from src import params
from src.errors import reported
from src.evaluate import weights


def main() -> None:
    p = params.read()
    print(weights.obtain(p.evaluate, Path("data/weights")), file=sys.stderr)


if __name__ == "__main__":
    with reported("weights"):
        main()
