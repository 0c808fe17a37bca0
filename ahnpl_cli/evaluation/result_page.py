"""The page's part on benchmark results: headline, bars by subset, hits and misses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from ahnpl_cli.evaluation.report import (
    Difference,
    EvalReport,
    ExampleItem,
    SuiteReport,
)
from ahnpl_cli.evaluation.result_tables import eval_tables
from ahnpl_cli.evaluation.table_cells import Row, significance_mark
from ahnpl_cli.evaluation.trade_off import headline_numbers, shared_suites, size_chart
from ahnpl_cli.reporting.charts import Bar, BarGroup, bar_chart
from ahnpl_cli.reporting.edits import changed, word_edits
from ahnpl_cli.reporting.page import (
    LEFT_OUT,
    Card,
    Section,
    fold,
    gallery,
    grid,
    headline,
    inline,
    picture,
    render_page,
    table,
)
from ahnpl_cli.reporting.tables import Cell, Span, Table
from ahnpl_cli.runs import checkpoint_label

PUBLISHED = ("CLIP", "AHNPL")  # of the papers' rows: the start and the method
CHANGES = {
    "gained": "Gained: wrong at first, right in the end",
    "lost": "Lost: right at first, wrong in the end",
    "missed": "Missed by both",
}


def _with_interval(suite: SuiteReport) -> Cell:
    if math.isnan(suite.headline_value):
        return None
    low, high = suite.intervals.get(suite.headline, (None, None))
    ends = "" if low is None or high is None else f" {low:.1f}\u00a0to\u00a0{high:.1f}"
    return (Span(f"{suite.headline_value:.1f}", "bold"), Span(ends, "dim"))


def _gain(report: EvalReport, suite: str, model: str) -> Cell:
    """How far a model is from the first on a suite's headline, marked if that is significant."""
    headline_name = report.models[0].suites[suite].headline
    gain: Difference | None = None
    for comparison in report.comparisons:
        if (comparison.suite, comparison.other) == (suite, model):
            for difference in comparison.differences:
                # Winoground's headline is a subset too, which another test judges.
                if difference.average and difference.name == headline_name:
                    gain = difference
    if gain is None:
        return None
    ends = Span(f" {gain.low:+.1f}\u00a0to\u00a0{gain.high:+.1f}", "dim")
    return (Span(f"{gain.difference:+.1f}", significance_mark(gain)), ends)


def headline_table(report: EvalReport) -> Table:
    """Return each suite's headline with its interval, and the last model's gain."""
    last = report.models[-1].name
    several = len(report.models) > 1
    columns = ["suite", "average", *(model.name for model in report.models)]
    if several:
        columns.append(f"{last} - {report.models[0].name}")
    rows: list[Row] = []
    for name, suite in report.models[0].suites.items():
        values = [_with_interval(model.suites[name]) for model in report.models]
        gain = [_gain(report, name, last)] if several else []
        rows.append((name, suite.headline, *values, *gain))
    note = "Percent, with 95 % intervals: bootstrap over images."
    if several:
        note += " A colored difference is significant: its interval leaves out 0."
    return Table(
        title="Headlines",
        columns=tuple(columns),
        rows=tuple(rows),
        note=note,
    )


def headline_section(report: EvalReport) -> Section:
    """Return the mean of the suites per model, and each suite's average with its interval."""
    suites = shared_suites(report)
    parts = [f"{name} ({', '.join(suites[name])})" for name in suites if suites[name]]
    text = f"Means of the headlines: {'; '.join(parts)}." if parts else ""
    every = fold("Every subset, average and comparison", [table(t) for t in eval_tables(report)])
    blocks = [headline(headline_numbers(report)), table(headline_table(report))]
    chart = size_chart(report)
    if chart:
        blocks.append(grid([chart]))
    return Section("Results", (*blocks, every), text)


def _bar(suite: SuiteReport, name: str) -> Bar | None:
    for subset in suite.subsets:
        if subset.name == name and subset.accuracy is not None:
            return Bar(subset.accuracy, subset.low, subset.high)
    others = {**suite.averages, **suite.values}
    if name in others:
        return Bar(others[name], *suite.intervals.get(name, (None, None)))
    return None


def _published(report: EvalReport, suite: str) -> dict[str, dict[str, float]]:
    """The papers' values of the start and of the method, by paper model; the first source wins."""
    values: dict[str, dict[str, float]] = {}
    # Papers come before re-evaluations in the file, so the first value is the paper's own.
    for row in report.published:
        if row.suite == suite and row.model in PUBLISHED:
            values.setdefault(row.model, row.values)
    return values


