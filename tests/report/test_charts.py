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


def guides(svg: str) -> list[dict[str, float]]:
    """The ends of each dashed line."""
    return [
        {key: float(line.get(key, "")) for key in ("x1", "x2", "y1", "y2")}
        for line in parsed(svg).iter("line")
    ]


def labels(svg: str, anchor: str | None) -> list[str]:
    """The texts that are anchored so: None is the legend, "end" the y axis, "middle" the x axis."""
    texts = parsed(svg).iter("text")
    return [text.text or "" for text in texts if text.get("text-anchor") == anchor]


PLOT_X = (charts.LEFT, charts.WIDTH - charts.RIGHT)


def test_a_curve_reaches_from_the_first_step_to_the_last_on_round_axes():
    svg = charts.curves({"a": [(0, 5.0), (2, 7.0), (4, 6.0)]})
    [curve] = points(svg)
    xs, ys = zip(*curve, strict=True)
    assert (xs[0], xs[-1]) == PLOT_X
    assert max(ys) - min(ys) == pytest.approx(charts.PLOT_HEIGHT)  # 5 to 7 are ticks
    assert labels(svg, "end") == ["5", "5.5", "6", "6.5", "7"]
    assert labels(svg, "middle") == ["0", "1", "2", "3", "4", "step"]


def test_all_curves_of_a_chart_share_one_scale():
    together = charts.curves({"a": [(1, 0.0), (2, 1.0)], "b": [(1, 0.5), (2, 0.25)]})
    (zero, *_, one), (half, *_, quarter) = ([y for _, y in curve] for curve in points(together))
    assert zero - half == pytest.approx((zero - one) / 2, abs=0.2)
    assert zero - quarter == pytest.approx((zero - one) / 4, abs=0.2)
    assert labels(together, "end") == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_the_legend_names_each_curve_with_its_last_value_and_colour():
    svg = charts.curves({"a": [(1, 0.0), (2, 1.0)], "b": [(1, 5.0), (2, 1.0)]})
    assert labels(svg, None) == ["a, last 1", "b, last 1"]
    assert [e.get("class") for e in parsed(svg).iter("polyline")] == ["c0", "c1"]
    keys = [e.get("class") for e in parsed(svg).iter("path") if e.get("class") != "grid"]
    assert keys == ["c0", "c1"]


def test_a_curve_without_points_keeps_its_colour_to_itself():
    svg = charts.curves({"a": [], "b": [(1, 5.0), (2, 1.0)]})
    assert re.findall(r'<polyline class="(\w+)"', svg) == ["c1"]
    assert "a, last" not in svg


def test_the_legend_stands_above_the_curves():
    svg = charts.curves({name: [(1, 0.0), (2, 1.0)] for name in "abc"})
    legend = [t for t in parsed(svg).iter("text") if t.get("text-anchor") is None]
    assert min(y for curve in points(svg) for _, y in curve) > max(
        float(t.get("y", "")) for t in legend
    )


def test_a_scale_reaches_over_its_bounds():
    svg = charts.curves({"a": [(1, 0.4), (2, 0.5)]}, bounds=(0, 1))
    assert labels(svg, "end") == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_a_guide_stands_at_its_value_across_the_plot():
    svg = charts.curves({"a": [(1, 0.0), (2, 1.0)]}, guides={"a guess": 0.5})
    [guide] = guides(svg)
    assert (guide["x1"], guide["x2"]) == PLOT_X
    zero, one = points(svg)[0][0][1], points(svg)[0][-1][1]
    assert guide["y1"] == guide["y2"] == pytest.approx((zero + one) / 2, abs=0.1)
    assert labels(svg, None) == ["a, last 1", "a guess 0.5"]


def test_a_guide_beyond_the_scale_is_left_out():
    svg = charts.curves({"a": [(1, 0.0), (2, 1.0)]}, guides={"input copied": 29.4})
    assert guides(svg) == []
    assert labels(svg, None) == ["a, last 1"]


@pytest.mark.parametrize(
    ("top", "expected"),
    [(1.5e9, ["0", "5e8", "1e9", "1.5e9"]), (4e-7, ["0", "1e-7", "2e-7", "3e-7", "4e-7"])],
)
def test_large_and_small_ticks_are_short(top, expected):
    assert labels(charts.curves({"a": [(1, 0.0), (2, top)]}), "end") == expected


def test_no_points_are_no_chart():
    assert charts.curves({}) == charts.curves({"a": []}) == ""


@pytest.mark.parametrize(
    "curve", [[(1, 2.0)], [(1, 2.0), (2, 2.0)], [(5, 0.0)], [(5, -1e9), (6, -1e9)]]
)
def test_a_flat_or_single_point_is_charted(curve):
    [points_of_curve] = points(charts.curves({"a": curve}))
    assert len(points_of_curve) == 1 + len(curve)  # the first one twice


