"""Is a training run valid: its metrics, its checkpoints, terms that gave no gradient."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from ahnpl_cli.config import InspectConfig
from ahnpl_cli.inspection.curves import RunDetails, curve_table, epoch_rows, epoch_table
from ahnpl_cli.inspection.inspect import run_examples
from ahnpl_cli.inspection.page_run import run_page
from ahnpl_cli.inspection.report import FileReport, Finding, file_report, flat
from ahnpl_cli.inspection.results import results_of_run
from ahnpl_cli.progress import Track
from ahnpl_cli.records import DEAD_AFTER, StepReport, dead_terms
from ahnpl_cli.reporting.tables import Table
from ahnpl_cli.runs import (
    LAST,
    METRICS,
    is_checkpoint,
    read_metrics,
    read_start,
    run_checkpoints,
)


def _metric_findings(steps: tuple[StepReport, ...]) -> list[Finding]:
    if not steps:
        return [Finding("problem", f"no {METRICS}, or no step in it")]
    findings = []
    bad = next((s.step for s in steps if not math.isfinite(s.loss)), None)
    if bad is not None:
        findings.append(Finding("problem", f"the loss is not finite at step {bad:,}"))
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
    return Finding(
        "fine", f"{len(checkpoints)} checkpoints: {', '.join(c.name for c in checkpoints)}"
    )


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
    """Say what a run did; see `inspect_run`."""
    return inspect_run(path)


def tables(details: RunDetails) -> list[Table]:
    """Return the curves and epochs of a run."""
    if not details.steps:
        return []
    return [curve_table(details.steps), epoch_table(epoch_rows(details.steps))]


def page(report: FileReport, config: InspectConfig, track: Track) -> str:
    """Return the page of a run, with examples of its data and its newest evaluation."""
    run = Path(report.path)
    return run_page(report, run_examples(run, config, track), results_of_run(run, config))
