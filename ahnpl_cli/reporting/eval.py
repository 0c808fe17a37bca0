"""Tables of benchmark results: one model in full, several side by side, a tidy one for CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ahnpl_cli.config import TableFormat
from ahnpl_cli.evaluation.published import RE_EVALUATION
from ahnpl_cli.evaluation.report import (
    Comparison,
    Difference,
    Estimate,
    EvalReport,
    ModelReport,
    Published,
    SubsetReport,
    SuiteReport,
)
from ahnpl_cli.reporting.tables import Cell, Span, Table

FULL = 100.0
COVERAGE = "cover %"
MODELS = ("CLIP", "NegCLIP", "CE-CLIP", "AHNPL", "GNM")
LABEL = "subset or average"
Row = tuple[Cell, ...]
STANDS = (
    "* stands: for a subset McNemar's exact p < .05, for an average its interval (bootstrap over "
    "images) leaves out 0; not corrected for many tests."
)


def interval(low: float | None, high: float | None) -> Cell:
    """Return both ends, in percent or points."""
    return None if low is None or high is None else f"{low:.1f} to {high:.1f}"


def coverage(value: float) -> Cell:
    """Return a coverage in percent, marked when it is not all."""
    return Span(f"{value:.1f}", "" if value == FULL else "bad")


def _label(name: str, suite: SuiteReport) -> Cell:
    return Span(name, "bold" if name == suite.primary else "")


def _subset_row(subset: SubsetReport) -> Row:
    ends = interval(subset.low, subset.high)
    return subset.name, subset.n, subset.accuracy, ends, subset.ties, coverage(subset.coverage)


def _average_rows(suite: SuiteReport) -> Iterator[Row]:
    for name, value in suite.averages.items():
        ends = interval(*suite.intervals.get(name, (None, None)))
        yield _label(name, suite), None, value, ends, None, coverage(suite.coverage)
    for name, value in suite.values.items():
        yield _label(name, suite), None, value, None, None, coverage(suite.coverage)


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
        "Percent; 95 % intervals: Wilson for subsets, bootstrap over images for averages. "
        f"A tie {counted}. {model.info.get('activation', 'activation ?')}, "
        f"weights {str(model.info.get('weights_sha256', '?'))[:12]}."
    )
    columns = (LABEL, "n", "%", "95 % interval", "ties", COVERAGE)
    made = []
    for name, suite in model.suites.items():
        rows = (*map(_subset_row, suite.subsets), *_average_rows(suite))
        made.append(covered(Table(f"{name}: {model.name}", columns, rows)))
    return _noted(made, note)


def _noted(tables: list[Table], note: str) -> list[Table]:
    """Put the note under the last table."""
    return [*tables[:-1], replace(tables[-1], note=note)] if tables else []


def _starred(row: Difference | None) -> tuple[Cell, ...]:
    if row is None:
        return None, None
    star = Span(f"{row.difference:+.1f} *", "good" if row.difference > 0 else "bad")
    return star if row.stands else f"{row.difference:+.1f}", interval(row.low, row.high)


def _values(suite: SuiteReport) -> dict[str, float | None]:
    accuracies = {subset.name: subset.accuracy for subset in suite.subsets}
    return {**accuracies, **suite.averages, **suite.values}


def side_by_side(models: Sequence[ModelReport], comparisons: Sequence[Comparison]) -> list[Table]:
    """Return one table a suite with models as columns; of two, also the difference."""
    pair = len(models) == 2
    tail = ("difference", "95 % interval") if pair else ()
    columns = (LABEL, "n", *(model.name for model in models), COVERAGE, *tail)
    made = []
    for name, suite in models[0].suites.items():
        subsets = {subset.name: subset for subset in suite.subsets}
        found = {row.name: row for c in comparisons if c.suite == name for row in c.rows}
        rows: list[Row] = []
        for label in _values(suite):
            one = subsets.get(label)
            cover = coverage(one.coverage if one else suite.coverage)
            values = (_values(model.suites[name]).get(label) for model in models)
            extra = _starred(found.get(label)) if pair else ()
            rows.append((_label(label, suite), one.n if one else None, *values, cover, *extra))
        made.append(covered(Table(name, columns, tuple(rows))))
    return _noted(made, f"Percent. {_ties(models)} {STANDS if pair else ''}".strip())


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
    return _noted(made, f"Percent. {STANDS}")


def published_tables(report: EvalReport) -> list[Table]:
    """Return one table a suite: our models, then what papers print, before re-evaluations."""
    made = []
    for name, first in report.models[0].suites.items():
        theirs = [one for one in report.published if one.suite == name]
        if not theirs:
            continue
        chosen = [_merged([one for one in theirs if one.model == m]) for m in MODELS]
        chosen = [one for one in chosen if one.values]
        labels = [x for x in _values(first) if any(x in one.values for one in chosen)]
        rows: tuple[Row, ...] = tuple(
            (
                _label(label, first),
                *(_values(model.suites[name]).get(label) for model in report.models),
                *(one.values.get(label) for one in chosen),
            )
            for label in labels
        )
        columns = (LABEL, *(m.name for m in report.models), *(f"{one.model} †" for one in chosen))
        sources = "; ".join(f"{one.model}: {one.source}" for one in chosen)
        made.append(Table(f"{name}: beside published numbers", columns, rows, f"† {sources}."))
    return made


def blind_tables(report: EvalReport) -> list[Table]:
    """Return one table a suite: the models beside controls that never see the image."""
    made = []
    for name, controls in report.blind.items():
        first = report.models[0].suites[name]
        rows: list[Row] = []
        for label in [*(s.name for s in first.subsets), *first.averages]:
            ours = (_values(model.suites[name]).get(label) for model in report.models)
            blind = (_values(control).get(label) for control in controls.values())
            rows.append((_label(label, first), *ours, *blind))
        columns = (LABEL, *(model.name for model in report.models), *controls)
        made.append(Table(f"{name}: without the image", columns, tuple(rows)))
    return _noted(made, BLIND)


def _merged(found: Sequence[Published]) -> Published:
    """Return one column of a model's numbers; where sources overlap, the first one's."""
    kept: dict[str, float] = {}
    sources: list[str] = []
    for one in found:
        new = {name: value for name, value in one.values.items() if name not in kept}
        # A re-evaluation fills no gaps of a paper's table: its numbers are of another run.
        if new and not (kept and one.source == RE_EVALUATION):
            kept |= new
            sources.append(one.source)
    model = found[0].model if found else ""
    return Published("", model, " and ".join(sources), kept)


BLIND = (
    "shorter, longer: the caption with fewer or more words wins. unigram: the one whose words are "
    "more usual in true captions of other images. Chance is 50 with one foil; a tie is wrong."
)


def representation_table(models: Sequence[ModelReport]) -> Table | None:
    """Return similarity within and gap across modalities, or None if not measured."""
    rows: list[Row] = [
        (suite, model.name, one["intra_modal"].n, *_estimates(one))
        for suite in models[0].representation
        for model in models
        if (one := model.representation[suite])
    ]
    columns = ("suite", "model", "n", "cos(T, T_neg)", "95 %", "cos(I,T) - cos(I,T_neg)", "95 %")
    note = "Lower left and higher right are better (CE-CLIP, Fig. 8); bootstrap over images."
    return Table("Representation", columns, tuple(rows), note, digits=3) if rows else None


def _estimates(found: Mapping[str, Estimate]) -> Iterator[Cell]:
    for name in ("intra_modal", "cross_modal_gap"):
        yield found[name].value
        yield f"{found[name].low:.3f} to {found[name].high:.3f}"


def primary_table(models: Sequence[ModelReport]) -> Table:
    """Return one row per suite: its primary average for each model."""
    rows: tuple[Row, ...] = tuple(
        (name, suite.primary, *(model.suites[name].primary_value for model in models))
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
    for name, value in suite.averages.items():
        low, high = suite.intervals.get(name, (None, None))
        yield name, "average", None, value, low, high, None, suite.coverage
    for name, value in suite.values.items():
        yield name, "value", None, value, None, None, None, suite.coverage


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
        return [*model_tables(models[0], report.settings["tie"]), *_extras(report)]
    tables = side_by_side(models, report.comparisons)
    if len(models) > 2:
        tables += comparison_tables(report.comparisons)
    return [*tables, *_extras(report), primary_table(models)]


def _extras(report: EvalReport) -> list[Table]:
    """Return the tables that options ask for."""
    measured = representation_table(report.models)
    more = [measured] if measured else []
    return [*published_tables(report), *blind_tables(report), *more]
