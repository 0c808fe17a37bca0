"""The page's part on benchmark results: headline, bars by subset, hits and misses."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from markupsafe import Markup

from ahnpl_cli.evaluation.report import (
    Difference,
    EvalReport,
    ExampleItem,
    SuiteReport,
)
from ahnpl_cli.evaluation.result_tables import eval_tables
from ahnpl_cli.evaluation.table_cells import (
    FULL,
    Row,
    shown_coverage,
    significance_mark,
    support,
)
from ahnpl_cli.evaluation.trade_off import (
    SuiteMean,
    change_mark,
    headline_figures,
    shared_suites,
    size_chart,
    trade_offs,
)
from ahnpl_cli.reporting.charts import Bar, BarGroup, bar_chart
from ahnpl_cli.reporting.edits import changed, word_edits
from ahnpl_cli.reporting.page import (
    LEFT_OUT,
    Card,
    Section,
    columns,
    fold,
    gallery,
    grid,
    headline,
    inline,
    long_table,
    picture,
    render_page,
    table,
)
from ahnpl_cli.reporting.tables import Cell, Span, Table
from ahnpl_cli.runs import checkpoint_label

CARDS = 6  # of a kind that are shown unasked
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


def _mean_with_interval(mean: SuiteMean) -> Cell:
    if math.isnan(mean.value):
        return None
    ends = ""
    if mean.half is not None:
        ends = f" {mean.value - mean.half:.1f}\u00a0to\u00a0{mean.value + mean.half:.1f}"
    return (Span(f"{mean.value:.1f}", "bold"), Span(ends, "dim"))


def headline_table(report: EvalReport) -> Table:
    """Return each suite's headline with all that a reader needs with it, and the means of these."""
    first, last = report.models[0], report.models[-1]
    several = len(report.models) > 1
    heads = ["suite", "chance", *(model.name for model in report.models)]
    if several:
        heads.append(f"{last.name} - {first.name}")
    rows: list[Row] = []
    for name, suite in first.suites.items():
        values = [_with_interval(model.suites[name]) for model in report.models]
        gain = [_gain(report, name, last.name)] if several else []
        label = _label(name, suite.headline, *support(suite.headline, suite))
        rows.append((label, report.chance(name, suite.headline), *values, *gain))
    note = (
        "Percent, with 95 % intervals: bootstrap over images; a mean's takes suites as independent."
    )
    if several:
        note += " A colored difference is significant: its interval leaves out 0."
    rows += _mean_rows(report)
    return Table("Headlines", tuple(heads), tuple(rows), note)


def _mean_rows(report: EvalReport) -> Iterator[Row]:
    """Yield the means over several suites, as the Summary on the terminal has them."""
    models = trade_offs(report)
    for kind, names in shared_suites(report).items():
        if len(names) > 1:
            means = [model.means[kind] for model in models]
            label = _label(kind, f"mean of {len(names)}", means[0].n, means[0].coverage)
            values = [_mean_with_interval(mean) for mean in means]
            gain = [_mean_gain(means[-1])] if len(models) > 1 else []
            yield label, means[0].chance, *values, *gain


def _label(name: str, headline: str, n: int | None, scored: float) -> Cell:
    """Return a suite with what stands for it, n, and coverage where it is not all."""
    return (Span(name), Span(f" {_support_note(f'{headline}, n', n, scored)}", "dim"))


def _mean_gain(mean: SuiteMean) -> Cell:
    """Return the change of a mean as `_gain` has that of a suite."""
    if mean.change is None or mean.change_half is None:
        return None
    low, high = mean.change - mean.change_half, mean.change + mean.change_half
    ends = Span(f" {low:+.1f}\u00a0to\u00a0{high:+.1f}", "dim")
    return (Span(f"{mean.change:+.1f}", change_mark(mean)), ends)


