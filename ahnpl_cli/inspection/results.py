"""Is a report of `ahnpl eval` valid: complete, consistent, and with its scores beside it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ahnpl_cli.backbones.checkpoint import read_checkpoint_info
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.output import items_path, read_items, read_report
from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.inspection.report import FileReport, Finding, file_report
from ahnpl_cli.progress import Track
from ahnpl_cli.records import SCHEMA
from ahnpl_cli.reporting.eval import eval_tables
from ahnpl_cli.reporting.page_eval import eval_page
from ahnpl_cli.reporting.tables import Table
from ahnpl_cli.runs import LAST, is_checkpoint

Facts = dict[str, str | int | float | None]
_adapter = TypeAdapter(EvalReport)


def _fill_nan(tree: dict[str, Any]) -> None:
    """JSON has no NaN; a suite without any verdict has null there."""
    with contextlib.suppress(
        AttributeError, KeyError, TypeError
    ):  # The check of types says what is wrong.
        for model in tree["models"]:
            for suite in model["suites"].values():
                if suite["headline_value"] is None:
                    suite["headline_value"] = math.nan


def load_results(path: Path) -> EvalReport:
    """Return a saved report of `ahnpl eval`.

    Raises:
        DataError: the file is not one, or was written by a newer version.
    """
    tree = read_report(path)
    if tree.get("schema", 0) > SCHEMA:
        hint = "Update ahnpl, or look at it with the version that wrote it."
        raise DataError("written by a newer version", where=str(path), hint=hint)
    _fill_nan(tree)
    try:
        return _adapter.validate_python(tree)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        hint = "The file was changed by hand, or cut: evaluate again."
        raise DataError(first["msg"].lower(), where=f"{path}: {field}", hint=hint) from error


def reports_near(checkpoint: Path) -> Iterator[tuple[Path, EvalReport]]:
    """Yield the evaluation reports in a checkpoint, in its run, beside the runs, and here."""
    here = checkpoint.resolve()
    for place in dict.fromkeys([here, *here.parents[:3], Path.cwd()]):
        for path in sorted(place.glob("*results*.json")):
            with contextlib.suppress(DataError):
                yield path, load_results(path)


def measures(report: EvalReport, sha256: str | None) -> bool:
    """Whether a report measured the model with these weights."""
    return any(model.info.get("weights_sha256") == sha256 for model in report.models)


def evaluations_of(sha256: str, checkpoint: Path) -> Facts:
    """Return what a checkpoint was measured at: the primary averages in reports near it."""
    return {
        f"evaluated: {name} {suite.primary} ({path.name})": suite.headline_value
        for path, report in reports_near(checkpoint)
        for model in report.models
        if model.info.get("weights_sha256") == sha256
        for name, suite in model.suites.items()
    }


def _range_findings(report: EvalReport) -> Iterator[Finding]:
    for model in report.models:
        for name, suite in model.suites.items():
            for subset in suite.subsets:
                where = f"{model.name}, {name} {subset.name}"
                value = subset.accuracy
                if value is not None and not 0 <= value <= 100:
                    yield Finding("problem", f"{where}: accuracy {value} is not a percentage")
                if subset.n > subset.total or subset.ties > subset.n:
                    yield Finding("problem", f"{where}: counts contradict each other")
            if suite.coverage < 100:
                text = f"{model.name}, {name}: {suite.coverage:.1f} % of the items were scored"
                yield Finding("note", text)


def _recount_findings(report: EvalReport, path: Path) -> Iterator[Finding]:
    """Do the saved scores give the accuracies that the report states?"""
    scores = read_items({"items": report.items}, path)
    wrong = 0
    for model in report.models:
        for name, suite in model.suites.items():
            verdicts = scores.get(model.name, {}).get(name, [])
            for subset in suite.subsets:
                votes = [v.correct[subset.name] for v in verdicts if subset.name in v.correct]
                stated = subset.accuracy if subset.accuracy is not None else 0.0
                counted = 100 * sum(votes) / len(votes) if votes else 0.0
                wrong += len(votes) != subset.n or not math.isclose(counted, stated, abs_tol=1e-4)
    if wrong:
        yield Finding("problem", f"{wrong} subsets do not follow from the saved scores")
    else:
        yield Finding("fine", "every accuracy follows from the saved scores")


def inspect_results(path: Path) -> FileReport:
    """Say what a report of `ahnpl eval` holds and whether it is valid.

    Raises:
        DataError: it cannot be read as one.
    """
    report = load_results(path)
    findings = list(_range_findings(report))
    if path.with_name(report.items or items_path(path).name).is_file():
        findings += _recount_findings(report, path)
    else:
        text = "the scores of single items are not beside it: no paired tests, no hits and misses"
        findings.append(Finding("note", text))
    findings += [
        Finding("note", f"{name}: {note}") for name, s in report.suites.items() for note in s.notes
    ]
    facts: Facts = {
        "models": ", ".join(model.name for model in report.models),
        "suites": ", ".join(report.suites),
        **{key: str(value) for key, value in report.settings.items() if value is not None},
        **{f"{name} version": value for name, value in report.versions.items()},
    }
    return file_report(str(path), "results", facts, findings, report)


def inspect(path: Path, config: InspectConfig, track: Track) -> FileReport:
    """Say what a report of `ahnpl eval` holds; see `inspect_results`."""
    return inspect_results(path)


def tables(details: EvalReport) -> list[Table]:
    """Return the tables that `ahnpl eval` printed."""
    return eval_tables(details)


def page(report: FileReport, config: InspectConfig, track: Track) -> str:
    """Return the page that `ahnpl eval --html` wrote."""
    return eval_page(report.details)


def results_of_run(run: Path) -> EvalReport | None:
    """Return the newest evaluation near a run that measured its last model, if any."""
    last = run / LAST
    sha256 = read_checkpoint_info(last).get("weights_sha256") if is_checkpoint(last) else None
    reports = {path: report for path, report in reports_near(last) if measures(report, sha256)}
    newest = max(reports, key=lambda path: path.stat().st_mtime, default=None)
    return reports[newest] if newest else None
