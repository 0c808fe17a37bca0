"""Charts as inline SVG: no script, colors from the page's style, so that dark and print work.

Every text goes through `escape`; numbers are formatted here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape
from rich.cells import cell_len

WIDTH, HEIGHT = 340, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 26
COLORS = 8  # classes c0..c7 in the page's style; c0 is the start's gray
ACCENT = 3


@dataclass(frozen=True, slots=True)
class Series:
    """A named line: (x, y) in order of x."""

    name: str
    points: tuple[tuple[float, float], ...]


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
    """

    label: str
    bars: tuple[Bar | None, ...]
    marks: tuple[float | None, ...] = ()
    note: str = ""


def _ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers from `low` to `high`."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _labels(ticks: Sequence[float]) -> list[str]:
    """Return ticks as text, with as many digits as it takes to tell them apart."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) / 10
    unit, suffix = (1000.0, "k") if max(map(abs, ticks)) >= 10_000 else (1.0, "")
    # Steps are 1, 2, 2.5 or 5 times a power of ten; the half needs a digit more.
    digits = max(0, 1 - math.floor(math.log10(step / unit))) if step > 0 else 0
    return [_trimmed(f"{tick / unit:.{min(digits, 12)}f}") + suffix for tick in ticks]


def _trimmed(number: str) -> str:
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return "0" if number == "-0" else number


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """A range with a little air; a flat line stands in the middle."""
    low, high = min(values), max(values)
    air = (high - low) * 0.06 or max(abs(high) * 0.1, 0.05)
    return low - air, high + air


def _scale(low: float, high: float, start: float, end: float) -> tuple[float, float]:
    """Factor and offset that take [low, high] to [start, end]."""
    factor = (end - start) / ((high - low) or 1.0)
    return factor, start - low * factor


def _finite(series: Sequence[Series]) -> list[Series]:
    kept = (
        Series(s.name, tuple(p for p in s.points if all(map(math.isfinite, p)))) for s in series
    )
    return [s for s in kept if s.points]


def legend(names: Sequence[str], colors: Sequence[int]) -> Markup:
    """Return names beside their colors."""
    items = Markup("").join(
        Markup('<span><i class="c{}"></i>{}</span>').format(color, name)
        for name, color in zip(names, colors, strict=True)
    )
    return Markup('<div class="legend">{}</div>').format(items)


def line_chart(title: str, series: Sequence[Series], *, zero: bool = False) -> Markup:
    """Return lines over training steps.

    Args:
        title: what is drawn.
        series: the lines; points that are not finite are left out.
        zero: whether the axis has to show 0.
    """
    lines = _finite(series)
    if not lines:
        return Markup("")
    ys = [y for line in lines for _, y in line.points] + ([0.0] if zero else [])
    xs = [x for line in lines for x, _ in line.points]
    low, high = _bounds(ys)
    fx, ox = _scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    fy, oy = _scale(low, high, HEIGHT - BOTTOM, TOP)
    colors = _line_colors(len(lines))
    pieces = []
    heights = _ticks(low, high)
    for tick, label in zip(heights, _labels(heights), strict=True):
        pieces.append(_horizontal(label, tick * fy + oy))
    steps = _ticks(min(xs), max(xs))
    for tick, label in zip(steps, _labels(steps), strict=True):
        text = f"step {label}" if tick == steps[0] else label
        pieces.append(_below(text, tick * fx + ox))
    for line, color in zip(lines, colors, strict=True):
        pieces.append(_path(color, [(x * fx + ox, y * fy + oy) for x, y in line.points]))
    chart = _svg(title, WIDTH, HEIGHT, Markup("").join(pieces))
    names = legend([line.name for line in lines], colors) if len(lines) > 1 else Markup("")
    return Markup('<figure class="chart"><figcaption>{}</figcaption>{}{}</figure>').format(
        title, chart, names
    )


def _line_colors(count: int) -> list[int]:
    """Colors but the start's gray; a line alone takes the accent."""
    return [ACCENT] if count == 1 else [1 + i % (COLORS - 1) for i in range(count)]


