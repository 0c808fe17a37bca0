"""The page of a training run: its results, curves, examples and where everything came from."""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.evaluation.result_page import eval_sections, settings_section
from ahnpl_cli.inspection.curves import RunDetails, curves, epoch_rows, epoch_table
from ahnpl_cli.inspection.page_examples import example_sections
from ahnpl_cli.inspection.pages import provenance_section
from ahnpl_cli.inspection.report import ComparisonReport, FileReport
from ahnpl_cli.reporting.charts import Series, line_chart
from ahnpl_cli.reporting.page import Section, grid, render_page, table

HOW = (
    "Losses before their weights. S is the cosine similarity; the gap S(I,T) - S(I,T_neg) is what "
    "the model gains. M is the threshold that a kind of negative has to be told apart by (Eq. 10); "
    "a is the learnable target of positives (Eq. 8)."
)


def training_section(details: RunDetails) -> Section:
    """Return the curves of a run and its epochs."""
    if not details.steps:
        return Section("Training", ())
    charts = []
    for group in curves(details.steps):
        lines = [Series(name, points) for name, points in group.lines.items()]
        charts.append(line_chart(group.title, lines))
    epochs = table(epoch_table(epoch_rows(details.steps)))
    return Section("Training", (grid(charts), epochs), HOW)


def run_page(
    report: FileReport, examples: ComparisonReport | None, results: EvalReport | None
) -> str:
    """Return the page of a training run.

    Args:
        report: of `inspection.run.inspect_run`.
        examples: some, from the start to the end of the run.
        results: an evaluation of the run's model, if there is one.
    """
    details = report.details
    assert isinstance(details, RunDetails)
    sections: list[Section] = []
    # Readers look for the outcome first, then how it came about, then hits and misses.
    measured = eval_sections(results) if results else []
    sections += measured[:2]
    sections.append(training_section(details))
    if examples:
        sections += example_sections(examples)
    sections += measured[2:]
    sections.append(provenance_section(report))
    if results:
        sections.append(settings_section(results))
    steps = f"{details.steps[-1].step:,} steps" if details.steps else "no steps"
    return render_page(f"Run {Path(report.path).name}", f"{report.path}, {steps}", sections)
