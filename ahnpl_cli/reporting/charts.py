"""Charts without a script, in colors of the page's style, so that dark and print work.

Curves and dots are inline SVG. Bars are HTML: a browser breaks their labels where they are long,
and a page of paper between two of them. Here is where things lie; templates draw them, and escape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from rich.cells import cell_len

from ahnpl_cli.reporting.page import render

WIDTH, HEIGHT = 340, 210
DOTS_WIDTH, DOTS_HEIGHT = 520, 340
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 10, 26
COLORS = 8  # classes c0..c7 in the page's style; c0 is the start's gray
ACCENT = 3
TICK_STEPS = (1, 2, 2.5, 5, 10)  # times a power of ten

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """A named line: (x, y) in order of x."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a plane, with the name that a reader sees over it."""

    x: float
    y: float
    name: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class DotSeries:
    """Dots of one color."""

    name: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        value: its length, in percent.
        low: lower end of its interval; None without.
        high: upper end.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class BarGroup:
    """Bars that are compared with each other.

    Attributes:
        label: what is measured.
        bars: one per model; None where it was not measured.
        marks: values of others to compare with, such as published ones; None where there is none.
        note: below the label, such as the number of items.
        chance: percent that guessing gives; None where that is not one number.
    """

    label: str
    bars: tuple[Bar | None, ...]
    marks: tuple[float | None, ...] = ()
    note: str = ""
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class _Axis:
    """Takes values from `low` to `high` to places in a drawing, from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        share = (value - self.low) / span
        return self.start + share * (self.end - self.start)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield the places of round numbers, and these as text."""
        values = _round_numbers(self.low, self.high)
        for value, label in zip(values, _labels(values), strict=True):
            yield self.place(value), label


@dataclass(frozen=True, slots=True)
class _Plane:
    """A drawing with two axes, in units of its view box."""

    width: float
    height: float
    across: _Axis
    upward: _Axis
    left: float = LEFT
    right: float = RIGHT

    def places(self, points: Iterable[Point]) -> list[Point]:
        """Return where points lie."""
        return [(self.across.place(x), self.upward.place(y)) for x, y in points]


def _round_numbers(low: float, high: float) -> list[float]:
    """Return about four multiples of a round step."""
    if high <= low:
        return [low]
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in TICK_STEPS if m * power >= rough)
    # A bound that is a multiple itself must not be lost to rounding.
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _labels(ticks: Sequence[float]) -> list[str]:
    """Return ticks as text, with as many digits as it takes to tell them apart."""
    step = abs(ticks[0]) / 10
    if len(ticks) > 1:
        step = ticks[1] - ticks[0]
    unit, suffix = 1.0, ""
    if max(map(abs, ticks)) >= 10_000:
        unit, suffix = 1000.0, "k"
    digits = 0
    if step > 0:
        # The half of a step of 2.5 needs a digit more than its power of ten.
        digits = 1 - math.floor(math.log10(step / unit))
    digits = min(max(digits, 0), 12)
    return [_trimmed(f"{tick / unit:.{digits}f}") + suffix for tick in ticks]


def _trimmed(number: str) -> str:
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return "0" if number == "-0" else number


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return a range with a little air; a flat line stands in the middle."""
    low, high = min(values), max(values)
    air = 0.06 * (high - low)
    if air == 0:
        air = max(0.1 * abs(high), 0.05)
    return low - air, high + air


def _is_finite(point: Point) -> bool:
    return all(map(math.isfinite, point))


def line_chart(title: str, series: Sequence[Series]) -> Markup:
    """Return lines over training steps.

    Args:
        title: what is drawn.
        series: the lines; points that are not finite are left out.
    """
    lines = {}
    for line in series:
        points = list(filter(_is_finite, line.points))
        if points:
            lines[line.name] = points
    if not lines:
        return Markup("")
    every = [point for points in lines.values() for point in points]
    steps = [x for x, _ in every]
    values = [y for _, y in every]
    plane = _Plane(
        WIDTH,
        HEIGHT,
        _Axis(min(steps), max(steps), LEFT, WIDTH - RIGHT),
        _Axis(*_bounds(values), HEIGHT - BOTTOM, TOP),
    )
    colors = _line_colors(len(lines))
    paths = []
    for color, points in zip(colors, lines.values(), strict=True):
        paths.append((color, plane.places(points)))
    # A line alone is named by the title.
    names = list(zip(lines, colors, strict=True)) if len(lines) > 1 else []
    return render(
        "plot", kind="chart", title=title, plane=plane, unit="step ", paths=paths, names=names
    )


def _line_colors(count: int) -> list[int]:
    """Return colors but the start's gray; a line alone takes the accent."""
    if count == 1:
        return [ACCENT]
    return [1 + number % (COLORS - 1) for number in range(count)]


def dot_chart(
    title: str,
    series: Sequence[DotSeries],
    *,
    x_name: str,
    y_name: str,
    line: Sequence[Point] = (),
) -> Markup:
    """Return dots over two axes.

    Args:
        title: what is drawn, for readers that do not see it.
        series: the dots, a color each.
        x_name: what is to the right.
        y_name: what is up.
        line: points that a line connects, such as a front.
    """
    every = [dot for group in series for dot in group.dots]
    plane = _Plane(
        DOTS_WIDTH,
        DOTS_HEIGHT - BOTTOM,
        _Axis(*_bounds([dot.x for dot in every]), LEFT, DOTS_WIDTH - RIGHT),
        _Axis(*_bounds([dot.y for dot in every]), DOTS_HEIGHT - 2 * BOTTOM, TOP),
    )
    names, dots = [], []
    for number, group in enumerate(series):
        color = number % COLORS
        names.append((group.name, color))
        for dot in group.dots:
            dots.append((color, dot, *plane.places([(dot.x, dot.y)])))
    return render(
        "plot",
        kind="dots",
        title=title,
        caption=f"{y_name} (up) over {x_name} (to the right)",
        plane=plane,
        x_name=x_name,
        paths=[(0, plane.places(line))] if line else [],
        dots=dots,
        names=names,
    )


CHARACTER = 0.47  # rem of one in a label, in the widest of the usual sans-serifs
LEAST_LABEL, MOST_LABEL = 5.5, 12.5  # rem; longer labels are broken into lines


def bar_chart(
    title: str, models: Sequence[str], groups: Sequence[BarGroup], marked: Sequence[str] = ()
) -> Markup:
    """Return accuracies in percent as horizontal bars, a group below the other.

    Args:
        title: what is drawn, for readers that do not see it.
        models: names of the bars in every group.
        groups: what is measured; intervals are whiskers, chance is a dashed line.
        marked: names of the marks in every group, two at most: a circle and a diamond.
    """
    longest = 0
    for group in groups:
        longest = max(longest, cell_len(group.label), cell_len(group.note))
    names = [(model, number % COLORS) for number, model in enumerate(models)]
    return render(
        "bars",
        title=title,
        names=names,
        marked=marked,
        groups=[(group, list(_bars(group))) for group in groups],
        label=min(max(CHARACTER * longest, LEAST_LABEL), MOST_LABEL),
        shows_chance=any(group.chance is not None for group in groups),
    )


def _bars(group: BarGroup) -> Iterator[tuple[int, float, float, float]]:
    """Yield (color, value, low, high) of the bars that are there."""
    for number, bar in enumerate(group.bars):
        if bar is None:
            continue
        low, high = bar.value, bar.value
        if bar.low is not None and bar.high is not None:
            low, high = bar.low, bar.high
        yield number % COLORS, bar.value, low, high
