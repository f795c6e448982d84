"""Charts as inline SVG."""

import html
from collections.abc import Sequence

Series = dict[str, list[tuple[float, float]]]  # by name: points (step, value)

# in units of the SVG's view box
WIDTH, HEIGHT, PADDING = 560, 180, 8
LINE_HEIGHT = 16  # of a label
AXIS_HEIGHT = 20  # below a histogram
TEXT_GAP = 4  # between its labels and the bottom
TOP_MARGIN = 20  # above a histogram's highest bar


def curves(series: Series) -> str:
    """Draw curves over training steps, each scaled to its own range, which its label states.

    Returns:
        An svg element; "" if there are no series.
    """
    if not series:
        return ""
    parts = []
    top = LINE_HEIGHT * len(series) + PADDING  # the labels are above
    for number, (name, points) in enumerate(series.items()):
        xs, ys = zip(*points, strict=True)
        low, high = min(ys), max(ys)
        x_range, y_range = (xs[-1] - xs[0]) or 1, (high - low) or 1
        path = " ".join(
            f"{PADDING + (x - xs[0]) / x_range * (WIDTH - 2 * PADDING):.1f},"
            f"{HEIGHT - PADDING - (y - low) / y_range * (HEIGHT - PADDING - top):.1f}"
            for x, y in points
        )
        parts.append(f'<polyline class="c{number}" points="{path}"/>')
        parts.append(_label(f"{name}: {low:.4g} to {high:.4g}", number))
    return _svg(parts, f"{', '.join(series)} over training steps")


def histogram(values: Sequence[float], limit: float, title: str, bins: int = 50) -> str:
    """Draw a histogram with a line at `limit`.

    Args:
        values: Each 0…1; a value outside is counted in the bin at that end.
        limit: 0…1.
        title: What the chart shows, for screen readers.
        bins: Number of bars.
    """
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, max(0, int(value * bins)))] += 1
    bin_width = (WIDTH - 2 * PADDING) / bins
    baseline = HEIGHT - AXIS_HEIGHT
    parts = []
    for number, count in enumerate(counts):
        height = (baseline - TOP_MARGIN) * count / max(1, *counts)
        position = f'x="{PADDING + number * bin_width:.1f}" y="{baseline - height:.1f}"'
        if count:
            size = f'width="{bin_width - 1:.1f}" height="{height:.1f}"'
            parts.append(f'<rect class="c0" {position} {size}><title>{count}</title></rect>')
    x = f"{PADDING + limit * (WIDTH - 2 * PADDING):.1f}"
    y = HEIGHT - TEXT_GAP
    # above the bars: below them it would cover a 0 or 1 near by
    anchor, gap = ("end", -TEXT_GAP) if limit > 0.5 else ("start", TEXT_GAP)
    parts.append(f'<line class="limit" x1="{x}" x2="{x}" y1="0" y2="{baseline}"/>')
    parts.append(f'<text x="{PADDING}" y="{y}">0</text>')
    parts.append(f'<text text-anchor="end" x="{WIDTH - PADDING}" y="{y}">1</text>')
    parts.append(
        f'<text text-anchor="{anchor}" dx="{gap}" x="{x}" y="{LINE_HEIGHT}">limit {limit:g}</text>'
    )
    return _svg(parts, title)


def _label(text: str, number: int) -> str:
    y = LINE_HEIGHT * (number + 1)
    return f'<text class="c{number}" x="{PADDING}" y="{y}">{html.escape(text)}</text>'


def _svg(parts: list[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
