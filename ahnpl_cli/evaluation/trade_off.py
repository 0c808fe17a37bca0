"""Gain and retention side by side: what fine-tuning gave, and what it took.

A method that wins on compositional suites and loses retrieval and zero-shot has moved along a curve
that interpolating weights walks for free, so neither mean is shown without the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ahnpl_cli.evaluation.benchmarks import is_retention
from ahnpl_cli.evaluation.report import EvalReport, ModelReport
from ahnpl_cli.evaluation.table_cells import Row
from ahnpl_cli.reporting.charts import Dot, DotSeries, dot_chart
from ahnpl_cli.reporting.tables import Cell, Span, Table
from ahnpl_cli.runs import checkpoint_label

GAIN, RETENTION = "compositional", "retention"
NOTE = (
    "Means of the suites' headlines, in percent, and the difference from {first}. Compositional: "
    "{gain}. Retention: {retention}."
)
NOTHING_RETAINED = "none was measured: `ahnpl eval retention` says what a gain cost"


@dataclass(frozen=True, slots=True)
class TradeOff:
    """One model's means.

    Attributes:
        model: its name.
        parameters: how many it has; None if not known.
        means: by `compositional` and `retention`, in percent; NaN where no suite was scored.
    """

    model: str
    parameters: int | None
    means: dict[str, float]


def shared_suites(report: EvalReport) -> dict[str, list[str]]:
    """Return the suites of both means: those that every model has a headline of."""
    suites: dict[str, list[str]] = {GAIN: [], RETENTION: []}
    for suite in report.models[0].suites:
        # A suite that one model lacks would make its mean one of other suites.
        values = [model.suites[suite].headline_value for model in report.models]
        if not any(math.isnan(value) for value in values):
            suites[RETENTION if is_retention(suite) else GAIN].append(suite)
    return suites


def _mean(model: ModelReport, suites: Sequence[str]) -> float:
    values = [model.suites[suite].headline_value for suite in suites]
    return sum(values) / len(values) if values else math.nan


def trade_offs(report: EvalReport) -> list[TradeOff]:
    """Return both means of every model."""
    suites = shared_suites(report)
    rows = []
    for model in report.models:
        means = {name: _mean(model, members) for name, members in suites.items()}
        rows.append(TradeOff(model.name, model.info.get("parameters"), means))
    return rows


def _number(value: float) -> Cell:
    return None if math.isnan(value) else value


def _change(value: float, first: float) -> Cell:
    change = value - first
    if math.isnan(change):
        return None
    return Span(f"{change:+.1f}", "good" if change > 0 else "bad" if change < 0 else "")


def millions(parameters: int | None) -> Cell:
    """Return a number of parameters in millions."""
    return None if parameters is None else f"{parameters / 1e6:,.1f}"


def trade_off_table(report: EvalReport, names: Mapping[str, str] | None = None) -> Table:
    """Return a row for each model: parameters, both means, and their differences to the first.

    Args:
        report: of several models.
        names: what the table calls each model, if not as the report does.
    """
    names = names or {model.name: model.name for model in report.models}
    suites = shared_suites(report)
    first, *_ = models = trade_offs(report)
    rows: list[Row] = []
    for model in models:
        cells: list[Cell] = [names[model.model], millions(model.parameters)]
        for name in (GAIN, RETENTION):
            cells.append(_number(model.means[name]))
            is_first = model is first
            cells.append(None if is_first else _change(model.means[name], first.means[name]))
        rows.append(tuple(cells))
    note = NOTE.format(
        first=names[first.model],
        gain=", ".join(suites[GAIN]) or "none was measured",
        retention=", ".join(suites[RETENTION]) or NOTHING_RETAINED,
    )
    columns = ("model", "million parameters", GAIN, "gain", RETENTION, "change")
    return Table("Gain and retention", columns, tuple(rows), note)


def headline_numbers(report: EvalReport) -> list[tuple[str, str, str]]:
    """Return (value, what it is, remark) of both means of every model, for a page."""
    first, *_ = models = trade_offs(report)
    numbers = []
    for model in models:
        for name in (GAIN, RETENTION):
            value, start = model.means[name], first.means[name]
            if math.isnan(value):
                continue
            remark = "" if model is first else f"{value - start:+.1f} points"
            numbers.append((f"{value:.1f} %", f"{checkpoint_label(model.model)}: {name}", remark))
    return numbers


def size_chart(report: EvalReport) -> Markup:
    """Return compositional mean over parameters (CE-CLIP 4.7); empty without two sizes."""
    series = []
    for model in trade_offs(report):
        value = model.means[GAIN]
        if model.parameters is not None and not math.isnan(value):
            dot = Dot(model.parameters / 1e6, value, model.model)
            series.append(DotSeries(checkpoint_label(model.model), (dot,)))
    # One size has no trend: a start and its fine-tuned models stand on one line.
    if len({group.dots[0].x for group in series}) < 2:
        return Markup("")
    return dot_chart(
        "Compositional mean over size",
        series,
        x_name="million parameters",
        y_name="compositional mean",
    )
