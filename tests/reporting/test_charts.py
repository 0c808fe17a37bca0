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


def test_bars_are_as_long_as_their_values() -> None:
    groups = [BarGroup("a", (Bar(50.0), Bar(100.0)))]
    rects = list(parsed(bar_chart("t", ("m", "n"), groups)).iter("rect"))
    half, whole = (float(rect.get("width") or 0) for rect in rects)
    assert whole == pytest.approx(2 * half)


def test_published_values_are_marked_where_they_belong() -> None:
    groups = [
        BarGroup("a", (Bar(50.0),), marks=(0.0, 100.0)),
        BarGroup("b", (Bar(1.0),), (None, 5.0)),
    ]
    figure = parsed(bar_chart("t", ("m",), groups, ("CLIP, published", "AHNPL, published")))
    chart = list(figure)[-1]
    marks = [path for path in chart.iter("path") if path.get("class") == "mark"]
    assert [mark.findtext("title") for mark in marks] == ["0.0", "100.0", "5.0"]
    left, right = (float((mark.get("d") or "M0,")[1:].split(",")[0]) for mark in marks[:2])
    bar = next(chart.iter("rect"))
    assert left == pytest.approx(float(bar.get("x") or 0))
    assert right - left == pytest.approx(2 * float(bar.get("width") or 0))


def test_a_model_that_was_not_measured_has_no_bar() -> None:
    figure = parsed(bar_chart("t", ("m", "n"), [BarGroup("a", (Bar(50.0), None))]))
    assert len(list(figure.iter("rect"))) == 1


def test_names_are_escaped_in_every_place() -> None:
    evil = '<script>alert(1)</script>"&'
    bars = bar_chart(evil, (evil,), [BarGroup(evil, (Bar(1.0),))])
    lines = line_chart(evil, [Series(evil, ((0.0, 1.0),)), Series("b", ((0.0, 2.0),))])
    for chart in (bars, lines):
        assert "<script" not in chart
        assert evil in "".join(parsed(chart).itertext())


def test_bars_say_of_how_many_items_they_are() -> None:
    figure = parsed(bar_chart("t", ("m",), [BarGroup("swap_obj", (Bar(50.0),), note="n = 245")]))
    texts = ["".join(text.itertext()) for text in figure.iter("text")]
    assert texts[5:7] == ["swap_obj", "n = 245"]


@pytest.mark.parametrize(
    "label",
    ["swap_obj", "macro_11_pieces_partial", "W" * 33, "a/very/long/name " * 9, "\u732b" * 60],
)
def test_no_label_of_a_bar_is_longer_than_its_room(label: str) -> None:
    group = BarGroup(label, (Bar(50.0),), note="n = 245")
    figure = parsed(bar_chart("t", ("m",), [BarGroup("a", (Bar(1.0),)), group]))
    chart = list(figure)[-1]
    left = float((chart.get("viewBox") or "").split()[0])
    texts = [text for text in chart.iter("text") if text.get("text-anchor") == "end"]
    assert len(texts) == 3
    for text in texts:
        # The mean character of a sans-serif is 0.59 of its size, a Chinese one all of it.
        wide = sum(character > "\u2e80" for character in text.text or "")
        length = 10.5 * (wide + 0.59 * (len(text.text or "") - wide))
        assert float(text.get("x") or 0) - length >= left


def test_a_label_that_is_cut_keeps_its_start_and_end_and_says_all_under_the_pointer() -> None:
    label = "the_first_part_of_a_very_long_name_" + "x" * 30 + "_partial"
    figure = parsed(bar_chart("t", ("m",), [BarGroup(label, (Bar(50.0),))]))
    (text,) = (text for text in figure.iter("text") if text.get("class") == "label")
    shown = text.text or ""
    assert shown.startswith("the_first_part") and shown.endswith("_partial") and "…" in shown
    assert text.findtext("title") == label


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
