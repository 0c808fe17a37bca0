"""Tables of what `ahnpl inspect FILE` says of any output."""

from __future__ import annotations

from ahnpl_cli.inspection.example_tables import comparison_tables
from ahnpl_cli.inspection.identify import OUTPUTS
from ahnpl_cli.inspection.report import ComparisonReport, FileReport, Level
from ahnpl_cli.reporting.tables import Cell, Mark, Span, Table

_MARKS: dict[Level, tuple[str, Mark]] = {
    "fine": ("✓", "good"),
    "note": ("!", "bold"),
    "problem": ("✗", "bad"),
}


def tables(report: ComparisonReport | FileReport) -> list[Table]:
    """Return the tables of an inspection."""
    if isinstance(report, ComparisonReport):
        return comparison_tables(report)
    return [fact_table(report), finding_table(report), *detail_tables(report)]


def detail_tables(report: FileReport) -> list[Table]:
    """Return the tables that the inspector of this kind of output makes."""
    if report.details is None:
        return []
    return OUTPUTS[report.what].inspector().tables(report.details)


def fact_table(report: FileReport) -> Table:
    """Return what a file is."""
    rows = tuple((name, _fact(value)) for name, value in report.facts.items())
    return Table(title=f"{report.path}: {report.what}", columns=("", "value"), rows=rows)


def _fact(value: str | int | float | None) -> Cell:
    return f"{value:.4g}" if isinstance(value, float) else value


def finding_table(report: FileReport) -> Table:
    """Return whether it is valid, and why."""
    rows = tuple((Span(*_MARKS[f.level]), f.text) for f in report.findings)
    verdict = "valid" if report.valid else "not valid"
    return Table(title=f"{report.path} is {verdict}", columns=("", "finding"), rows=rows)