def _groups(report: EvalReport, suite: str) -> list[BarGroup]:
    shown = report.models[0].suites[suite]
    counts = {subset.name: f"n = {subset.n:,}" for subset in shown.subsets}
    if shown.headline in {**shown.averages, **shown.values}:
        counts.setdefault(shown.headline, "average")  # Winoground's `group` is a row as well.
    printed = _published(report, suite).values()
    groups = [
        BarGroup(
            name,
            tuple(_bar(model.suites[suite], name) for model in report.models),
            tuple(values.get(name) for values in printed),
            note,
        )
        for name, note in counts.items()
    ]
    return [group for group in groups if any(bar is not None for bar in group.bars)]


def bars_section(report: EvalReport) -> Section:
    """Return accuracies by subset, models side by side, published values as marks."""
    models = [checkpoint_label(model.name) for model in report.models]
    blocks = []
    for suite in report.suites:
        groups = _groups(report, suite)
        if groups:
            marked = [f"{model}, published" for model in _published(report, suite)]
            chart = bar_chart(suite, models, groups, marked)
            blocks.append(Markup("<div><h3>{}</h3>{}</div>").format(suite, chart))
    text = (
        "Accuracy in percent of n verdicts; whiskers are 95 % intervals. The dashed line is 50 %, "
        "chance where one caption competes."
    )
    if report.published:
        text += " Published values are of the official files, with ViT-B/32."
    return Section("By subset", (grid(blocks, wide=True),) if blocks else (), text)


def _candidate(example: ExampleItem, index: int) -> Markup:
    caption = example.captions[index]
    if index >= example.positives:
        return inline(changed(example.captions[0], word_edits(example.captions[0], caption)))
    return Markup("{}").format(caption)


def _apart(scores: Sequence[float]) -> list[str]:
    """Scores with three digits, or six where three would show a tie that is none."""
    short = [f"{score:.3f}" for score in scores]
    hidden = len(set(short)) < len(set(scores))
    return [f"{score:.6f}" for score in scores] if hidden else short


def _score_line(example: ExampleItem) -> Markup:
    lines = []
    for model, scores in example.scores.items():
        if len(scores) != len(example.captions):
            continue
        best = max(range(len(scores)), key=scores.__getitem__)
        right = best < example.positives
        values = " / ".join(_apart(scores))
        lines.append(
            Markup('<p class="note">{}: {} <span class="{}">{}</span></p>').format(
                model, values, "good" if right else "bad", "✓" if right else "✗"
            )
        )
    return Markup("").join(lines)


def _card(example: ExampleItem) -> Card:
    texts = [
        Markup("<p>{}{}</p>").format(
            Markup('<span class="dim">true </span>') if i < example.positives else "",
            _candidate(example, i),
        )
        for i in range(len(example.captions))
    ]
    name = f"{example.suite}: {', '.join(example.subsets[:1])}"
    blocks = (*texts, _score_line(example))
    if not example.image:
        return Card("", name, blocks, LEFT_OUT)
    return Card(picture(Path(example.image), example.crop), name, blocks)


def examples_section(examples: list[ExampleItem]) -> Section:
    """Return pictures of items that the first and the last model differ on, or both miss."""
    blocks: list[Markup] = []
    for change, title in CHANGES.items():
        cards = [_card(example) for example in examples if example.change == change]
        if cards:
            blocks += [Markup("<h3>{}</h3>").format(title), gallery(cards)]
    text = "Drawn by hash among all such items. Similarities in the order of the captions."
    return Section("Hits and misses", tuple(blocks), text)


def settings_section(report: EvalReport) -> Section:
    """Return what was measured with what: models, weights, settings, files, versions."""
    rows: list[tuple[Cell, ...]] = [
        (f"{model.name}: {key.replace('_', ' ')}", str(value))
        for model in report.models
        for key, value in model.info.items()
    ]
    rows += [(key.replace("_", " "), str(v)) for key, v in report.settings.items() if v is not None]
    for name, suite in report.suites.items():
        rows += [(f"{name}: {path}", f"sha256 {digest}") for path, digest in suite.files.items()]
        rows += [(f"{name}: note", note) for note in suite.notes]
    rows += [(f"{package} version", version) for package, version in report.versions.items()]
    settings = Table("How it was measured", ("", "value"), tuple(rows))
    return Section("Measured with", (table(settings),))


def eval_sections(report: EvalReport) -> list[Section]:
    """Return the sections of benchmark results."""
    return [headline_section(report), bars_section(report), examples_section(report.examples)]


def eval_page(report: EvalReport) -> str:
    """Return the page of benchmark results."""
    models = ", ".join(model.name for model in report.models)
    sections = [*eval_sections(report), settings_section(report)]
    return render_page("Evaluation", f"{models} on {', '.join(report.suites)}", sections)
