"""Whole pages: of a run, of evaluation results, of examples, of any file."""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.inspection.report import ComparisonReport, FileReport
from ahnpl_cli.inspection.run import RunDetails
from ahnpl_cli.reporting.files import tables
from ahnpl_cli.reporting.page import Section, render_page, table
from ahnpl_cli.reporting.page_eval import eval_sections, settings_section
from ahnpl_cli.reporting.page_examples import example_sections
from ahnpl_cli.reporting.page_run import provenance_section, training_section


def examples_page(report: ComparisonReport) -> str:
    """Return the page of examples under models."""
    subtitle = f"Distances and similarities under {', '.join(report.models)}"
    return render_page("Examples", subtitle, example_sections(report))


def eval_page(report: EvalReport) -> str:
    """Return the page of benchmark results."""
    models = ", ".join(model.name for model in report.models)
    sections = [*eval_sections(report), settings_section(report)]
    return render_page("Evaluation", f"{models} on {', '.join(report.suites)}", sections)


def file_page(report: FileReport) -> str:
    """Return the page of any other file that was inspected."""
    verdict = "sound" if report.sound else "not sound"
    found = tuple(table(made) for made in tables(report)[2:])
    sections = [provenance_section(report), Section("Details", found)]
    return render_page(Path(report.path).name, f"{report.what}, {verdict}", sections)


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
    sections = [
        *(eval_sections(results)[:2] if results else []),
        training_section(details),
        *(example_sections(examples) if examples else []),
        *(eval_sections(results)[2:] if results else []),
        provenance_section(report),
        *([settings_section(results)] if results else []),
    ]
    steps = f"{details.steps[-1].step:,} steps" if details.steps else "no steps"
    return render_page(f"Run {Path(report.path).name}", f"{report.path}, {steps}", sections)