@EXAMPLES
@given(st.lists(st.lists(numbers, min_size=1, max_size=20), min_size=1, max_size=3))
def test_every_point_is_inside_the_plot_and_ticks_are_few(values):
    series = {f"s{number}": list(enumerate(ys)) for number, ys in enumerate(values)}
    svg = charts.curves(series)
    height = float(parsed(svg).get("viewBox", "").split()[3])
    assert [len(curve) for curve in points(svg)] == [1 + len(ys) for ys in values]
    for x, y in (point for curve in points(svg) for point in curve):
        assert PLOT_X[0] <= x <= PLOT_X[1]
        assert 0 <= y <= height - charts.BOTTOM
    assert 2 <= len(labels(svg, "end")) <= charts.TICKS + 2


@EXAMPLES
@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0, 1))
def test_every_value_is_counted_inside_the_plot(values, limit):
    svg = charts.histogram(values, {"limit": limit}, "title", "x", (0, 1))
    assert sum(count for *_, count in bars(svg)) == len(values)
    for bar in parsed(svg).iter("rect"):
        x, y, width, height = (float(bar.get(key, "")) for key in ("x", "y", "width", "height"))
        assert PLOT_X[0] <= x < x + width <= PLOT_X[1] + 0.1
        assert 0 <= y < y + height <= charts.WIDTH
    assert all(PLOT_X[0] <= guide["x1"] == guide["x2"] <= PLOT_X[1] for guide in guides(svg))


def test_bars_stand_where_their_values_are():
    svg = charts.histogram([0.0, 0.1, 0.1, 0.6, 1.0], {}, "title", "x", (0, 1))
    edges, _, counts = zip(*bars(svg), strict=True)
    across = PLOT_X[1] - PLOT_X[0]
    last = 1 - 1 / charts.BINS
    assert edges == pytest.approx([charts.LEFT + x * across for x in (0, 0.1, 0.6, last)], abs=0.1)
    assert counts == (1, 2, 1, 1)


def test_bars_are_as_high_as_their_counts_and_counts_are_whole():
    svg = charts.histogram([0.1] * 4 + [0.5] * 2 + [0.9], {}, "title", "x", (0, 1))
    heights = [height for _, height, _ in bars(svg)]
    assert heights == [heights[0], heights[0] / 2, heights[0] / 4]
    assert labels(svg, "end") == ["0", "1", "2", "3", "4"]


def test_values_outside_are_counted_at_the_ends():
    svg = charts.histogram([-0.3, -1e-9, 1.0, 1.2], {}, "title", "x", (0, 1))
    first, last = bars(svg)
    assert (first[0], first[2], last[2]) == (charts.LEFT, 2, 2)


def test_a_guide_separates_values_below_from_those_at_it():
    svg = charts.histogram([0.89, 0.9], {"limit": 0.9}, "title", "x", (0, 1))
    below, above = (x for x, *_ in bars(svg))
    [guide] = guides(svg)
    assert below < guide["x1"] == pytest.approx(above, abs=0.1)
    assert labels(svg, None) == ["limit 0.9"]


def test_a_histogram_without_bounds_reaches_over_values_and_guides():
    svg = charts.histogram([20.0, 26.0], {"input copied": 11.0}, "title", "psnr")
    assert labels(svg, "middle") == ["10", "15", "20", "25", "30", "psnr"]
    assert charts.LEFT < guides(svg)[0]["x1"] < min(x for x, *_ in bars(svg))


def test_no_values_are_an_empty_chart():
    assert bars(charts.histogram([], {"limit": 0.92}, "title", "x")) == []


@pytest.mark.parametrize(
    "svg",
    [
        charts.curves({HOSTILE: [(1, 2.0)]}),
        charts.histogram([0.5], {HOSTILE: 0.9}, HOSTILE, HOSTILE),
    ],
    ids=["curves", "histogram"],
)
def test_names_are_escaped(svg):
    chart = parsed(svg)
    assert HOSTILE in chart.get("aria-label", "")
    assert not [a for e in chart.iter() for a in e.attrib if a.startswith("on")]
    assert list(chart.iter("b")) == []


@pytest.mark.parametrize(
    "svg",
    [
        charts.curves({"a": [(1, 2.0), (2, 3.0)]}),
        charts.histogram([0.5], {"limit": 0.9}, "how near", "similarity"),
    ],
    ids=["curves", "histogram"],
)
def test_a_chart_is_a_picture_with_a_name(svg):
    chart = parsed(svg)
    assert chart.get("role") == "img"
    assert chart.get("aria-label")
    assert not re.search(r"nan|inf", svg)
