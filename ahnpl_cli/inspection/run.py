"""Is a training run valid: its metrics, its checkpoints, terms that gave no gradient."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

from ahnpl_cli.backbones.source import run_sources
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import AhnplError
from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.evaluation.result_page import eval_sections, numbers_section, settings_section
from ahnpl_cli.inspection.curves import RunDetails, curve_table, curves, epoch_rows, epoch_table
from ahnpl_cli.inspection.examples import RecordSample, training_data
from ahnpl_cli.inspection.inspect import run_examples
from ahnpl_cli.inspection.landing import (
    SAMPLED,
    PaintedNegative,
    landing_section,
    landing_table,
    landings,
    painted_negatives,
)
from ahnpl_cli.inspection.pages import example_sections, provenance_section
from ahnpl_cli.inspection.report import (
    ComparisonReport,
    FileReport,
    Finding,
    file_report,
    flat,
)
from ahnpl_cli.inspection.results import results_of_run
from ahnpl_cli.progress import Track
from ahnpl_cli.records import DEAD_AFTER, StepReport, dead_terms
from ahnpl_cli.reporting.charts import Series, line_chart
from ahnpl_cli.reporting.page import Section, grid, render_page, table
from ahnpl_cli.reporting.tables import Table
from ahnpl_cli.runs import (
    LAST,
    METRICS,
    is_checkpoint,
    read_metrics,
    read_start,
    run_checkpoints,
)

HOW = (
    "Losses before their weights. S is the cosine similarity; the gap S(I,T) - S(I,T_neg) is what "
    "the model gains. M is the threshold that a kind of negative has to be told apart by (Eq. 10); "
    "a is the learnable target of positives (Eq. 8)."
)


def _metric_findings(steps: tuple[StepReport, ...]) -> list[Finding]:
    if not steps:
        return [Finding("problem", f"no {METRICS}, or no step in it")]
    findings = []
    broken = [step.step for step in steps if not math.isfinite(step.loss)]
    if broken:
        findings.append(Finding("problem", f"the loss is not finite at step {broken[0]:,}"))
    # A resumed run cuts its log at the checkpoint, so a step that comes twice is another writer's.
    numbers = [step.step for step in steps]
    if numbers != sorted(set(numbers)):
        findings.append(Finding("problem", "steps are not in order: two runs wrote here"))
    if not findings:
        findings.append(Finding("fine", f"{len(steps):,} logged steps in order, every loss finite"))
    for name in dead_terms(steps):
        what = f"{name} gave no gradient in the last {DEAD_AFTER} logged steps"
        findings.append(Finding("note", what))
    skipped = steps[-1].skipped
    if skipped:
        findings.append(Finding("note", f"{skipped:,} images could not be decoded"))
    return findings


def _checkpoint_finding(run: Path, checkpoints: list[Path]) -> Finding:
    if not is_checkpoint(run / LAST):
        return Finding("problem", "no `last`: the run ended before its first checkpoint")
    names = ", ".join(folder.name for folder in checkpoints)
    return Finding("fine", f"{len(checkpoints)} checkpoints: {names}")


def _facts(run: Path, steps: tuple[StepReport, ...]) -> dict[str, str | int | float | None]:
    facts = {f"start {name}": value for name, value in flat(asdict(read_start(run))).items()}
    if steps:
        end = steps[-1]
        facts |= {"steps": end.step, "epochs": end.epoch, "loss at the end": end.loss}
        facts |= {"a at the end": end.a, "S(I,T) - S(I,T_neg) at the end": end.gap}
        facts |= {"images per second": end.images_per_second}
    return facts


def inspect_run(run: Path) -> FileReport:
    """Say what a training run did and whether what it left is valid.

    Raises:
        DataError: its metrics cannot be read.
    """
    steps = tuple(read_metrics(run))
    checkpoints = run_checkpoints(run)
    findings = [*_metric_findings(steps), _checkpoint_finding(run, checkpoints)]
    details = RunDetails(steps, tuple(folder.name for folder in checkpoints))
    return file_report(str(run), "run", _facts(run, steps), findings, details)


def inspect(path: Path, config: InspectConfig, track: Track) -> FileReport:
    """Say what a run did, and where the painted pictures of its data lie; see `inspect_run`."""
    report = inspect_run(path)
    negatives = _painted_data(path, config.seed)
    if not negatives or not is_checkpoint(path / LAST):
        return report
    try:
        measured = landings(
            negatives,
            run_sources(path),
            device=config.device,
            force_quick_gelu=config.force_quick_gelu,
        )
    except AhnplError as error:
        # A run is valid without its start, or without its pictures.
        finding = Finding("note", f"the painted pictures were not measured: {error.what}")
        return replace(report, findings=(*report.findings, finding))
    return replace(report, details=replace(report.details, landings=measured))


def _painted_data(run: Path, seed: int) -> list[PaintedNegative]:
    """Return some painted negatives of the data that a run was trained on, if they are there."""
    for path, root in training_data(run):
        if not path.is_file():
            continue
        sample = RecordSample(SAMPLED, seed)
        for record in read_records(path):
            if any(negative.image for negative in record.negatives):
                sample.add(record)
        negatives = list(painted_negatives(sample.records(), root, path.parent))
        if negatives:
            return negatives
    return []


def tables(details: RunDetails) -> list[Table]:
    """Return the curves and epochs of a run, and where painted pictures lie."""
    if not details.steps:
        return []
    shown = [curve_table(details.steps), epoch_table(epoch_rows(details.steps))]
    return [*shown, landing_table(details.landings)] if details.landings else shown


def page(report: FileReport, config: InspectConfig, track: Track) -> str:
    """Return the page of a run, with examples of its data and its newest evaluation."""
    run = Path(report.path)
    return run_page(report, run_examples(run, config, track), results_of_run(run, config))


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
    if details.landings:
        sections.append(landing_section(details.landings))
    if examples:
        sections += example_sections(examples)
    sections += measured[2:]
    if results:
        sections.append(numbers_section(results))
    sections.append(provenance_section(report))
    if results:
        sections.append(settings_section(results))
    steps = f"{details.steps[-1].step:,} steps" if details.steps else "no steps"
    return render_page(f"Run {Path(report.path).name}", f"{report.path}, {steps}", sections)
