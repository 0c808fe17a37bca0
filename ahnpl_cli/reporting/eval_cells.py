"""Cells that several tables of benchmark results share."""

from __future__ import annotations

from dataclasses import replace

from ahnpl_cli.evaluation.report import SuiteReport
from ahnpl_cli.reporting.tables import Cell, Span, Table

FULL = 100.0
LABEL = "subset or average"
Row = tuple[Cell, ...]


def interval(low: float | None, high: float | None) -> Cell:
    """Return both ends, in percent or points."""
    return None if low is None or high is None else f"{low:.1f} to {high:.1f}"


def coverage(value: float) -> Cell:
    """Return a coverage in percent, marked when it is not all; never rounded to all or nothing."""
    if value == FULL:
        return Span("100.0")
    return Span(f"{value:.2f}" if 0 < value < 1 else f"{min(value, 99.9):.1f}", "bad")


def marked(name: str, suite: SuiteReport) -> Cell:
    """Return a name, bold if it stands for the suite."""
    return Span(name, "bold" if name == suite.primary else "")


def extent_of(name: str, suite: SuiteReport) -> tuple[Cell, Cell]:
    """Return n and coverage of a row, an average or a value."""
    for subset in suite.subsets:
        if subset.name == name:
            return subset.n, coverage(subset.coverage)
    found = suite.extents.get(name)
    return (found.n, coverage(found.coverage)) if found else (None, coverage(suite.coverage))


def noted(tables: list[Table], note: str) -> list[Table]:
    """Put the note under the last table."""
    return [*tables[:-1], replace(tables[-1], note=note)] if tables else []


def values_of(suite: SuiteReport) -> dict[str, float | None]:
    """Return every number of a suite that a table shows, by name."""
    accuracies = {subset.name: subset.accuracy for subset in suite.subsets}
    return {**accuracies, **suite.averages, **suite.values}
