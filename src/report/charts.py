"""Charts as inline SVG: axes with round ticks, and one scale for all that a chart shows."""

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Series = dict[str, list[tuple[float, float]]]  # by name: points (step, value)
Guides = Mapping[str, float]  # by name: a value at which a dashed line stands

# in units of the SVG's view box
WIDTH, PLOT_HEIGHT = 420, 150
LEFT, RIGHT = 70, 24  # of the plot: labels of the y axis, half a label of the x axis
BOTTOM = 50  # below the plot: labels of the x axis, and its name
LINE_HEIGHT = 18  # of the legend above the plot
KEY_WIDTH = 24  # of a line in the legend
TICKS = 5  # steps of an axis, about
EQUAL = 1e-9  # two values are, up to this share of them
BINS = 40


@dataclass(frozen=True)
class Axis:
    """A scale between round numbers.

    Attributes:
        ticks: The numbers that are labelled, from one end to the other.
        start: Where the first stands in the view box.
        end: Where the last stands.
    """

    ticks: list[float]
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a value stands in the view box; one outside stands at that end."""
        low, high = self.ticks[0], self.ticks[-1]
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Return whether a value is between the ends."""
        return self.ticks[0] <= value <= self.ticks[-1]


def curves(
    series: Series,
    bounds: tuple[float, float] | None = None,
    guides: Guides | None = None,
) -> str:
    """Draw curves over training steps on one scale.

    Args:
        series: What is drawn; a curve without points keeps its colour, and is not drawn.
        bounds: Values between which the scale reaches at least.
        guides: Horizontal lines; one beyond the scale is left out.

    Returns:
        An svg element; "" if there are no points.
    """
    points = [point for curve in series.values() for point in curve]
    if not points:
        return ""
    x = _axis([step for step, _ in points], LEFT, WIDTH - RIGHT)
    drawn = {
        f"c{number}": (name, curve) for number, (name, curve) in enumerate(series.items()) if curve
    }
    value_axis = _axis([value for _, value in points] + list(bounds or ()), 0, 1)
    shown = {name: value for name, value in (guides or {}).items() if value_axis.holds(value)}
    top = LINE_HEIGHT * (len(drawn) + len(shown)) + LINE_HEIGHT / 2
    y = Axis(value_axis.ticks, top + PLOT_HEIGHT, top)
    parts = _axes(x, y, "step")
    for color, (_, curve) in drawn.items():
        # the first point twice: a line of one point is drawn too
        path = " ".join(f"{x.at(step):.1f},{y.at(value):.1f}" for step, value in curve[:1] + curve)
        parts.append(f'<polyline class="{color}" points="{path}"/>')
    keys = {color: f"{name}, last {curve[-1][1]:.4g}" for color, (name, curve) in drawn.items()}
    for number, (name, value) in enumerate(shown.items()):
        ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(value):.1f}" y2="{y.at(value):.1f}"'
        parts.append(f'<line class="g{number}" {ends}/>')
        keys[f"g{number}"] = f"{name} {value:.4g}"
    return _svg(parts, keys, top, f"{', '.join(series)} over training steps")


def histogram(
    values: Sequence[float],
    guides: Guides,
    title: str,
    x_label: str,
    bounds: tuple[float, float] | None = None,
) -> str:
    """Draw how many values fall into each of BINS equal parts of a scale.

    Args:
        values: What is counted; a value beyond `bounds` counts in the bin at that end.
        guides: Vertical lines.
        title: What the chart shows, for screen readers.
        x_label: What the values are.
        bounds: The ends of the scale; None: those of values and guides.
    """
    x = _axis(bounds or [*values, *guides.values()], LEFT, WIDTH - RIGHT)
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, int((x.at(value) - LEFT) / (x.end - LEFT) * BINS + EQUAL))] += 1
    top = LINE_HEIGHT * len(guides) + LINE_HEIGHT / 2
    y = _axis([0, max(1, *counts)], top + PLOT_HEIGHT, top, least_step=1)
    bin_width = (x.end - x.start) / BINS
    parts = _axes(x, y, x_label)
    for number, count in enumerate(counts):
        if count:
            place = f'x="{LEFT + number * bin_width:.1f}" y="{y.at(count):.1f}"'
            size = f'width="{bin_width - 1:.1f}" height="{y.start - y.at(count):.1f}"'
            parts.append(f'<rect class="c0" {place} {size}><title>{count}</title></rect>')
    for number, value in enumerate(guides.values()):
        ends = f'x1="{x.at(value):.1f}" x2="{x.at(value):.1f}" y1="{y.end}" y2="{y.start}"'
        parts.append(f'<line class="g{number}" {ends}/>')
    names = [f"{name} {value:.4g}" for name, value in guides.items()]
    keys = {f"g{number}": name for number, name in enumerate(names)}
    return _svg(parts, keys, top, title)


def _axis(values: Sequence[float], start: float, end: float, least_step: float = 0) -> Axis:
    """Return an axis that holds all values, with ticks at 1, 2 or 5 times a power of ten."""
    low, high = min(values), max(values)
    if high - low <= EQUAL * max(abs(low), abs(high), EQUAL):
        margin = abs(low) / 2 or 0.5
        low, high = low - margin, high + margin
    rough = max(least_step, (high - low) / TICKS)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - EQUAL))
    first, last = math.floor(low / step + EQUAL), math.ceil(high / step - EQUAL)
    return Axis([number * step for number in range(first, last + 1)], start, end)


def _axes(x: Axis, y: Axis, x_label: str) -> list[str]:
    """Return grid lines with their numbers, and the x axis's name."""
    parts = []
    for tick in y.ticks:
        height = y.at(tick)
        parts.append(
            f'<path class="grid" d="M{x.start} {height:.1f}H{x.end}"/>'
            f'<text text-anchor="end" x="{LEFT - 8}" y="{height + 5:.1f}">{_text(tick)}</text>'
        )
    for tick in x.ticks:
        parts.append(
            f'<path class="grid" d="M{x.at(tick):.1f} {y.start}v4"/>'
            f'<text text-anchor="middle" x="{x.at(tick):.1f}" y="{y.start + 23}">{_text(tick)}</text>'
        )
    middle = (x.start + x.end) / 2
    name = html.escape(x_label)
    parts.append(f'<text text-anchor="middle" x="{middle}" y="{y.start + 43}">{name}</text>')
    return parts


def _text(tick: float) -> str:
    """Return a number in at most eight characters: 1.5e9 instead of 1.5e+09."""
    return re.sub(r"e([+-])0*", lambda match: "e" + match[1].strip("+"), f"{tick:.6g}")


def _svg(parts: list[str], keys: Mapping[str, str], top: float, title: str) -> str:
    """Return the chart with its legend: the text of each line, by the line's class."""
    for number, (kind, text) in enumerate(keys.items()):
        y = LINE_HEIGHT * (number + 1) - 4
        parts.append(
            f'<path class="{kind}" d="M0 {y - 5}h{KEY_WIDTH}"/>'
            f'<text x="{KEY_WIDTH + 6}" y="{y}">{html.escape(text)}</text>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {top + PLOT_HEIGHT + BOTTOM:g}" role="img" '
        f'aria-label="{html.escape(title)}">{"".join(parts)}</svg>'
    )
