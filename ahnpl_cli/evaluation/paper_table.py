"""The table of a paper from saved results: models as rows, benchmarks as columns."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev

from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.output import load_report
from ahnpl_cli.evaluation.report import ModelReport, SuiteReport
from ahnpl_cli.reporting.tables import Cell, Mark, Span, Table

# How runs that differ by their seed alone are called: ahnpl-s0, ahnpl_seed1.
_SEED = re.compile(r"[-_. /]*(?:seed|s)[-_]?\d+$")
_RANKS: tuple[Mark, ...] = ("bold", "second")


@dataclass(slots=True)
class PaperRow:
    """A model, or several seeds of one.

    Attributes:
        name: without its seed.
        seeds: how many models with weights of their own it stands for.
        values: headlines of each suite, one a seed.
        spread: by suite, half of the 95 % interval of a seed alone.
        coverage: by suite, the least of the seeds, in percent.
    """

    name: str
    seeds: int = 0
    values: dict[str, list[float]] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    coverage: dict[str, float] = field(default_factory=dict)

    def add(self, suite: str, report: SuiteReport) -> None:
        """Take in the headline of one seed."""
        if math.isnan(report.headline_value):
            return
        self.values.setdefault(suite, []).append(report.headline_value)
        low, high = report.intervals.get(report.headline, (math.nan, math.nan))
        self.spread[suite] = (high - low) / 2
        self.coverage[suite] = min(report.coverage, self.coverage.get(suite, 100.0))

    def mean_of(self, suite: str) -> float | None:
        """Return the mean over seeds; None if the suite was not measured."""
        values = self.values.get(suite)
        return mean(values) if values else None


def paper_rows(paths: Sequence[Path]) -> list[PaperRow]:
    """Return the models of saved results, those that differ by a seed together.

    Args:
        paths: reports of `ahnpl eval`; the same weights in several of them count once a suite.

    Raises:
        DataError: a file is not a report.
    """
    rows: dict[str, PaperRow] = {}
    seen: set[tuple[str, str]] = set()
    weights_of: dict[str, set[str]] = {}
    for path in paths:
        for model in load_report(path).models:
            name = _SEED.sub("", model.name) or model.name
            weights = _weights(model, path)
            row = rows.setdefault(name, PaperRow(name))
            weights_of.setdefault(name, set()).add(weights)
            for suite, report in model.suites.items():
                if (weights, suite) not in seen:
                    seen.add((weights, suite))
                    row.add(suite, report)
    kept = [row for row in rows.values() if row.values]
    for row in kept:
        row.seeds = len(weights_of[row.name])
    if not kept:
        raise DataError("nothing was scored", where=", ".join(map(str, paths)))
    return kept


def _weights(model: ModelReport, path: Path) -> str:
    # A model of one's own has no hash: each file of it is a model.
    return str(model.info.get("weights_sha256") or f"{path} {model.name}")


def paper_table(rows: Sequence[PaperRow]) -> Table:
    """Return the table: best bold, second underlined, deviation or interval, coverage below."""
    suites = list(dict.fromkeys(suite for row in rows for suite in row.values))
    cells: list[tuple[Cell, ...]] = []
    ranks = {suite: _ranked(rows, suite) for suite in suites}
    for row in rows:
        label = row.name if row.seeds == 1 else f"{row.name} ({row.seeds} seeds)"
        cells.append((label, *(_cell(row, suite, ranks[suite]) for suite in suites)))
    return Table("Results", ("model", *suites), tuple(cells), _caption(rows, suites), caption=True)


def _ranked(rows: Sequence[PaperRow], suite: str) -> list[float]:
    """Return the best and the second best value of a suite as they are printed."""
    means = {round(value, 1) for row in rows if (value := row.mean_of(suite)) is not None}
    return sorted(means, reverse=True)[:2] if len(rows) > 1 else []


def _cell(row: PaperRow, suite: str, ranks: Sequence[float]) -> Cell:
    value = row.mean_of(suite)
    if value is None:
        return None
    values = row.values[suite]
    spread = stdev(values) if len(values) > 1 else row.spread[suite]
    shown = round(value, 1)
    mark: Mark = _RANKS[ranks.index(shown)] if shown in ranks else ""
    more = "" if math.isnan(spread) else f" ± {spread:.1f}"
    return (Span(f"{shown:.1f}", mark), Span(more))


def _caption(rows: Sequence[PaperRow], suites: Sequence[str]) -> str:
    parts = ["Headline of each benchmark in percent."]
    if any(len(values) > 1 for row in rows for values in row.values.values()):
        parts.append(
            "Over several seeds: mean ± standard deviation; else ± half of the 95 % interval."
        )
    else:
        parts.append("± half of the 95 % interval.")
    if len(rows) > 1:
        parts.append("Best bold, second underlined.")
    lacking = {
        suite: least
        for suite in suites
        if (least := min(row.coverage.get(suite, 100.0) for row in rows)) < 99.95
    }
    if lacking:
        named = ", ".join(f"{suite} {least:.1f} %" for suite, least in lacking.items())
        parts.append(f"Of these only a part of the items was scored: {named}.")
    return " ".join(parts)


def tidy_paper_table(rows: Sequence[PaperRow]) -> Table:
    """Return the same numbers for other programs, one a row."""
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        for suite, values in row.values.items():
            deviation = stdev(values) if len(values) > 1 else None
            half = row.spread[suite]
            interval = None if math.isnan(half) or len(values) > 1 else half
            numbers = (len(values), mean(values), deviation, interval, row.coverage[suite])
            cells.append((row.name, suite, *numbers))
    columns = ("model", "suite", "seeds", "mean", "deviation", "half_interval", "coverage")
    return Table("Results", columns, tuple(cells))
