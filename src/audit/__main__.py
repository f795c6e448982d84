"""python -m src.audit list: the checks, what each measures, and what to do when it fails."""

import argparse

from src.audit.checks import CHECKS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m src.audit", description=__doc__)
    parser.add_argument("command", choices=["list"])
    parser.parse_args()
    for check in CHECKS:
        print(f"{check.name}\n    measures  {check.measures}\n    remedy    {check.remedy}")


if __name__ == "__main__":
    main()
