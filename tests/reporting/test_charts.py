"""Charts as SVG: well-formed, to scale, and safe."""

import math
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from ahnpl_cli.reporting.charts import Bar, BarGroup, Series, bar_chart, line_chart


def parsed(chart: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(chart))


def test_a_line_goes_from_its_first_point_to_its_last() -> None:
    figure = parsed(line_chart("loss", [Series("loss", ((0.0, 1.0), (10.0, 0.0)))]))
    (line,) = figure.iter("polyline")
    (x0, y0), (x1, y1) = (map(float, p.split(",")) for p in (line.get("points") or "").split())
    assert x0 < x1
    assert y0 < y1  # SVG's y grows downwards.


def test_a_single_point_is_a_dot_and_nothing_is_nothing() -> None:
    assert len(list(parsed(line_chart("x", [Series("x", ((1.0, 1.0),))])).iter("circle"))) == 1
    assert line_chart("x", []) == ""
    assert line_chart("x", [Series("x", ((1.0, math.nan),))]) == ""


@pytest.mark.parametrize("value", [0.0, 1e-12, 5.0, -3e6, 1e9])
def test_a_flat_line_can_be_drawn(value: float) -> None:
    figure = parsed(line_chart("x", [Series("x", ((0.0, value), (9.0, value)))]))
    assert list(figure.iter("polyline"))


def classed(figure: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """The elements of a class."""
    return [e for e in figure.iter() if name in (e.get("class") or "").split()]


def place(element: ElementTree.Element, side: str) -> float:
    """Where an element lies on the axis, in percent."""
    styles = dict(part.split(":") for part in (element.get("style") or "").split(";"))
    return float(styles[side].removesuffix("%"))


def test_bars_are_as_long_as_their_values() -> None:
    groups = [BarGroup("a", (Bar(50.0), Bar(100.0, 97.0, 100.0)))]
    chart = parsed(bar_chart("t", ("m", "n"), groups))
    assert [place(bar, "width") for bar in classed(chart, "fill")] == [50.0, 100.0]
    (whisker,) = classed(chart, "whisker")
    assert (place(whisker, "left"), place(whisker, "width")) == (97.0, 3.0)


def test_published_values_are_marked_where_they_belong() -> None:
    groups = [
        BarGroup("a", (Bar(50.0),), marks=(0.0, 100.0)),
        BarGroup("b", (Bar(1.0),), (None, 5.0)),
    ]
    chart = parsed(bar_chart("t", ("m",), groups, ("CLIP, published", "AHNPL, published")))
    marks = [mark for lane in classed(chart, "marks") for mark in lane.iter("span")]
    assert [(place(mark, "left"), mark.get("title")) for mark in marks] == [
        (0.0, "0.0"),
        (100.0, "100.0"),
        (5.0, "5.0"),
    ]


def test_each_group_has_a_chance_line_of_its_own() -> None:
    groups = [
        BarGroup("text", (Bar(50.0),), chance=25.0),
        BarGroup("group", (Bar(50.0),), chance=100 / 6),
        BarGroup("COCO T2I R@1", (Bar(50.0),)),
    ]
    chart = parsed(bar_chart("t", ("m",), groups))
    key, *lines = classed(chart, "chance")
    assert [place(line, "left") for line in lines] == [25.0, 16.7]
    without = parsed(bar_chart("t", ("m",), groups[2:]))
    assert classed(without, "chance") == []


def test_a_model_that_was_not_measured_has_no_bar() -> None:
    figure = parsed(bar_chart("t", ("m", "n"), [BarGroup("a", (Bar(50.0), None))]))
    assert len(classed(figure, "fill")) == 1


def test_names_are_escaped_in_every_place() -> None:
    evil = '<script>alert(1)</script>"&'
    bars = bar_chart(evil, (evil,), [BarGroup(evil, (Bar(1.0),))])
    lines = line_chart(evil, [Series(evil, ((0.0, 1.0),)), Series("b", ((0.0, 2.0),))])
    for chart in (bars, lines):
        assert "<script" not in chart
        assert evil in "".join(parsed(chart).itertext())


@pytest.mark.parametrize("label", ["swap_obj", "macro_11_pieces_partial", "a_very_long_name" * 9])
def test_a_bar_says_all_of_its_label_and_of_how_many_items_it_is(label: str) -> None:
    figure = parsed(bar_chart("t", ("m",), [BarGroup(label, (Bar(50.0),), note="n = 245")]))
    name = classed(figure, "name")[0]
    assert "".join(name.itertext()) == f"{label} n = 245"


def test_the_first_tick_of_a_curve_names_the_unit() -> None:
    figure = parsed(line_chart("loss", [Series("loss", ((0.0, 1.0), (10.0, 0.0)))]))
    texts = ["".join(text.itertext()) for text in figure.iter("text")]
    assert [text for text in texts if text.startswith("step")] == ["step 0"]


@pytest.mark.parametrize(
    ("low", "high"), [(0.899, 0.9), (0.0, 1.0), (1e-7, 3e-7), (-4.0, 9.5), (0.0, 52_000.0), (3, 3)]
)
def test_marks_of_an_axis_can_be_told_apart(low: float, high: float) -> None:
    chart = parsed(line_chart("a (Eq. 8)", [Series("a", ((0.0, low), (9.0, high)))]))
    labels = [mark.text for mark in chart.iter("text") if mark.get("text-anchor") == "end"]
    assert len(labels) == len(set(labels)) > 0
