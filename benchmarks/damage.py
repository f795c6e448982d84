"""How often damage to a cache changes a result: python -m benchmarks.damage [NUMBER]

The script fills a small cache of each kind, and damages copies of it: bits flip, files end early,
change places, or get zeros or more bytes. Then it reads them as a run does. NUMBER damages, 10,000 by
default, are shared among the kinds. It exits with 1 if a result changes silently or a read crashes.
"""

import argparse
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from src.progress import progress_bar
from tests.damage import KINDS, outcomes

# nothing lost; rebuilt, with a line that names the file or without; ended in a line; another result
VERDICTS = ["held", "rebuilt", "rebuilt, untold", "refused", "silent"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    number = arguments.number // len(KINDS)
    counts: dict[str, Counter[str]] = {}
    for name in KINDS:
        bar = partial(progress_bar, total=number, title=name)
        with tempfile.TemporaryDirectory() as folder:
            found = list(outcomes(name, Path(folder), number, arguments.seed, bar))
        counts[name] = Counter(outcome.verdict for outcome in found)
        for outcome in found:
            if outcome.verdict not in VERDICTS or outcome.verdict == "silent":
                print(f"{name}: {outcome.verdict}: {outcome.what}")
    verdicts = [*VERDICTS, *sorted(set().union(*counts.values()) - set(VERDICTS))]
    print("| cache | damages | " + " | ".join(verdicts) + " |")
    print("| --- |" + " ---: |" * (1 + len(verdicts)))
    for name, of_kind in counts.items():
        cells = [str(of_kind[verdict]) for verdict in verdicts]
        print(f"| `{name}` | {of_kind.total()} | " + " | ".join(cells) + " |")
    failed = sum(of_kind[v] for of_kind in counts.values() for v in verdicts[len(VERDICTS) - 1 :])
    print(f"{failed} of {sum(map(Counter.total, counts.values()))} changed a result or crashed")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
