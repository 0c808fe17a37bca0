"""Tables of benchmark results: one model in full, several side by side, a tidy one for CSV."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace

from ahnpl_cli.config import TableFormat
from ahnpl_cli.evaluation.blind import blind_tables
from ahnpl_cli.evaluation.published import gains_tables, published_tables
from ahnpl_cli.evaluation.report import (
    Comparison,
    Difference,
    EvalReport,
    ModelReport,
    SubsetReport,
    SuiteReport,
)
from ahnpl_cli.evaluation.representation import representation_table
from ahnpl_cli.evaluation.table_cells import (
    FULL,
    LABEL,
    Differences,
    Row,
    coverage,
    difference_cell,
    differences_of,
    estimate_cell,
    interval,
    judged_once,
    marked,
    noted,
    significance_mark,
    support_of,
    values_of,
)
from ahnpl_cli.evaluation.trade_off import trade_off_table
from ahnpl_cli.reporting.tables import Cell, Span, Table

COVERAGE = "cover %"
SIGNIFICANT = (
    "* is significant: for a subset McNemar's exact p < .05, for an average its interval "
    "(bootstrap over images) leaves out 0, but an average of the very items of a subset has the "
    "subset's test; not corrected for many tests."
)
RESULTS_NOTE = (
    "± is half of the 95 % interval: Wilson's for a subset, bootstrap over images for an average. "
    "Then the difference from {first} on the same items, green or red where it is significant: "
    "McNemar p < .05 for a subset, interval without 0 for an average. More subsets are in "
    "results.json."
)
BRIEF_NOTE = (
    "Each value with its difference from {first} on the same items, green or red where it is "
    "significant. A wider terminal shows n and intervals; every number is in results.json."
)
# Of these a table of several models shows no row: they have a table or a file of their own.
_DETAILS = (" / ",)
_DETAIL_ENDS = ("R@5", "R@10")
_TIDY_COLUMNS = (
    "model",
    "suite",
    "name",
    "kind",
    "n",
    "percent",
    "low",
    "high",
    "ties",
    "coverage",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "significant",
)


def _subset_row(subset: SubsetReport, suite: SuiteReport) -> Row:
    return (
        marked(subset.name, suite),
        subset.n,
        subset.accuracy,
        interval(subset.low, subset.high),
        subset.ties,
        coverage(subset.coverage),
    )


def _repeated(name: str, models: Sequence[ModelReport]) -> set[str]:
    """Return a suite's averages that say of every model what a row above them says.

    The headline is never one: it is what a reader looks for.
    """
    first = models[0].suites[name]
    subsets = {subset.name for subset in first.subsets}
    shown = set()
    repeated = set()
    for label in values_of(first):
        values = tuple(values_of(model.suites[name]).get(label) for model in models)
        n, cover = support_of(label, first)
        row = (n, cover, values)
        if n is not None and row in shown and label not in {*subsets, first.headline}:
            repeated.add(label)
        shown.add(row)
    return repeated


def _average_rows(suite: SuiteReport, hidden: Container[str]) -> Iterator[Row]:
    subsets = {subset.name for subset in suite.subsets}
    for name, value in {**suite.averages, **suite.values}.items():
        # Winoground's text is a subset and stands as an average too.
        if name in subsets or name in hidden:
            continue
        n, cover = support_of(name, suite)
        ends = interval(*suite.intervals.get(name, (None, None)))
        yield marked(name, suite), n, value, ends, None, cover


def _title(name: str, suite: SuiteReport, model: str = "") -> str:
    title = f"{name}: {model}" if model else name
    return title if suite.coverage else f"{title} (not scored: none of its images is here)"


def _units(models: Sequence[ModelReport]) -> str:
    """Return what the numbers are: percent, and which values are something else."""
    # The unit of a value is the last word of its name: mAP, rank, C.
    last_words: set[str] = set()
    for model in models:
        for suite in model.suites.values():
            last_words.update(name.split(" ")[-1] for name in suite.values)
    exceptions = []
    if "rank" in last_words:
        exceptions.append("ranks (1 is best)")
    if "C" in last_words:
        exceptions.append("the C of a probe")
    return f"Percent, but for {' and '.join(exceptions)}" if exceptions else "Percent"


def covered(table: Table) -> Table:
    """Return the table without its coverage column if everything was scored."""
    # A column that says 100 everywhere only takes room.
    column = table.columns.index(COVERAGE)
    if any(row[column] not in (coverage(FULL), None) for row in table.rows):
        return table
    rows = tuple(row[:column] + row[column + 1 :] for row in table.rows)
    columns = table.columns[:column] + table.columns[column + 1 :]
    return replace(table, columns=columns, rows=rows)


def model_tables(model: ModelReport, tie: str, *, hide_equal: bool = False) -> list[Table]:
    """Return one table a suite: subsets, then named averages; see `eval_tables`."""
    counted = "counts as wrong" if tie == "strict" else "counts as each official script has it"
    note = (
        f"{_units([model])}; 95 % intervals: Wilson for subsets, bootstrap over images for the "
        f"others; n counts verdicts. A tie {counted}. "
        f"{model.info.get('activation', 'activation ?')}, "
        f"weights {str(model.info.get('weights_sha256', '?'))[:12]}."
    )
    columns = (LABEL, "n", "%", "95 % interval", "ties", COVERAGE)
    tables = []
    for name, suite in model.suites.items():
        subsets = [_subset_row(subset, suite) for subset in suite.subsets]
        hidden = _repeated(name, [model]) if hide_equal else ()
        rows = (*subsets, *_average_rows(suite, hidden))
        title = _title(name, suite, model.name)
        tables.append(covered(Table(title, columns, rows, least=("ties",))))
    return noted(tables, note)


def _starred(difference: Difference | None) -> tuple[Cell, ...]:
    """Return a difference, with a star if it is significant, and its interval."""
    if difference is None:
        return None, None
    ends = interval(difference.low, difference.high)
    if not difference.significant:
        return f"{difference.difference:+.1f}", ends
    return Span(f"{difference.difference:+.1f} *", significance_mark(difference)), ends


def _subset_differences(comparisons: Sequence[Comparison], suite: str) -> Differences:
    """Return the differences of subsets alone, which are judged by McNemar's test."""
    differences = {}
    for comparison in comparisons:
        if comparison.suite == suite:
            for difference in comparison.differences:
                if not difference.average:
                    differences[comparison.other, difference.name] = difference
    return differences


