"""Tables that options of `ahnpl eval` ask for: published numbers, controls, representation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ahnpl_cli.evaluation.published import RE_EVALUATION
from ahnpl_cli.evaluation.report import (
    EvalReport,
    MeanEstimate,
    ModelReport,
    Published,
    SuiteReport,
)
from ahnpl_cli.evaluation.table_cells import LABEL, Row, marked, noted, values_of
from ahnpl_cli.reporting.tables import Cell, Span, Table

MODELS = ("CLIP", "NegCLIP", "CE-CLIP", "AHNPL", "GNM")
BLIND = (
    "shorter, longer: the caption with fewer or more words wins. unigram: the one whose words are "
    "more usual in true captions of other images. Chance is 50 with one foil; a tie is wrong."
)
REPRESENTATION = "Lower left and higher right are better (CE-CLIP, Fig. 8); bootstrap over images."


def published_tables(report: EvalReport) -> list[Table]:
    """Return one table a suite: our models, then what papers print, before re-evaluations."""
    tables = []
    for name, first in report.models[0].suites.items():
        shown = values_of(first)
        columns = _published_columns(name, report, shown)
        if not columns:
            continue
        rows: list[Row] = []
        for label in shown:
            published = [column.values.get(label) for column in columns]
            if any(value is not None for value in published):
                ours = [values_of(model.suites[name]).get(label) for model in report.models]
                rows.append((marked(label, first), *ours, *published))
        heads = [model.name for model in report.models]
        heads += [f"{column.model} †" for column in columns]
        sources = "; ".join(f"{column.model}: {column.source}" for column in columns)
        title = f"{name}: beside published numbers"
        tables.append(Table(title, (LABEL, *heads), tuple(rows), f"† {sources}."))
    return tables


def _published_columns(
    suite: str, report: EvalReport, shown: Mapping[str, float | None]
) -> list[Published]:
    """Return a column for each published model that has a number of this table."""
    columns = []
    for model in MODELS:
        sources = [p for p in report.published if (p.suite, p.model) == (suite, model)]
        column = _merged(suite, model, sources, shown)
        if column.values:
            columns.append(column)
    return columns


def _merged(
    suite: str, model: str, sources: Sequence[Published], shown: Mapping[str, float | None]
) -> Published:
    """Return one column of a model's numbers; where sources overlap, the first one's."""
    values: dict[str, float] = {}
    used: list[str] = []
    for source in sources:
        new = {}
        for name, value in source.values.items():
            if name in shown and name not in values:
                new[name] = value
        # A re-evaluation fills no gaps of a paper's table: its numbers are of another run.
        fills_gaps = bool(values) and source.source == RE_EVALUATION
        if new and not fills_gaps:
            values |= new
            used.append(source.source)
    return Published(suite, model, " and ".join(used), values)


def blind_tables(report: EvalReport) -> list[Table]:
    """Return one table a suite: the models beside controls that never see the image."""
    tables = []
    for name, controls in report.blind.items():
        first = report.models[0].suites[name]
        rows: list[Row] = []
        for label in [*(subset.name for subset in first.subsets), *first.averages]:
            ours = [values_of(model.suites[name]).get(label) for model in report.models]
            blind = [_with_ties(control, label) for control in controls.values()]
            rows.append((marked(label, first), *ours, *blind))
        columns = (LABEL, *(model.name for model in report.models), *controls)
        tables.append(Table(f"{name}: without the image", columns, tuple(rows)))
    return noted(tables, BLIND)


def _with_ties(control: SuiteReport, label: str) -> Cell:
    """Return a number, and how many ties keep it low: `0.0 (60 ties)`."""
    value = values_of(control).get(label)
    # A control that ties on every item would look like a model that is always wrong.
    ties = 0
    for subset in control.subsets:
        if subset.name == label:
            ties = subset.ties
    if value is None or not ties:
        return value
    return (Span(f"{value:.1f}"), Span(f" ({ties:,} ties)", "dim"))


def representation_table(models: Sequence[ModelReport]) -> Table | None:
    """Return similarity within and gap across modalities, or None if not measured."""
    rows: list[Row] = []
    for suite in models[0].representation:
        for model in models:
            estimates = model.representation.get(suite)
            if estimates:
                n = estimates["intra_modal"].n
                rows.append((suite, model.name, n, *_estimate_cells(estimates)))
    columns = ("suite", "model", "n", "cos(T, T_neg)", "95 %", "cos(I,T) - cos(I,T_neg)", "95 %")
    if not rows:
        return None
    return Table("Representation", columns, tuple(rows), REPRESENTATION, digits=3)


def _estimate_cells(estimates: Mapping[str, MeanEstimate]) -> Iterator[Cell]:
    for name in ("intra_modal", "cross_modal_gap"):
        estimate = estimates[name]
        yield estimate.value
        yield f"{estimate.low:.3f} to {estimate.high:.3f}"


def extra_tables(report: EvalReport) -> list[Table]:
    """Return the tables that options ask for."""
    tables = [*published_tables(report), *blind_tables(report)]
    measured = representation_table(report.models)
    if measured is not None:
        tables.append(measured)
    return tables
