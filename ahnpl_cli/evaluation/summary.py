"""The one table that `ahnpl eval` ends in: every suite's headline, and what a reader needs with it.

Everything else that was measured is in the report, and on the terminal behind `--full`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ahnpl_cli.config import TableFormat
from ahnpl_cli.evaluation.report import EvalReport, SuiteReport
from ahnpl_cli.evaluation.result_tables import (
    COVERAGE,
    eval_tables,
    extra_tables,
    tidy_table,
)
from ahnpl_cli.evaluation.table_cells import (
    Row,
    coverage,
    difference_cell,
    differences_of,
    estimate_cell,
    interval,
    support_of,
)
from ahnpl_cli.evaluation.trade_off import (
    SuiteMean,
    change_cell,
    headline_ends,
    mean_cell,
    shared_suites,
    trade_offs,
)
from ahnpl_cli.reporting.tables import Cell, Table

SEVERAL = (
    "Percent, ± half of the 95 % interval (bootstrap over images). Difference to {first} on the "
    "same items, ± half of its interval; * is significant: McNemar p < .05 where the headline is "
    "one subset, else an interval without 0. A mean's ± takes its suites as independent. {more}"
)
ONE = "Percent; 95 % intervals: bootstrap over images. {more}"
MORE = "Every subset, average and test: --full."


def summary_table(report: EvalReport, note: str = MORE) -> Table:
    """Return a row for each suite and model: headline, n, interval, difference, chance, coverage.

    Args:
        report: of one model or several.
        note: ends the note under the table.
    """
    half = report.settings.get("half")
    if half:
        # Coverage alone would look as if photos were missing.
        note = f"Of one half of the items: {half}. {note}"
    if len(report.models) == 1:
        return _of_one(report, note)
    return _of_several(report, note)


def _of_one(report: EvalReport, note: str) -> Table:
    (model,) = report.models
    rows: list[Row] = []
    for name, suite in model.suites.items():
        n, _ = support_of(suite.headline, suite)
        value = None if math.isnan(suite.headline_value) else suite.headline_value
        ends = interval(*headline_ends(suite))
        rows.append(
            (name, suite.headline, n, value, ends, *_chance_and_coverage(report, name, suite))
        )
    (means,) = trade_offs(report)
    for kind, names in shared_suites(report).items():
        if len(names) > 1:
            mean = means.means[kind]
            cells = (kind, f"mean of {len(names)}", mean.n, mean.value, _mean_interval(mean))
            rows.append((*cells, mean.chance, coverage(mean.coverage)))
    columns = ("suite", "headline", "n", "%", "95 % interval", "chance", COVERAGE)
    text = ONE.format(more=note).strip()
    return Table(f"Summary: {model.name}", columns, tuple(rows), text, least=("headline", "chance"))


def _of_several(report: EvalReport, note: str) -> Table:
    first = report.models[0]
    rows: list[Row] = []
    for name in first.suites:
        differences = differences_of(report.comparisons, name)
        for model in report.models:
            suite = model.suites[name]
            headline = suite.headline
            n, _ = support_of(headline, suite)
            value = estimate_cell(suite.headline_value, headline_ends(suite), None)
            difference = difference_cell(differences.get((model.name, headline)))
            cells = (name, headline, model.name, n, value, difference)
            rows.append((*cells, *_chance_and_coverage(report, name, suite)))
    rows += _mean_rows(report)
    columns = ("suite", "headline", "model", "n", "%", "difference", "chance", COVERAGE)
    text = SEVERAL.format(first=first.name, more=note).strip()
    # On a narrow terminal the value and its difference stay; a headline's name is in the manual.
    return Table("Summary", columns, tuple(rows), text, least=("headline", "chance"))


def _mean_rows(report: EvalReport) -> Iterator[Row]:
    """Yield what was gained and what was kept over all suites, with which a page opens."""
    models = trade_offs(report)
    for kind, names in shared_suites(report).items():
        if len(names) < 2:
            continue
        for model in models:
            mean = model.means[kind]
            numbers = (mean.n, mean_cell(mean), change_cell(mean), mean.chance)
            name = f"mean of {len(names)}"
            yield kind, name, model.model, *numbers, coverage(mean.coverage)


def _mean_interval(mean: SuiteMean) -> Cell:
    if mean.half is None:
        return None
    return interval(mean.value - mean.half, mean.value + mean.half)


def _chance_and_coverage(report: EvalReport, name: str, suite: SuiteReport) -> tuple[Cell, Cell]:
    """Return what stands beside every headline, also where everything was scored."""
    support = suite.support.get(suite.headline)
    scored = suite.coverage if support is None else support.coverage
    guessed = report.chance(name, suite.headline)
    # One caption of 25,010 is not none.
    shown = "<0.1" if guessed is not None and guessed < 0.05 else guessed
    return shown, coverage(scored)


def shown_tables(report: EvalReport, format: TableFormat, *, full: bool) -> Sequence[Table]:
    """Return what a terminal shows: what was asked for by an option, and the summary last.

    Args:
        report: what `evaluate` returned.
        format: CSV is for programs, and gets every number.
        full: whether every subset, average and comparison comes before.
    """
    if format == "csv":
        return [tidy_table(report)]
    if full:
        return [*eval_tables(report, hide_equal=True), summary_table(report, "")]
    return [*extra_tables(report), summary_table(report)]
