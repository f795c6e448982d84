"""python -m src.audit list: the checks, what each measures and allows, and what to do about it."""

import argparse

from src import params
from src.audit.checks import CHECKS
from src.errors import reported


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m src.audit", description=__doc__)
    parser.add_argument("command", choices=["list"])
    parser.parse_args()
    limits = params.read().audit.limits
    for check in CHECKS:
        bound = "at least" if check.at_least else "at most"
        print(
            f"{check.name} ({check.severity}, {check.when} training)\n"
            f"    measures  {check.measures}\n"
            f"    allowed   {bound} {check.bound(limits):g} (audit.limits.{check.limit})\n"
            f"    remedy    {check.remedy}"
        )


if __name__ == "__main__":
    with reported("audit"):
        main()
