"""The progress of long work: a bar on a terminal, a line about once a minute in a log."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

LINE_S = 60.0
LINE = "{desc}: {n_fmt} of {total_fmt} ({percentage:.0f} %), {remaining} left{postfix}"


class _Lines(tqdm):  # type: ignore[type-arg]  # at run time it takes no types
    """A progress bar that writes whole lines."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if not self.disable:
            self.fp.write(f"{msg or self}\n")
            self.fp.flush()


def progress_bar(
    items: Iterable[Any] | None, total: int, title: str, first: int = 0, line_s: float = LINE_S
) -> "tqdm[Any]":
    """Return a progress bar over `items`.

    Args:
        items: What is done, item by item; None if the caller counts.
        total: How many there are.
        title: What is done with them; "" for no bar.
        first: How many of them were done before.
        line_s: Seconds between two lines where there is no terminal. What takes less is silent.
    """
    settings: dict[str, Any] = {"desc": title, "initial": first, "disable": not title}
    if sys.stderr.isatty():
        return tqdm(items, total=total, **settings)
    # tqdm's monitor thread writes a line only for steps that take longer than two lines' time
    settings |= {"delay": line_s, "mininterval": line_s, "maxinterval": 2 * line_s}
    return _Lines(items, total=total, bar_format=LINE, leave=False, **settings)
