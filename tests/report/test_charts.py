"""Charts: every point in the frame, every value counted, well-formed, and safe with any label."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.report import charts

EXAMPLES = settings(max_examples=50, deadline=None)
HOSTILE = '<b>a</b>" onload="alert(1)'
numbers = st.floats(-1e9, 1e9, allow_nan=False)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def points(svg: str) -> list[list[tuple[float, ...]]]:
    """The points of each curve."""
    lines = [line.get("points", "") for line in parsed(svg).iter("polyline")]
    return [[tuple(map(float, point.split(","))) for point in line.split()] for line in lines]


def bars(svg: str) -> list[tuple[float, float, int]]:
    """Left edge, height and count of each bar."""
    return [
        (float(bar.get("x", "")), float(bar.get("height", "")), int(bar.findtext("title", "")))
        for bar in parsed(svg).iter("rect")
    ]


def limit_of(svg: str) -> float:
    [line] = parsed(svg).iter("line")
    assert line.get("x1") == line.get("x2")
    return float(line.get("x1", ""))


def test_a_curve_spans_its_frame():
    svg = charts.curves({"a": [(1, 5.0), (2, 7.0), (3, 6.0)]})
    assert points(svg) == [[(8.0, 172.0), (280.0, 24.0), (552.0, 98.0)]]
    assert "a: 5 to 7" in svg


def test_each_curve_has_its_own_range_label_and_colour():
    svg = charts.curves({"a": [(1, 0.0), (2, 1.0)], "b": [(1, 500.0), (2, 100.0)]})
    first, second = points(svg)
    assert first == [(8.0, 172.0), (552.0, 40.0)]
    assert second == [(8.0, 40.0), (552.0, 172.0)]
    assert [t.text for t in parsed(svg).iter("text")] == ["a: 0 to 1", "b: 100 to 500"]
    for kind in ("polyline", "text"):
        assert [e.get("class") for e in parsed(svg).iter(kind)] == ["c0", "c1"]


def test_labels_stand_above_the_curves():
    svg = charts.curves({name: [(1, 0.0), (2, 1.0)] for name in "abc"})
    lowest_label = max(float(t.get("y", "")) for t in parsed(svg).iter("text"))
    assert min(y for curve in points(svg) for _, y in curve) > lowest_label


@pytest.mark.parametrize("curve", [[(1, 2.0)], [(1, 2.0), (2, 2.0)], [(5, 0.0)]])
def test_a_flat_or_single_point_is_charted(curve):
    [points_of_curve] = points(charts.curves({"a": curve}))
    assert len(points_of_curve) == len(curve)


@EXAMPLES
@given(st.lists(st.lists(numbers, min_size=1, max_size=20), min_size=1, max_size=3))
def test_every_point_is_inside_the_frame(values):
    series = {f"s{number}": list(enumerate(ys)) for number, ys in enumerate(values)}
    curves = points(charts.curves(series))
    assert [len(curve) for curve in curves] == [len(ys) for ys in values]
    for x, y in (point for curve in curves for point in curve):
        assert 0 <= x <= charts.WIDTH
        assert 0 <= y <= charts.HEIGHT


@EXAMPLES
@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0, 1))
def test_every_value_is_counted_inside_the_frame(values, limit):
    svg = charts.histogram(values, limit, "title")
    assert sum(count for *_, count in bars(svg)) == len(values)
    for bar in parsed(svg).iter("rect"):
        x, y, width, height = (float(bar.get(key, "")) for key in ("x", "y", "width", "height"))
        assert 0 <= x < x + width <= charts.WIDTH
        assert 0 <= y < y + height <= charts.HEIGHT
    assert 0 <= limit_of(svg) <= charts.WIDTH


def test_bars_stand_where_their_values_are():
    svg = charts.histogram([0.0, 0.1, 0.1, 0.6, 1.0], 0.5, "title", bins=10)
    edges, _, counts = zip(*bars(svg), strict=True)
    across = charts.WIDTH - 2 * charts.PADDING
    assert edges == pytest.approx([charts.PADDING + x * across for x in (0, 0.1, 0.6, 0.9)])
    assert counts == (1, 2, 1, 1)


def test_bars_are_as_high_as_their_counts():
    heights = [h for _, h, _ in bars(charts.histogram([0.1] * 4 + [0.5] * 2 + [0.9], 1, "title"))]
    assert heights == [heights[0], heights[0] / 2, heights[0] / 4]
    assert heights[0] == charts.HEIGHT - 40


def test_values_outside_are_counted_at_the_ends():
    svg = charts.histogram([-0.3, -1e-9, 1.0, 1.2], 0.9, "title", bins=10)
    first, last = bars(svg)
    assert (first[0], first[2], last[2]) == (charts.PADDING, 2, 2)


def test_the_limit_separates_values_below_from_those_at_it():
    svg = charts.histogram([0.89, 0.9], 0.9, "title", bins=10)
    below, above = (x for x, *_ in bars(svg))
    assert below < limit_of(svg) == above
    assert "limit 0.9" in [t.text for t in parsed(svg).iter("text")]


def test_no_values_are_an_empty_chart():
    assert bars(charts.histogram([], 0.92, "title")) == []


@pytest.mark.parametrize(
    "svg",
    [charts.curves({HOSTILE: [(1, 2.0)]}), charts.histogram([0.5], 0.9, HOSTILE)],
    ids=["curves", "histogram"],
)
def test_names_are_escaped(svg):
    chart = parsed(svg)
    assert HOSTILE in chart.get("aria-label", "")
    assert not [a for e in chart.iter() for a in e.attrib if a.startswith("on")]
    assert list(chart.iter("b")) == []


@pytest.mark.parametrize(
    "svg",
    [charts.curves({"a": [(1, 2.0), (2, 3.0)]}), charts.histogram([0.5], 0.9, "how near")],
    ids=["curves", "histogram"],
)
def test_a_chart_is_a_picture_with_a_name(svg):
    chart = parsed(svg)
    assert chart.get("role") == "img"
    assert chart.get("aria-label")
    assert not re.search(r"nan|inf", svg)


@pytest.mark.parametrize("limit", [0.0, 0.07, 0.5, 0.93, 1.0])
def test_the_label_of_the_limit_is_above_the_bars_and_points_inwards(limit):
    texts = list(parsed(charts.histogram([limit, 0.5], limit, "title")).iter("text"))
    [label] = [text for text in texts if text.text == f"limit {limit:g}"]
    assert float(label.attrib["y"]) <= charts.TOP_MARGIN
    assert all(float(text.attrib["y"]) > charts.TOP_MARGIN for text in texts if text is not label)
    assert label.attrib["text-anchor"] == ("end" if limit > 0.5 else "start")
