"""Tables of benchmark results: one model in full, several side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ahnpl_cli.evaluation.report import (
    Comparison,
    Difference,
    EvalReport,
    ModelReport,
    SubsetReport,
    SuiteReport,
)
from ahnpl_cli.reporting.tables import Cell, Span, Table

FULL = 100.0


def interval(low: float | None, high: float | None) -> Cell:
    """Return `low to high`, in percent or points."""
    return None if low is None or high is None else f"{low:.1f} to {high:.1f}"


def coverage(value: float) -> Cell:
    """Return a coverage in percent, marked when it is not all."""
    return Span(f"{value:.1f}", "" if value == FULL else "bad")


def _subset_row(suite: str, subset: SubsetReport) -> tuple[Cell, ...]:
    ends = interval(subset.low, subset.high)
    cells = (subset.n, subset.accuracy, ends, subset.ties, coverage(subset.coverage))
    return (suite, subset.name, *cells)


def _average_rows(name: str, suite: SuiteReport) -> Iterable[tuple[Cell, ...]]:
    for average, value in suite.averages.items():
        mark = Span(average, "bold" if average == suite.primary else "")
        ends = interval(*suite.intervals.get(average, (None, None)))
        yield (name, mark, None, value, ends, None, coverage(suite.coverage))
    for label, number in suite.values.items():
        mark = Span(label, "bold" if label == suite.primary else "")
        yield (name, mark, None, number, None, None, coverage(suite.coverage))


def model_table(model: ModelReport, report: EvalReport) -> Table:
    """Return everything of one model: subsets, then named averages, suite by suite."""
    rows: list[tuple[Cell, ...]] = []
    for name, suite in model.suites.items():
        rows += [_subset_row(name, subset) for subset in suite.subsets]
        rows += _average_rows(name, suite)
    tie = "counts as wrong" if report.settings["tie"] == "strict" else "as each official script"
    activation = model.info.get("activation", "?")
    note = (
        f"Accuracy in percent; intervals 95 %: Wilson for subsets, bootstrap over images for "
        f"averages; a tie {tie}. {activation}, weights {model.info.get('weights_sha256', '')[:12]}."
    )
    columns = ("suite", "subset or average", "n", "%", "95 % interval", "ties", "coverage %")
    return covered(Table(f"Results of {model.name}", columns, tuple(rows), note))


def covered(table: Table) -> Table:
    """Return the table without its coverage column if everything was scored."""
    at = table.columns.index("coverage %")
    if any(row[at] != coverage(FULL) for row in table.rows):
        return table
    columns = table.columns[:at] + table.columns[at + 1 :]
    rows = tuple(row[:at] + row[at + 1 :] for row in table.rows)
    return replace(table, columns=columns, rows=rows, note=f"{table.note} Coverage 100 %.".strip())


def _marked(row: Difference) -> Cell:
    text = f"{row.difference:+.1f}"
    if not row.stands:
        return text
    return Span(text, "good" if row.difference > 0 else "bad")


def _difference_cells(row: Difference | None) -> tuple[Cell, ...]:
    if row is None:
        return (None, None, None)
    return (_marked(row), interval(row.low, row.high), "yes" if row.stands else "no")


def _names(suite: SuiteReport) -> list[str]:
    return [*(subset.name for subset in suite.subsets), *suite.averages, *suite.values]


def _value(suite: SuiteReport, name: str) -> float | None:
    accuracy = {subset.name: subset.accuracy for subset in suite.subsets}
    return {**accuracy, **suite.averages, **suite.values}.get(name)


def side_by_side(report: EvalReport) -> Table:
    """Return models as columns; with two, also their difference and whether it stands."""
    first = report.models[0]
    pair = len(report.models) == 2
    rows: list[tuple[Cell, ...]] = []
    for name, suite in first.suites.items():
        for label in _names(suite):
            mark = Span(label, "bold" if label == suite.primary else "")
            n = {s.name: s.n for s in suite.subsets}.get(label)
            values = [_value(model.suites[name], label) for model in report.models]
            extra = _difference_cells(_find(report.comparisons, name, label)) if pair else ()
            rows.append((name, mark, n, *values, coverage(suite.coverage), *extra))
    names = tuple(model.name for model in report.models)
    tail = ("difference", "95 % interval", "stands") if pair else ()
    columns = ("suite", "subset or average", "n", *names, "coverage %", *tail)
    note = "Percent. " + (STANDS if pair else "")
    return covered(Table("Models side by side", columns, tuple(rows), note.strip()))


STANDS = (
    "A subset's difference stands if McNemar's exact p < .05, an average's if its interval "
    "(bootstrap over images) leaves out 0; no correction for many tests."
)


def _find(comparisons: list[Comparison], suite: str, label: str) -> Difference | None:
    rows = (row for c in comparisons if c.suite == suite for row in c.rows)
    return next((row for row in rows if row.name == label), None)


def comparison_table(comparisons: list[Comparison], base: str, other: str) -> Table:
    """Return the differences between two models on every suite."""
    rows: list[tuple[Cell, ...]] = []
    for comparison in comparisons:
        if (comparison.base, comparison.other) != (base, other):
            continue
        for row in comparison.rows:
            mark = Span(row.name, "bold" if row.average else "")
            p = None if row.p is None else f"{row.p:.2g}"
            cells = (row.base, row.other, *_difference_cells(row), p)
            rows.append((comparison.suite, mark, *cells))
    columns = (
        "suite",
        "subset or average",
        base,
        other,
        "difference",
        "95 % interval",
        "stands",
        "McNemar p",
    )
    return Table(f"{other} against {base}", columns, tuple(rows), f"Percent. {STANDS}")


def primary_table(report: EvalReport) -> Table:
    """Return one row per suite: its primary average for each model."""
    names = tuple(model.name for model in report.models)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, suite.primary, *(model.suites[name].primary_value for model in report.models))
        for name, suite in report.models[0].suites.items()
    )
    return Table("Summary", ("suite", "average", *names), rows, "Percent.")


def eval_tables(report: EvalReport) -> list[Table]:
    """Return the tables of a report: full for one model, else side by side with differences."""
    if len(report.models) == 1:
        return [model_table(report.models[0], report)]
    tables = [side_by_side(report)]
    if len(report.models) > 2:
        base = report.models[0].name
        tables += [
            comparison_table(report.comparisons, base, model.name) for model in report.models[1:]
        ]
    return [*tables, primary_table(report)]
