"""Tables of benchmark results: one model in full, several side by side, a tidy one for CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ahnpl_cli.config import TableFormat
from ahnpl_cli.evaluation.report import (
    Comparison,
    Difference,
    EvalReport,
    ModelReport,
    SubsetReport,
    SuiteReport,
)
from ahnpl_cli.reporting.eval_cells import (
    FULL,
    LABEL,
    Row,
    coverage,
    extent_of,
    interval,
    marked,
    noted,
    values_of,
)
from ahnpl_cli.reporting.eval_extras import extra_tables
from ahnpl_cli.reporting.tables import Cell, Span, Table

COVERAGE = "cover %"
LOWER = " rank"  # ends the names of values of which a lower one is better
STANDS = (
    "* stands: for a subset McNemar's exact p < .05, for an average its interval (bootstrap over "
    "images) leaves out 0; not corrected for many tests."
)


def _subset_row(subset: SubsetReport, suite: SuiteReport) -> Row:
    ends = interval(subset.low, subset.high)
    cover = coverage(subset.coverage)
    return marked(subset.name, suite), subset.n, subset.accuracy, ends, subset.ties, cover


def _average_rows(suite: SuiteReport) -> Iterator[Row]:
    subsets = {subset.name for subset in suite.subsets}
    for name, value in {**suite.averages, **suite.values}.items():
        if name in subsets:  # Winoground's text is a row and stands as an average too.
            continue
        n, cover = extent_of(name, suite)
        ends = interval(*suite.intervals.get(name, (None, None)))
        yield marked(name, suite), n, value, ends, None, cover


def _title(name: str, suite: SuiteReport, model: str = "") -> str:
    title = f"{name}: {model}" if model else name
    return title if suite.coverage else f"{title} (not scored: none of its images is here)"


def _units(models: Sequence[ModelReport]) -> str:
    """Say which values are no percentages, if there are any."""
    values = {name.split(" ")[-1] for m in models for s in m.suites.values() for name in s.values}
    named = [*(["ranks (1 is best)"] if "rank" in values else [])]
    named += ["the C of a probe"] if "C" in values else []
    return f"Percent, but for {' and '.join(named)}" if named else "Percent"


def covered(table: Table) -> Table:
    """Return the table without its coverage column if everything was scored."""
    at = table.columns.index(COVERAGE)
    if any(row[at] != coverage(FULL) for row in table.rows):
        return table
    rows = tuple(row[:at] + row[at + 1 :] for row in table.rows)
    return replace(table, columns=table.columns[:at] + table.columns[at + 1 :], rows=rows)


def model_tables(model: ModelReport, tie: str) -> list[Table]:
    """Return one table a suite: subsets, then named averages."""
    counted = "counts as wrong" if tie == "strict" else "counts as each official script has it"
    note = (
        f"{_units([model])}; 95 % intervals: Wilson for subsets, bootstrap over images for the "
        "others; n counts verdicts. "
        f"A tie {counted}. {model.info.get('activation', 'activation ?')}, "
        f"weights {str(model.info.get('weights_sha256', '?'))[:12]}."
    )
    columns = (LABEL, "n", "%", "95 % interval", "ties", COVERAGE)
    made = []
    for name, suite in model.suites.items():
        subsets = (_subset_row(subset, suite) for subset in suite.subsets)
        rows = (*subsets, *_average_rows(suite))
        made.append(covered(Table(_title(name, suite, model.name), columns, rows)))
    return noted(made, note)


def _starred(row: Difference | None) -> tuple[Cell, ...]:
    if row is None:
        return None, None
    better = (row.difference > 0) != row.name.endswith(LOWER)
    star = Span(f"{row.difference:+.1f} *", "good" if better else "bad")
    return star if row.stands else f"{row.difference:+.1f}", interval(row.low, row.high)


def side_by_side(models: Sequence[ModelReport], comparisons: Sequence[Comparison]) -> list[Table]:
    """Return one table a suite with models as columns; of two, also the difference."""
    pair = len(models) == 2
    tail = ("difference", "95 % interval") if pair else ()
    columns = (LABEL, "n", *(model.name for model in models), COVERAGE, *tail)
    made = []
    for name, suite in models[0].suites.items():
        found = {row.name: row for c in comparisons if c.suite == name for row in c.rows}
        rows: list[Row] = []
        for label in values_of(suite):
            n, cover = extent_of(label, suite)
            values = (values_of(model.suites[name]).get(label) for model in models)
            extra = _starred(found.get(label)) if pair else ()
            rows.append((marked(label, suite), n, *values, cover, *extra))
        made.append(covered(Table(_title(name, suite), columns, tuple(rows))))
    return noted(made, f"{_units(models)}. {_ties(models)} {STANDS if pair else ''}".strip())


def _ties(models: Sequence[ModelReport]) -> str:
    """Say how many verdicts were ties, model by model."""
    totals = (
        sum(subset.ties for suite in model.suites.values() for subset in suite.subsets)
        for model in models
    )
    each = (f"{model.name} {ties:,}" for model, ties in zip(models, totals, strict=True))
    return f"Ties: {', '.join(each)}."


def comparison_tables(comparisons: Sequence[Comparison]) -> list[Table]:
    """Return one table a suite and pair of models, with the p of every subset."""
    made = []
    for one in comparisons:
        columns = (LABEL, one.base, one.other, "difference", "95 % interval", "McNemar p")
        rows: list[Row] = []
        for row in one.rows:
            label = Span(row.name, "bold" if row.average else "")
            p = None if row.p is None else f"{row.p:.2g}"
            rows.append((label, row.base, row.other, *_starred(row), p))
        title = f"{one.suite}: {one.other} against {one.base}, {one.items:,} items"
        made.append(Table(title, columns, tuple(rows)))
    return noted(made, f"Percent. {STANDS}")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def primary_table(models: Sequence[ModelReport]) -> Table:
    """Return one row per suite: its primary average for each model."""
    rows: tuple[Row, ...] = tuple(
        (name, suite.primary, *(_known(model.suites[name].headline_value) for model in models))
        for name, suite in models[0].suites.items()
    )
    names = (model.name for model in models)
    return Table("Summary", ("suite", "average", *names), rows, "Percent.")


def tidy_table(report: EvalReport) -> Table:
    """Return every number of a report, one a row, for other programs."""
    found = {(c.other, c.suite, r.name): r for c in report.comparisons for r in c.rows}
    rows: list[Row] = []
    for model in report.models:
        for name, suite in model.suites.items():
            for one in _tidy_rows(suite):
                row = found.get((model.name, name, str(one[0])))
                rows.append((model.name, name, *one, *_tidy_difference(row)))
    columns = (
        *("model", "suite", "name", "kind", "n", "percent", "low", "high", "ties", "coverage"),
        *("difference", "difference_low", "difference_high", "p", "stands"),
    )
    return Table("Results", columns, tuple(rows))


def _tidy_difference(row: Difference | None) -> Row:
    if row is None:
        return (None,) * 5
    return row.difference, row.low, row.high, row.p, "yes" if row.stands else "no"


def _tidy_rows(suite: SuiteReport) -> Iterator[Row]:
    for kind, subsets in (("subset", suite.subsets), ("detail", suite.details)):
        for s in subsets:
            yield s.name, kind, s.n, s.accuracy, s.low, s.high, s.ties, s.coverage
    for kind, values in (("average", suite.averages), ("value", suite.values)):
        for name, value in values.items():
            low, high = suite.intervals.get(name, (None, None))
            found = suite.extents.get(name)
            n, share = (found.n, found.coverage) if found else (None, None)
            yield name, kind, n, value, low, high, None, share


def eval_tables(report: EvalReport, format: TableFormat = "rich") -> list[Table]:
    """Return the tables of a report.

    One model is shown in full; several side by side, then each against the first, then a summary.

    Args:
        report: what `evaluate` returned.
        format: CSV gets one tidy table; others one table a suite.
    """
    if format == "csv":
        return [tidy_table(report)]
    models = report.models
    if len(models) == 1:
        return [*model_tables(models[0], report.settings["tie"]), *extra_tables(report)]
    tables = side_by_side(models, report.comparisons)
    if len(models) > 2:
        tables += comparison_tables(report.comparisons)
    return [*tables, *extra_tables(report), primary_table(models)]
