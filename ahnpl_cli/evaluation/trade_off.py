"""Gain and retention side by side: what fine-tuning gave, and what it took.

A method that wins on compositional suites and loses retrieval and zero-shot has moved along a curve
that interpolating weights walks for free, so neither mean is shown without the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from ahnpl_cli.evaluation.benchmarks import is_retention
from ahnpl_cli.evaluation.report import EvalReport, ModelReport, SuiteReport
from ahnpl_cli.evaluation.table_cells import Row, differences_of, shown_coverage, support
from ahnpl_cli.reporting.charts import Dot, DotSeries, dot_chart
from ahnpl_cli.reporting.page import Figure
from ahnpl_cli.reporting.tables import Cell, Mark, Span, Table
from ahnpl_cli.runs import checkpoint_label

GAIN, RETENTION = "compositional", "retention"
NOTE = (
    "Means of the suites' headlines, in percent, and the difference from {first}; ± is half of the "
    "95 % interval, with the suites taken as independent. Compositional: {gain}. Retention: "
    "{retention}."
)
NOTHING_RETAINED = "none was measured: `ahnpl eval retention` says what a gain cost"


@dataclass(frozen=True, slots=True)
class SuiteMean:
    """A model's mean over the headlines of several suites, in percent.

    Attributes:
        value: the mean; NaN where no suite was scored.
        half: half of its 95 % interval; None if a headline has none.
        n: verdicts of all headlines together.
        coverage: n in percent of what there would be with every image.
        chance: mean of what guessing gives on each; None if that of one is not known.
        change: difference to the first model; None for that one.
        change_half: half of the interval of the difference, from the same items.
        significant: whether that interval leaves out 0; of a single suite, what its own test says.
    """

    value: float
    half: float | None
    n: int
    coverage: float
    chance: float | None = None
    change: float | None = None
    change_half: float | None = None
    significant: bool = False


@dataclass(frozen=True, slots=True)
class TradeOff:
    """One model's means.

    Attributes:
        model: its name.
        parameters: how many it has; None if not known.
        means: by `compositional` and `retention`.
    """

    model: str
    parameters: int | None
    means: dict[str, SuiteMean]


def shared_suites(report: EvalReport) -> dict[str, list[str]]:
    """Return the suites of both means: those that every model has a headline of."""
    suites: dict[str, list[str]] = {GAIN: [], RETENTION: []}
    for suite in report.models[0].suites:
        # A suite that one model lacks would make its mean one of other suites.
        values = [model.suites[suite].headline_value for model in report.models]
        if not any(math.isnan(value) for value in values):
            suites[RETENTION if is_retention(suite) else GAIN].append(suite)
    return suites


def _half_of_mean(ends: Sequence[tuple[float | None, float | None]]) -> float | None:
    """Return half the interval of a mean from the intervals of what it is of.

    Suites that share photos are not quite independent; their replicates are not kept, so that no
    better interval can be had from a report.
    """
    squares = []
    for low, high in ends:
        if low is None or high is None:
            return None
        squares.append(((high - low) / 2) ** 2)
    return math.sqrt(sum(squares)) / len(squares) if squares else None


def _mean(report: EvalReport, model: ModelReport, names: Sequence[str]) -> SuiteMean:
    if not names:
        return SuiteMean(math.nan, None, 0, 0.0)
    suites = [model.suites[name] for name in names]
    n = total = 0.0
    for suite in suites:
        scored, coverage = support(suite.headline, suite)
        n += scored or 0
        total += 100 * (scored or 0) / coverage if coverage else 0
    value = sum(suite.headline_value for suite in suites) / len(suites)
    mean = SuiteMean(
        value=value,
        half=_half_of_mean([headline_ends(suite) for suite in suites]),
        n=round(n),
        coverage=100 * n / total if total else suites[0].coverage,
        chance=_chance(report, model, names),
    )
    first = report.models[0]
    return mean if model is first else _compared(mean, report, model, names)


def _chance(report: EvalReport, model: ModelReport, names: Sequence[str]) -> float | None:
    """Return what guessing gives on the mean of suites."""
    total = 0.0
    for name in names:
        guessed = report.chance(name, model.suites[name].headline)
        if guessed is None:
            return None
        total += guessed
    return total / len(names)


def _compared(
    mean: SuiteMean, report: EvalReport, model: ModelReport, names: Sequence[str]
) -> SuiteMean:
    """Return a mean with its difference to the first model."""
    first = report.models[0]
    change = mean.value - sum(first.suites[name].headline_value for name in names) / len(names)
    ends: list[tuple[float | None, float | None]] = []
    tests = []
    for name in names:
        key = (model.name, model.suites[name].headline)
        difference = differences_of(report.comparisons, name).get(key)
        ends.append((difference.low, difference.high) if difference else (None, None))
        tests.append(difference is not None and difference.significant)
    half = _half_of_mean(ends)
    # One test decides one star: the mean of one suite is that suite.
    significant = tests[0] if len(tests) == 1 else half is not None and abs(change) > half
    return replace(mean, change=change, change_half=half, significant=significant)


def headline_ends(suite: SuiteReport) -> tuple[float | None, float | None]:
    """Return the interval of a suite's headline."""
    return suite.intervals.get(suite.headline, (None, None))