def pair_tables(
    models: Sequence[ModelReport], comparisons: Sequence[Comparison], *, hide_equal: bool = False
) -> list[Table]:
    """Return one table a suite with two models as columns, and their difference."""
    first, second = models
    columns = (LABEL, "n", first.name, second.name, COVERAGE, "difference", "95 % interval")
    tables = []
    for name, suite in first.suites.items():
        differences = differences_of(comparisons, name)
        rows: list[Row] = []
        brief_rows: list[Row] = []
        hidden = _repeated(name, models) if hide_equal else set()
        for label, value in values_of(suite).items():
            if label in hidden:
                continue
            n, cover = support_of(label, suite)
            other = values_of(second.suites[name]).get(label)
            difference = differences.get((second.name, label))
            numbers = (marked(label, suite), n, value, other, cover)
            rows.append((*numbers, *_starred(difference)))
            brief_rows.append((*numbers, difference_cell(difference)))
        title = _title(name, suite)
        brief = covered(Table(title, columns[:-1], tuple(brief_rows), least=("n",)))
        tables.append(replace(covered(Table(title, columns, tuple(rows))), narrow=brief))
    return noted(tables, f"{_units(models)}. {_ties(models)} {SIGNIFICANT}")


def _ties(models: Sequence[ModelReport]) -> str:
    """Return how many verdicts were ties, model by model."""
    counts = []
    for model in models:
        ties = 0
        for suite in model.suites.values():
            ties += sum(subset.ties for subset in suite.subsets)
        counts.append(f"{model.name} {ties:,}")
    return f"Ties: {', '.join(counts)}."


def _is_detail(name: str) -> bool:
    """Whether a subset is left to `results.json`."""
    return any(part in name for part in _DETAILS) or name.endswith(_DETAIL_ENDS)


def results_table(
    report: EvalReport,
    *,
    title: str = "Results in percent",
    names: Mapping[str, str] | None = None,
) -> Table:
    """Return suites by models, with n, intervals and the difference from the first model.

    Args:
        report: of several models.
        title: of the table.
        names: what the table calls each model, if not as the report does.
    """
    models = report.models
    heads = [(names or {}).get(model.name, model.name) for model in models]
    note = RESULTS_NOTE.format(first=heads[0])
    tables = []
    for brief in (False, True):
        rows: list[Row] = []
        for suite in models[0].suites:
            rows += _suite_rows(report, suite, brief)
        columns = ("suite", "n", COVERAGE, *heads)
        tables.append(covered(Table(title, columns, tuple(rows), note, least=("n",))))
    full, narrow = tables
    return replace(full, narrow=replace(narrow, note=BRIEF_NOTE.format(first=heads[0])))


def _suite_rows(report: EvalReport, suite: str, brief: bool) -> Iterator[Row]:
    """Yield a suite's headline, in bold, and below it its subsets."""
    models = report.models
    first = models[0].suites[suite]
    of_averages = differences_of(report.comparisons, suite)
    cells = [_headline_cell(model, suite, of_averages, brief) for model in models]
    name = suite if brief else f"{suite}: {first.headline}"
    yield Span(name, "bold"), *support_of(first.headline, first), *cells
    of_subsets = _subset_differences(report.comparisons, suite)
    for subset in first.subsets:
        if not _is_detail(subset.name):
            cells = [_subset_cell(model, suite, subset.name, of_subsets, brief) for model in models]
            yield f"  {subset.name}", *support_of(subset.name, first), *cells


