"""Is a report of `ahnpl eval` valid: complete, consistent, and with its scores beside it."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.load import read_checkpoint_info
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.data.images import file_sha256, is_below
from ahnpl_cli.evaluation.output import (
    checksum,
    load_report,
    read_report,
    read_scores,
    scores_of,
)
from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.evaluation.result_page import eval_page
from ahnpl_cli.evaluation.result_tables import eval_tables
from ahnpl_cli.evaluation.saved_results import compared_again, measures, recounted, reports_near
from ahnpl_cli.evaluation.suite_report import Bootstrap
from ahnpl_cli.files import to_json
from ahnpl_cli.inspection.report import Facts, FileReport, Finding, file_report, flat
from ahnpl_cli.progress import Track
from ahnpl_cli.reporting.tables import Table
from ahnpl_cli.runs import LAST, is_checkpoint

SHOWN = 3  # numbers that a finding names
DIFFERENCE = 1e-4  # in percent: Parquet keeps scores in single precision


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


def _changed_numbers(stated: Any, counted: Any, where: str) -> Iterator[str]:
    """Yield where a stated number is not the one that was counted again."""
    if isinstance(counted, dict):
        if not isinstance(stated, dict) or stated.keys() != counted.keys():
            yield where
            return
        for key, value in counted.items():
            yield from _changed_numbers(stated[key], value, f"{where} {key}")
    elif isinstance(counted, list):
        if not isinstance(stated, list) or len(stated) != len(counted):
            yield where
            return
        for first, second in zip(stated, counted, strict=True):
            name = second.get("name", "") if isinstance(second, dict) else ""
            yield from _changed_numbers(first, second, f"{where} {name}".rstrip())
    elif isinstance(counted, float) and isinstance(stated, int | float):
        if not math.isclose(stated, counted, abs_tol=DIFFERENCE):
            yield where
    elif stated != counted:
        yield where


def _recount(report: EvalReport, path: Path) -> Iterator[str]:
    """Yield what the report states and the saved scores do not give."""
    # Everything is counted again from the verdicts, so that an edited number shows.
    scores = read_scores(report.items, path)
    bootstrap = Bootstrap(int(report.settings["bootstrap"]), int(report.settings["seed"]))
    for model in report.models:
        for name, stated in model.suites.items():
            verdicts = scores.get(model.name, {}).get(name, [])
            counted = recounted(name, report.suites[name], verdicts, stated, bootstrap)
            where = f"{model.name}, {name}"
            yield from _changed_numbers(to_json(stated), to_json(counted), where)
    for comparison in report.comparisons:
        counted_comparison = compared_again(comparison, report, scores, bootstrap)
        where = f"{comparison.other} against {comparison.base}, {comparison.suite}"
        yield from _changed_numbers(to_json(comparison), to_json(counted_comparison), where)


def _recount_findings(report: EvalReport, path: Path) -> Iterator[Finding]:
    """Do the saved scores give every number that the report states?"""
    try:
        changed = list(_recount(report, path))
    # Scores of another evaluation, or edited ones, lack what is looked up in them.
    except (LookupError, TypeError, ValueError) as error:
        yield Finding("problem", f"the saved scores do not fit the report ({error!r})")
        return
    if changed:
        shown = "; ".join(changed[:SHOWN])
        more = f" and {len(changed) - SHOWN:,} more" if len(changed) > SHOWN else ""
        yield Finding("problem", f"does not follow from the saved scores: {shown}{more}")
    else:
        yield Finding("fine", "every number follows from the saved scores")


def _checksum_findings(path: Path) -> Iterator[Finding]:
    """Is the file as it was written? Numbers such as hashes follow from nothing else."""
    tree = read_report(path)
    if tree.get("checksum") is not None and tree["checksum"] != checksum(tree):
        yield Finding("problem", "the file was changed after it was written")


def _scores_findings(report: EvalReport, path: Path) -> Iterator[Finding]:
    """Are the scores as they were written? Verdicts say nothing of single similarities."""
    scores = scores_of(report.items, path)
    if report.items_sha256 is not None and file_sha256(scores) != report.items_sha256:
        yield Finding("problem", f"{scores.name} was changed after it was written")


def inspect_results(path: Path) -> FileReport:
    """Say what a report of `ahnpl eval` holds and whether it is valid.

    Raises:
        DataError: it cannot be read as one.
    """
    report = load_report(path)
    findings = [*_checksum_findings(path), *_range_findings(report)]
    if scores_of(report.items, path).is_file():
        findings += _scores_findings(report, path)
        findings += _recount_findings(report, path)
    else:
        text = "the scores of single items are not beside it: no paired tests, no hits and misses"
        findings.append(Finding("note", text))
    for name, suite in report.suites.items():
        findings += [Finding("note", f"{name}: {note}") for note in suite.notes]
    facts: Facts = {
        "models": ", ".join(model.name for model in report.models),
        "suites": ", ".join(report.suites),
        **flat({key: value for key, value in report.settings.items() if value is not None}),
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
    return eval_page(shareable(report.details, Path(report.path), config))


def shareable(results: EvalReport, path: Path, config: InspectConfig) -> EvalReport:
    """Return results whose examples show pictures from below the image root only.

    Without `--image-root`, pictures may lie below the folder of the file, the working folder, or
    `$AHNPL_DATA`: the file itself is not asked, since it may come from anybody.
    """
    if config.image_root:
        roots = [Path(config.image_root)]
    else:
        data = os.environ.get("AHNPL_DATA")
        roots = [path.parent, Path.cwd(), Path(data) if data else Path.cwd()]
    examples = []
    for example in results.examples:
        if not any(is_below(Path(example.image), root) for root in roots):
            # The example stays, without its picture.
            example = dataclasses.replace(example, image="")
        examples.append(example)
    return dataclasses.replace(results, examples=examples)


def results_of_run(run: Path, config: InspectConfig) -> EvalReport | None:
    """Return the newest evaluation near a run that measured its last model, if any.

    Its examples show what `shareable` lets through.
    """
    last = run / LAST
    sha256 = read_checkpoint_info(last).get("weights_sha256") if is_checkpoint(last) else None
    reports = {path: report for path, report in reports_near(last) if measures(report, sha256)}
    newest = max(reports, key=lambda path: path.stat().st_mtime, default=None)
    return shareable(reports[newest], newest, config) if newest else None
