"""The table of a frontier, and its page with the plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from ahnpl_cli.frontier.report import FrontierPoint, FrontierReport
from ahnpl_cli.reporting.charts import Dot, DotSeries, dot_chart
from ahnpl_cli.reporting.page import Section, render_page, table
from ahnpl_cli.reporting.tables import Cell, Span, Table, without

TUNING = ("gain (tuning)", "retention (tuning)")
COLUMNS = (
    *("point", "gain", "gain ±", "retention", "retention ±"),
    *TUNING,
    "front",
)
HOW = (
    "Each dot is one model: weights between a start and a run, by WiSE-FT (one factor for all) or "
    "LiNeS (from the factor at the embeddings to 1 at the projections). To the right is what was "
    "gained, up is what was kept. On the line no other point is better in both."
)


def frontier_tables(report: FrontierReport) -> list[Table]:
    """Return the points of a frontier, and what their two means are made of."""
    return [_point_table(report), _suite_table(report)]


def _point_table(report: FrontierReport) -> Table:
    start = report.start
    rows: list[tuple[Cell, ...]] = []
    for point in report.points:
        change = point.retention - start.retention
        rows.append(
            (
                _name(point),
                point.gain,
                f"{point.gain - start.gain:+.1f}",
                point.retention,
                f"{change:+.1f}",
                point.tuning_gain,
                point.tuning_retention,
                "★" if point.pareto else "",
            )
        )
    whole = Table("Frontier", COLUMNS, tuple(rows), _note(report))
    # Points are chosen by the tuning half, but read by what the other half says.
    return replace(whole, narrow=without(whole, TUNING))


def _name(point: FrontierPoint) -> Cell:
    return Span(f"{point.name} ←", "good") if point.chosen else point.name


def _note(report: FrontierReport) -> str:
    note = (
        "Percent; ± in points from the start. Points are chosen on the tuning half of the items "
        "and reported on the other. ★: no other point is better in both."
    )
    if report.budget:
        note += f" ←: chosen by {report.budget}."
    return note


def _suite_table(report: FrontierReport) -> Table:
    """Return the headline of each suite at the start, at each run's end and at the chosen point."""
    shown = [p for p in report.points if p.method in ("start", "run") or p.chosen]
    rows: list[tuple[Cell, ...]] = []
    for what, suites in (("gain", report.gain), ("retention", report.retention)):
        for suite in suites:
            reported, tuning = report.n[suite]
            values = [point.suites[suite] for point in shown]
            headline = report.headlines[suite]
            rows.append((suite, headline, what, f"{reported:,} + {tuning:,}", *values))
    return Table(
        title="What the means are made of",
        columns=("suite", "headline", "in", "n", *(point.name for point in shown)),
        rows=tuple(rows),
        note="n: verdicts of the half that is reported, and of the half that chooses.",
    )


def frontier_page(report: FrontierReport) -> str:
    """Return the page of a frontier: the plot, then the tables."""
    tables = tuple(table(shown) for shown in frontier_tables(report))
    sections = [Section("Frontier", (_plot(report),), HOW), Section("Points", tables)]
    runs = ", ".join(dict.fromkeys(point.run for point in report.points))
    return render_page("Frontier", f"Gain and retention between the start and {runs}", sections)


def _plot(report: FrontierReport) -> Markup:
    by_line: dict[str, list[FrontierPoint]] = {}
    for point in report.points:
        name = point.method if point.method in ("start", "run") else f"{point.run} {point.method}"
        by_line.setdefault(name, []).append(point)
    series = [DotSeries(name, _dots(points)) for name, points in by_line.items()]
    if report.published:
        dots = [Dot(p.gain, p.retention, p.name) for p in report.published]
        series.append(DotSeries("published", tuple(dots)))
    front = [point for point in report.points if point.pareto]
    front.sort(key=lambda point: point.gain)
    return dot_chart(
        "Gain and retention",
        series,
        x_name="gain, %",
        y_name="retention, %",
        line=[(point.gain, point.retention) for point in front],
    )


def _dots(points: Sequence[FrontierPoint]) -> tuple[Dot, ...]:
    return tuple(Dot(p.gain, p.retention, p.name, chosen=p.chosen) for p in points)