def _subset_cell(
    model: ModelReport, suite: str, label: str, differences: Differences, brief: bool
) -> Cell:
    subset = next(subset for subset in model.suites[suite].subsets if subset.name == label)
    ends = (None, None) if brief else (subset.low, subset.high)
    return estimate_cell(subset.accuracy, ends, differences.get((model.name, label)))


def _headline_cell(model: ModelReport, suite: str, differences: Differences, brief: bool) -> Cell:
    """Return a suite's headline of a model, in bold."""
    of_model = model.suites[suite]
    ends = (None, None) if brief else of_model.intervals.get(of_model.headline, (None, None))
    difference = differences.get((model.name, of_model.headline))
    return estimate_cell(of_model.headline_value, ends, difference, "bold")


def comparison_tables(comparisons: Sequence[Comparison]) -> list[Table]:
    """Return one table a suite and pair of models, with the p of every subset."""
    tables = []
    for comparison in comparisons:
        base, other = comparison.base, comparison.other
        columns = (LABEL, base, other, "difference", "95 % interval", "McNemar p")
        rows: list[Row] = []
        brief_rows: list[Row] = []
        for line in judged_once(comparison.differences):
            label = Span(line.name, "bold" if line.average else "")
            p = None if line.p is None else f"{line.p:.2g}"
            values = (label, line.base, line.other)
            rows.append((*values, *_starred(line), p))
            brief_rows.append((*values, difference_cell(line), p))
        title = f"{comparison.suite}: {other} against {base}, {comparison.items:,} items"
        brief_columns = (*columns[:4], columns[-1])
        brief = Table(title, brief_columns, tuple(brief_rows), least=("McNemar p",))
        tables.append(Table(title, columns, tuple(rows), narrow=brief))
    return noted(tables, f"Percent. {SIGNIFICANT}")


def tidy_table(report: EvalReport) -> Table:
    """Return every number of a report, one a row, for other programs."""
    rows: list[Row] = []
    for model in report.models:
        for name, suite in model.suites.items():
            differences = differences_of(report.comparisons, name)
            for row in _tidy_rows(suite):
                difference = differences.get((model.name, str(row[0])))
                rows.append((model.name, name, *row, *_tidy_difference(difference)))
    return Table("Results", _TIDY_COLUMNS, tuple(rows))


def _tidy_difference(difference: Difference | None) -> Row:
    if difference is None:
        return (None,) * 5
    significant = "yes" if difference.significant else "no"
    ends = (difference.low, difference.high)
    return difference.difference, *ends, difference.p, significant


def _tidy_rows(suite: SuiteReport) -> Iterator[Row]:
    for kind, subsets in (("subset", suite.subsets), ("detail", suite.details)):
        for s in subsets:
            yield s.name, kind, s.n, s.accuracy, s.low, s.high, s.ties, s.coverage
    for kind, values in (("average", suite.averages), ("value", suite.values)):
        for name, value in values.items():
            low, high = suite.intervals.get(name, (None, None))
            support = suite.support.get(name)
            n = support.n if support else None
            share = support.coverage if support else None
            yield name, kind, n, value, low, high, None, share


def _seen_table(models: Sequence[ModelReport]) -> Table:
    """Return which suites show images that a model was trained on, as far as that is known."""
    rows: list[Row] = []
    for model in models:
        for suite, seen in model.seen.items():
            if seen.images:
                share = 100 * seen.items / seen.of_items if seen.of_items else None
                rows.append((suite, model.name, seen.images, seen.items, share))
    columns = ("suite", "model", "images seen in training", "items with one", "% of items")
    note = "By the list of images in the model's run. Score without them: --leave-out-seen."
    return Table("Seen in training", columns, tuple(rows), note)


def extra_tables(report: EvalReport) -> list[Table]:
    """Return the tables that options ask for: published numbers, controls, representation."""
    tables: list[Table] = []
    if report.published:
        tables += [*published_tables(report), *gains_tables(report)]
    if report.blind:
        tables += blind_tables(report)
    seen = _seen_table(report.models)
    if seen.rows:
        tables.append(seen)
    if any(model.representation for model in report.models):
        tables.append(representation_table(report.models))
    return tables


def eval_tables(
    report: EvalReport, format: TableFormat = "rich", *, hide_equal: bool = False
) -> list[Table]:
    """Return the tables of a report.

    One model is shown in full, two side by side, more in one table and each against the first.

    Args:
        report: what `evaluate` returned.
        format: CSV gets one tidy table; others one table a suite.
        hide_equal: whether averages that equal another row are left out.
    """
    if format == "csv":
        return [tidy_table(report)]
    # One model is shown in full; of several the differences are what is looked for.
    models = report.models
    extras = extra_tables(report)
    if len(models) == 1:
        tables = model_tables(models[0], report.settings["tie"], hide_equal=hide_equal)
        return [*tables, *extras]
    if len(models) == 2:
        tables = pair_tables(models, report.comparisons, hide_equal=hide_equal)
        return [*tables, *extras, trade_off_table(report)]
    # Every number by pairs first, so that the table to take away stands last.
    tables = comparison_tables(report.comparisons)
    return [*tables, *extras, trade_off_table(report), results_table(report)]