def headline_section(report: EvalReport) -> Section:
    """Return the mean of the suites per model, and each suite's average with its interval."""
    suites = shared_suites(report)
    parts = []
    for kind, names in suites.items():
        if names:
            parts.append(f"{kind} ({', '.join(names)})")
    text = f"Means of the suites' headlines: {'; '.join(parts)}." if parts else ""
    blocks = [headline(headline_figures(report)), table(headline_table(report), stacked=True)]
    chart = size_chart(report)
    if chart:
        blocks.append(grid([chart]))
    return Section("Results", tuple(blocks), text)


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


def _bar_notes(suite: SuiteReport) -> dict[str, str]:
    """Return what stands below the label of each bar: n, and coverage where it is not all."""
    notes = {}
    for subset in suite.subsets:
        notes[subset.name] = _support_note("n", subset.n, subset.coverage)
    if suite.headline in {**suite.averages, **suite.values}:
        n, scored = support(suite.headline, suite)
        # Winoground's `group` is a row as well.
        notes.setdefault(suite.headline, _support_note("average, n", n, scored))
    return notes


def _support_note(what: str, n: int | None, scored: float) -> str:
    note = what.removesuffix(", n") if n is None else f"{what} = {n:,}"
    return note if scored == FULL else f"{note}, {shown_coverage(scored)} % covered"


def _groups(report: EvalReport, suite: str) -> list[BarGroup]:
    printed = _published(report, suite).values()
    groups = []
    for name, note in _bar_notes(report.models[0].suites[suite]).items():
        bars = tuple(_bar(model.suites[suite], name) for model in report.models)
        if any(bar is not None for bar in bars):
            marks = tuple(values.get(name) for values in printed)
            groups.append(BarGroup(name, bars, marks, note, report.chance(suite, name)))
    return groups


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
        "Accuracy in percent of n verdicts; whiskers are 95 % intervals. A dashed line is what "
        "guessing gives, where that is known."
    )
    if report.published:
        text += " Published values are of the official files, with ViT-B/32."
    return Section("By subset", (columns(blocks),) if blocks else (), text)


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


def _in_turns(examples: Sequence[ExampleItem]) -> list[ExampleItem]:
    """Return one example of every suite, then a second of every suite, and so on."""
    turns = []
    taken: Counter[str] = Counter()
    for example in examples:
        turns.append((taken[example.suite], example))
        taken[example.suite] += 1
    # Stable, so that the suites keep their order within a turn.
    turns.sort(key=lambda turn: turn[0])
    return [example for _, example in turns]


def examples_section(examples: list[ExampleItem]) -> Section:
    """Return pictures of items that the first and the last model differ on, or both miss."""
    blocks: list[Markup] = []
    for change, title in CHANGES.items():
        chosen = [example for example in examples if example.change == change]
        cards = [_card(example) for example in _in_turns(chosen)]
        if cards:
            blocks += [Markup("<h3>{}</h3>").format(title), gallery(cards[:CARDS])]
        if len(cards) > CARDS:
            blocks.append(fold(f"{len(cards) - CARDS} more", [gallery(cards[CARDS:])]))
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
    settings = Table("Weights, settings, files and versions", ("", "value"), tuple(rows))
    return Section("Measured with", (long_table(settings),))


def numbers_section(report: EvalReport) -> Section:
    """Return every number that was measured, folded: a page of paper shows them all."""
    tables = [table(content) for content in eval_tables(report, hide_equal=True)]
    return Section("Every number", (fold("Subsets, averages and comparisons", tables),))


def eval_sections(report: EvalReport) -> list[Section]:
    """Return the sections of benchmark results."""
    return [headline_section(report), bars_section(report), examples_section(report.examples)]


def eval_page(report: EvalReport) -> str:
    """Return the page of benchmark results."""
    models = ", ".join(model.name for model in report.models)
    sections = [*eval_sections(report), numbers_section(report), settings_section(report)]
    return render_page("Evaluation", f"{models} on {', '.join(report.suites)}", sections)