def trade_offs(report: EvalReport) -> list[TradeOff]:
    """Return both means of every model."""
    suites = shared_suites(report)
    rows = []
    for model in report.models:
        means = {kind: _mean(report, model, names) for kind, names in suites.items()}
        rows.append(TradeOff(model.name, model.info.get("parameters"), means))
    return rows


def mean_cell(mean: SuiteMean) -> Cell:
    """Return `60.7 ±0.8`."""
    if math.isnan(mean.value):
        return None
    half = "" if mean.half is None else f" ±{mean.half:.1f}"
    return (Span(f"{mean.value:.1f}"), Span(half, "dim"))


def change_cell(mean: SuiteMean) -> Cell:
    """Return `+10.0 ±1.2 *`: green or red, and with a star, where it is significant."""
    if mean.change is None or math.isnan(mean.change):
        return None
    half = "" if mean.change_half is None else f" ±{mean.change_half:.1f}"
    star = " *" if mean.significant else ""
    return Span(f"{mean.change:+.1f}{half}{star}", change_mark(mean))


def change_mark(mean: SuiteMean) -> Mark:
    """Return green for a significant gain, red for a significant loss, and nothing else."""
    if not mean.significant or mean.change is None:
        return ""
    return "good" if mean.change > 0 else "bad"


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
    models = trade_offs(report)
    rows: list[Row] = []
    for model in models:
        cells: list[Cell] = [names[model.model], millions(model.parameters)]
        for mean in (model.means[GAIN], model.means[RETENTION]):
            cells += [mean_cell(mean), change_cell(mean)]
        rows.append(tuple(cells))
    note = NOTE.format(
        first=names[models[0].model],
        gain=", ".join(suites[GAIN]) or "none was measured",
        retention=", ".join(suites[RETENTION]) or NOTHING_RETAINED,
    )
    columns = ("model", "million parameters", GAIN, "gain", RETENTION, "change")
    return Table("Gain and retention", columns, tuple(rows), note)


def headline_figures(report: EvalReport) -> dict[str, list[Figure]]:
    """Return both means of every model, with all that the Summary says of them, for a page."""
    suites = shared_suites(report)
    figures: dict[str, list[Figure]] = {}
    for model in trade_offs(report):
        of_model = figures.setdefault(checkpoint_label(model.model), [])
        for kind, mean in model.means.items():
            if not math.isnan(mean.value):
                of_model.append(_figure(kind, mean, suites[kind]))
    return figures


def _figure(kind: str, mean: SuiteMean, names: Sequence[str]) -> Figure:
    spread = "" if mean.half is None else f"{mean.half:.1f}"
    covered = f"n = {mean.n:,}, {shown_coverage(mean.coverage)} % covered"
    remarks: list[Cell] = [covered]
    change = change_cell(mean)
    if change is not None:
        remarks.insert(0, change)
    what = f"{kind}, {len(names)} suites" if len(names) > 1 else f"{kind}, {names[0]}"
    return Figure(f"{mean.value:.1f} %", spread, what, tuple(remarks))


def size_chart(report: EvalReport) -> Markup:
    """Return compositional mean over parameters (CE-CLIP 4.7); empty without two sizes."""
    series = []
    for model in trade_offs(report):
        value = model.means[GAIN].value
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
