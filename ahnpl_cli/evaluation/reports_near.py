"""Reports that lie near a checkpoint, where `ahnpl eval` leaves them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.output import load_report
from ahnpl_cli.evaluation.report import EvalReport


def reports_near(checkpoint: Path) -> Iterator[tuple[Path, EvalReport]]:
    """Yield the evaluation reports in a checkpoint, in its run, beside the runs, and here."""
    here = checkpoint.resolve()
    for place in dict.fromkeys([here, *here.parents[:3], Path.cwd()]):
        for path in sorted(place.glob("*results*.json")):
            # Somebody else's file of that name is no report, and no fault of the checkpoint.
            with contextlib.suppress(DataError):
                yield path, load_report(path)


def measures(report: EvalReport, sha256: str | None) -> bool:
    """Whether a report measured the model with these weights."""
    return any(model.info.get("weights_sha256") == sha256 for model in report.models)


def evaluations_of(sha256: str, checkpoint: Path) -> dict[str, float | None]:
    """Return what a checkpoint was measured at: the headlines in reports near it."""
    headlines: dict[str, float | None] = {}
    for path, report in reports_near(checkpoint):
        for model in report.models:
            if model.info.get("weights_sha256") != sha256:
                continue
            for name, suite in model.suites.items():
                title = f"evaluated: {name} {suite.headline} ({path.name})"
                headlines[title] = suite.headline_value
    return headlines
