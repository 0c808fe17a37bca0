"""Charts without a script, in colors of the page's style, so that dark and print work.

Curves and dots are inline SVG. Bars are HTML: a browser breaks their labels where they are long,
and a page of paper between two of them. Every text goes through `escape` or a template.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape
from rich.cells import cell_len

from ahnpl_cli.reporting.page import render

WIDTH, HEIGHT = 340, 210
DOTS_WIDTH, DOTS_HEIGHT = 520, 340
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 10, 26
COLORS = 8  # classes c0..c7 in the page's style; c0 is the start's gray
ACCENT = 3
TICK_STEPS = (1, 2, 2.5, 5, 10)  # times a power of ten


@dataclass(frozen=True, slots=True)
class Series:
    """A named line: (x, y) in order of x."""

    name: str
    points: tuple[tuple[float, float], ...]


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
        return self.start + (value - self.low) / span * (self.end - self.start)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield the places of round numbers, and these as text."""
        values = _round_numbers(self.low, self.high)
        for value, label in zip(values, _labels(values), strict=True):
            yield self.place(value), label


def _round_numbers(low: float, high: float, count: int = 4) -> list[float]:
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in TICK_STEPS if m * power >= rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _labels(ticks: Sequence[float]) -> list[str]:
    """Return ticks as text, with as many digits as it takes to tell them apart."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) / 10
    is_large = max(map(abs, ticks)) >= 10_000
    unit, suffix = (1000.0, "k") if is_large else (1.0, "")
    digits = 0
    if step > 0:
        # The half of a step of 2.5 needs a digit more.
        digits = max(0, 1 - math.floor(math.log10(step / unit)))
    return [_trimmed(f"{tick / unit:.{min(digits, 12)}f}") + suffix for tick in ticks]


def _trimmed(number: str) -> str:
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return "0" if number == "-0" else number


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return a range with a little air; a flat line stands in the middle."""
    low, high = min(values), max(values)
    air = (high - low) * 0.06 or max(abs(high) * 0.1, 0.05)
    return low - air, high + air


def _finite(series: Sequence[Series]) -> list[Series]:
    kept = []
    for line in series:
        points = tuple(point for point in line.points if all(map(math.isfinite, point)))
        if points:
            kept.append(Series(line.name, points))
    return kept


def legend(names: Sequence[str], colors: Sequence[int]) -> Markup:
    """Return names beside their colors."""
    items = []
    for color, name in zip(colors, names, strict=True):
        items.append(Markup('<span><i class="c{}"></i>{}</span>').format(color, name))
    return Markup('<div class="legend">{}</div>').format(Markup("").join(items))


def line_chart(title: str, series: Sequence[Series]) -> Markup:
    """Return lines over training steps.

    Args:
        title: what is drawn.
        series: the lines; points that are not finite are left out.
    """
    lines = _finite(series)
    if not lines:
        return Markup("")
    steps = [x for line in lines for x, _ in line.points]
    values = [y for line in lines for _, y in line.points]
    across = _Axis(min(steps), max(steps), LEFT, WIDTH - RIGHT)
    upward = _Axis(*_bounds(values), HEIGHT - BOTTOM, TOP)
    pieces = [_horizontal(label, y, WIDTH) for y, label in upward.ticks()]
    for number, (x, label) in enumerate(across.ticks()):
        unit = "" if number else "step "
        pieces.append(_below(unit + label, x, HEIGHT))
    colors = _line_colors(len(lines))
    for line, color in zip(lines, colors, strict=True):
        places = [(across.place(x), upward.place(y)) for x, y in line.points]
        pieces.append(_path(color, places))
    chart = _svg(title, WIDTH, HEIGHT, pieces)
    names = legend([line.name for line in lines], colors) if len(lines) > 1 else Markup("")
    figure = Markup('<figure class="chart"><figcaption>{}</figcaption>{}{}</figure>')
    return figure.format(title, chart, names)


def _line_colors(count: int) -> list[int]:
    """Return colors but the start's gray; a line alone takes the accent."""
    if count == 1:
        return [ACCENT]
    return [1 + number % (COLORS - 1) for number in range(count)]


