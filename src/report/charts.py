"""Charts as inline SVG."""

import html
from collections.abc import Sequence

Series = dict[str, list[tuple[float, float]]]

WIDTH, HEIGHT, PAD, LINE = 560, 180, 8, 16


def curves(series: Series) -> str:
    """Curves over training steps, each scaled to its own range, which stands in its label; "" of none."""
    if not series:
        return ""
    parts = []
    top = LINE * len(series) + PAD  # the labels stand above
    for number, (name, points) in enumerate(series.items()):
        xs, ys = zip(*points, strict=True)
        low, high = min(ys), max(ys)
        across, up = (xs[-1] - xs[0]) or 1, (high - low) or 1
        path = " ".join(
            f"{PAD + (x - xs[0]) / across * (WIDTH - 2 * PAD):.1f},"
            f"{HEIGHT - PAD - (y - low) / up * (HEIGHT - PAD - top):.1f}"
            for x, y in points
        )
        parts.append(f'<polyline class="c{number}" points="{path}"/>')
        parts.append(_label(f"{name}: {low:.4g} to {high:.4g}", number))
    return _svg(parts, f"{', '.join(series)} over training steps")


def histogram(values: Sequence[float], limit: float, title: str, bins: int = 50) -> str:
    """How many of `values`, all in 0…1, fall where; a line at `limit`."""
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, max(0, int(value * bins)))] += 1
    wide, tall = (WIDTH - 2 * PAD) / bins, HEIGHT - 40
    parts = []
    for at, count in enumerate(counts):
        high = tall * count / max(1, *counts)
        place = f'x="{PAD + at * wide:.1f}" y="{HEIGHT - 20 - high:.1f}"'
        if count:
            size = f'width="{wide - 1:.1f}" height="{high:.1f}"'
            parts.append(f'<rect class="c0" {place} {size}><title>{count}</title></rect>')
    line = PAD + limit * (WIDTH - 2 * PAD)
    parts.append(f'<line class="limit" x1="{line:.1f}" x2="{line:.1f}" y1="0" y2="{HEIGHT - 20}"/>')
    parts.append(f'<text x="{PAD}" y="{HEIGHT - 4}">0</text>')
    parts.append(f'<text text-anchor="end" x="{WIDTH - PAD}" y="{HEIGHT - 4}">1</text>')
    parts.append(
        f'<text text-anchor="middle" x="{line:.1f}" y="{HEIGHT - 4}">limit {limit:g}</text>'
    )
    return _svg(parts, title)


def _label(text: str, number: int) -> str:
    return f'<text class="c{number}" x="{PAD}" y="{LINE * (number + 1)}">{html.escape(text)}</text>'


def _svg(parts: list[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