def _svg(title: str, width: float, height: float, body: Markup, *, left: float = 0) -> Markup:
    return Markup('<svg viewBox="{} 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        f"{left:g}", f"{width:g}", f"{height:g}", title, body
    )


def _horizontal(label: str, y: float, *, width: float = WIDTH) -> Markup:
    text = f'<text class="tick" x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">'
    line = f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return Markup(line + text) + escape(label) + Markup("</text>")


def _below(label: str, x: float, *, height: float = HEIGHT) -> Markup:
    text = f'<text class="tick" x="{x:.1f}" y="{height - 9:g}" text-anchor="middle">'
    return Markup(text) + escape(label) + Markup("</text>")


def _path(color: int, points: Sequence[tuple[float, float]]) -> Markup:
    if len(points) == 1:
        x, y = points[0]
        return Markup(f'<circle class="f{color}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
    moves = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup(f'<polyline class="l{color}" points="{moves}"/>')


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


DOTS_WIDTH, DOTS_HEIGHT = 640, 380


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
    low, high = _bounds([dot.y for dot in dots])
    left, right = _bounds([dot.x for dot in dots])
    fx, ox = _scale(left, right, LEFT, DOTS_WIDTH - RIGHT)
    fy, oy = _scale(low, high, DOTS_HEIGHT - 2 * BOTTOM, TOP)
    pieces = []
    heights = _ticks(low, high)
    for tick, label in zip(heights, _labels(heights), strict=True):
        pieces.append(_horizontal(label, tick * fy + oy, width=DOTS_WIDTH))
    widths = _ticks(left, right)
    for tick, label in zip(widths, _labels(widths), strict=True):
        pieces.append(_below(label, tick * fx + ox, height=DOTS_HEIGHT - BOTTOM))
    if line:
        pieces.append(_path(0, [(x * fx + ox, y * fy + oy) for x, y in line]))
    for index, group in enumerate(series):
        for dot in group.dots:
            pieces.append(_dot(index % COLORS, dot, dot.x * fx + ox, dot.y * fy + oy))
    pieces.append(_below(x_name, (LEFT + DOTS_WIDTH) / 2, height=DOTS_HEIGHT))
    chart = _svg(title, DOTS_WIDTH, DOTS_HEIGHT, Markup("").join(pieces))
    names = legend([group.name for group in series], [i % COLORS for i in range(len(series))])
    return Markup('<figure class="bars"><figcaption>{}</figcaption>{}{}</figure>').format(
        f"{y_name} (up) over {x_name} (to the right)", names, chart
    )


def _dot(color: int, dot: Dot, x: float, y: float) -> Markup:
    radius = 7 if dot.chosen else 4.5
    circle = f'<circle class="f{color}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
    name = f"{dot.name}: {dot.x:.1f}, {dot.y:.1f}"
    return Markup(circle) + Markup("<title>{}</title></circle>").format(name)


BAR, GAP, BAR_AREA, VALUE_WIDTH = 11, 3, 250, 40
LABEL_GAP, LEAST_LABEL, MOST_LABEL = 8, 128, 230
CHARACTER = 6.2  # width of one in labels of 10.5 px, in the widest of the usual sans-serifs


def bar_chart(
    title: str, models: Sequence[str], groups: Sequence[BarGroup], marked: Sequence[str] = ()
) -> Markup:
    """Return accuracies in percent as horizontal bars, a group per line.

    Args:
        title: what is drawn, for readers that do not see it.
        models: names of the bars in every group.
        groups: what is measured; intervals are whiskers.
        marked: names of the marks in every group, two at most: a circle and a diamond.
    """
    rows = [len(models) * (BAR + GAP) + (20 if marked else 12) for _ in groups]
    # Bars start at 0, whatever room the labels to their left need.
    left = _label_width(groups) + LABEL_GAP
    width, height = left + BAR_AREA + VALUE_WIDTH, sum(rows) + 20
    pieces = [_percent_grid(tick, height) for tick in (0, 25, 50, 75, 100)]
    y = 4.0
    for group, row in zip(groups, rows, strict=True):
        pieces.append(_group(group, y))
        y += row
    names = legend(models, [i % COLORS for i in range(len(models))])
    if marked:
        samples = Markup("").join(_mark_name(i, name) for i, name in enumerate(marked))
        names += Markup('<div class="legend">{}</div>').format(samples)
    drawn = _svg(title, width, height, Markup("").join(pieces), left=-left)
    return Markup('<figure class="bars">{}{}</figure>').format(names, drawn)


def _label_width(groups: Sequence[BarGroup]) -> float:
    longest = max((cell_len(_shortened(group.label)) for group in groups), default=0)
    notes = max((cell_len(_shortened(group.note)) for group in groups), default=0)
    return max(LEAST_LABEL, CHARACTER * max(longest, notes))


def _shortened(label: str) -> str:
    """Return a label that fits; of a longer one its start and its end, which tell most."""
    most = int(MOST_LABEL / CHARACTER)
    if cell_len(label) <= most:
        return label
    # A wide character takes two cells, so half as many of them stay.
    kept = most * len(label) // cell_len(label) - 1
    return f"{label[: kept - kept // 2]}…{label[len(label) - kept // 2 :]}"


SHAPES = ("m-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z", "m0,-5l4,5l-4,5l-4,-5z")


def _mark(index: int, x: float, y: float, title: str) -> Markup:
    shape = f'<path class="mark" d="M{x:.1f},{y:.1f}{SHAPES[index]}">'
    return Markup(shape) + Markup("<title>{}</title></path>").format(title)


def _mark_name(index: int, name: str) -> Markup:
    sample = Markup('<svg class="sample" viewBox="0 0 12 12">{}</svg>').format(
        _mark(index, 6, 6, name)
    )
    return Markup("<span>{}{}</span>").format(sample, name)


def _x(percent: float) -> float:
    return BAR_AREA * min(max(percent, 0.0), 100.0) / 100


def _percent_grid(tick: int, height: float) -> Markup:
    x = _x(tick)
    kind = "half" if tick == 50 else "grid"
    return Markup(
        f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="{height - 18:.1f}"/>'
        f'<text class="tick" x="{x:.1f}" y="{height - 5:.1f}" text-anchor="middle">{tick}</text>'
    )


def _group(group: BarGroup, y: float) -> Markup:
    below = y + len(group.bars) * (BAR + GAP)
    middle = (y + below) / 2 + 2
    parts = [_beside("label", middle - (5 if group.note else 0), group.label)]
    parts += [_beside("tick", middle + 7, group.note)] if group.note else []
    parts += _bars(group, y)
    for index, value in enumerate(group.marks):
        if value is not None:
            parts.append(_mark(index, _x(value), below + 4, f"{value:.1f}"))
    return Markup("").join(parts)


def _beside(kind: str, y: float, text: str) -> Markup:
    shown = _shortened(text)
    # The whole of a shortened label shows under the pointer.
    title = Markup("<title>{}</title>").format(text) if shown != text else ""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="end">{}{}</text>').format(
        kind, -LABEL_GAP, f"{y:.1f}", shown, title
    )


def _bars(group: BarGroup, y: float) -> Iterator[Markup]:
    for index, bar in enumerate(group.bars):
        top = y + index * (BAR + GAP)
        if bar is None:
            continue
        end, low = _x(bar.value), bar.value if bar.low is None else bar.low
        high = bar.value if bar.high is None else bar.high
        yield Markup(
            f'<rect class="f{index % COLORS}" x="0" y="{top:.1f}" rx="1.5" '
            f'width="{end:.1f}" height="{BAR}"/>'
            f'<line class="whisker" x1="{_x(low):.1f}" x2="{_x(high):.1f}" '
            f'y1="{top + BAR / 2:.1f}" y2="{top + BAR / 2:.1f}"/>'
            f'<text class="value" x="{max(_x(high), end) + 5:.1f}" y="{top + BAR - 1.5:.1f}">'
            f"{bar.value:.1f}</text>"
        )