def _svg(title: str, width: float, height: float, pieces: Sequence[Markup]) -> Markup:
    drawing = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return drawing.format(f"{width:g}", f"{height:g}", title, Markup("").join(pieces))


def _horizontal(label: str, y: float, width: float) -> Markup:
    line = f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    text = f'<text class="tick" x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">'
    return Markup(line + text) + escape(label) + Markup("</text>")


def _below(label: str, x: float, height: float) -> Markup:
    text = f'<text class="tick" x="{x:.1f}" y="{height - 9:g}" text-anchor="middle">'
    return Markup(text) + escape(label) + Markup("</text>")


def _path(color: int, places: Sequence[tuple[float, float]]) -> Markup:
    if len(places) == 1:
        x, y = places[0]
        return Markup(f'<circle class="f{color}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
    moves = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return Markup(f'<polyline class="l{color}" points="{moves}"/>')


def dot_chart(
    title: str,
    series: Sequence[DotSeries],
    *,
    x_name: str,
    y_name: str,
    line: Sequence[tuple[float, float]] = (),
) -> Markup:
    """Return dots over two axes.

    Args:
        title: what is drawn, for readers that do not see it.
        series: the dots, a color each.
        x_name: what is to the right.
        y_name: what is up.
        line: points that a line connects, such as a front.
    """
    dots = [dot for group in series for dot in group.dots]
    across = _Axis(*_bounds([dot.x for dot in dots]), LEFT, DOTS_WIDTH - RIGHT)
    bottom = DOTS_HEIGHT - 2 * BOTTOM
    upward = _Axis(*_bounds([dot.y for dot in dots]), bottom, TOP)
    pieces = [_horizontal(label, y, DOTS_WIDTH) for y, label in upward.ticks()]
    pieces += [_below(label, x, DOTS_HEIGHT - BOTTOM) for x, label in across.ticks()]
    if line:
        pieces.append(_path(0, [(across.place(x), upward.place(y)) for x, y in line]))
    colors = [number % COLORS for number in range(len(series))]
    for color, group in zip(colors, series, strict=True):
        for dot in group.dots:
            pieces.append(_dot(color, dot, across.place(dot.x), upward.place(dot.y)))
    pieces.append(_below(x_name, (LEFT + DOTS_WIDTH) / 2, DOTS_HEIGHT))
    chart = _svg(title, DOTS_WIDTH, DOTS_HEIGHT, pieces)
    names = legend([group.name for group in series], colors)
    caption = f"{y_name} (up) over {x_name} (to the right)"
    figure = Markup('<figure class="dots"><figcaption>{}</figcaption>{}{}</figure>')
    return figure.format(caption, names, chart)


def _dot(color: int, dot: Dot, x: float, y: float) -> Markup:
    radius = 7 if dot.chosen else 4.5
    circle = f'<circle class="f{color}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
    place = f"{dot.name}: {dot.x:.1f}, {dot.y:.1f}"
    drawn = Markup(circle) + Markup("<title>{}</title></circle>").format(place)
    if not dot.chosen:
        return drawn
    # Paper and phones show no title: the point that matters bears its name.
    is_left = x < DOTS_WIDTH / 2
    side, shift = ("start", 11) if is_left else ("end", -11)
    text = f'<text class="label" x="{x + shift:.1f}" y="{y + 14:.1f}" text-anchor="{side}">'
    return drawn + Markup(text) + Markup("{}</text>").format(dot.name)


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
    lengths = [cell_len(group.label) for group in groups]
    lengths += [cell_len(group.note) for group in groups]
    return render(
        "bars",
        title=title,
        models=[(name, number % COLORS) for number, name in enumerate(models)],
        marked=marked,
        groups=[(group, list(_bars(group))) for group in groups],
        label=min(MOST_LABEL, max(LEAST_LABEL, CHARACTER * max(lengths, default=0))),
        shows_chance=any(group.chance is not None for group in groups),
    )


def _bars(group: BarGroup) -> Iterator[tuple[int, float, float, float]]:
    """Yield (color, value, low, high) of the bars that are there."""
    for number, bar in enumerate(group.bars):
        if bar is not None:
            low = bar.value if bar.low is None else bar.low
            high = bar.value if bar.high is None else bar.high
            yield number % COLORS, bar.value, low, high
