"""Every run in one table: what it is, how far it came, what its newest evaluations say."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ahnpl_cli.catalog import choose
from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.benchmarks import is_retention
from ahnpl_cli.evaluation.output import read_report
from ahnpl_cli.files import read_object, read_toml
from ahnpl_cli.reporting.tables import Cell, Table
from ahnpl_cli.runs import (
    CONFIG,
    EVALUATIONS,
    INFO_FILE,
    LAST,
    RUNS,
    is_checkpoint,
    is_run,
    label,
)

HINT = "Name a folder of runs, such as runs."


@dataclass(frozen=True, slots=True)
class Score:
    """A suite's headline for a run.

    Attributes:
        value: in the suite's unit, mostly percent.
        low: lower end of its 95 % interval; None if the report has none.
        high: upper end.
        coverage: scored verdicts in percent of all.
    """

    value: float
    low: float | None
    high: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run.

    Attributes:
        run: its folder.
        recipe: objective, and its fidelity where that is not the paper's.
        steps: that its newest checkpoint took; 0 without one.
        scores: newest headline of each suite for these weights.
        compositional: mean of the suites on composition; None without one.
        retention: mean of the others; None without one.
        date: of the newest checkpoint, as YYYY-MM-DD HH:MM.
    """

    run: str
    recipe: str
    steps: int
    scores: dict[str, Score] = field(default_factory=dict)
    compositional: float | None = None
    retention: float | None = None
    date: str = ""


def leaderboard(folder: Path = RUNS, *, sort: str | None = None) -> list[RunRow]:
    """Return the runs below a folder.

    Args:
        folder: whose folders are runs.
        sort: a suite, `compositional`, `retention`, `steps` or `run`; the best, or most, first.

    Raises:
        DataError: there is no run.
        ConfigError: nothing is called like `sort`.
    """
    runs = [run for run in sorted(folder.glob("*")) if is_run(run)]
    if not runs:
        hint = "Train one: ahnpl train." if folder == RUNS else HINT
        raise DataError("no training run here", where=str(folder), hint=hint)
    rows = [_row(run) for run in runs]
    if sort is None:
        return sorted(rows, key=lambda row: row.date, reverse=True)
    own = ("run", "steps", "compositional", "retention", "date")
    choose(sort, dict.fromkeys([*own, *_suites(rows)]), "column")
    if sort == "run":
        return sorted(rows, key=lambda row: row.run)
    return sorted(rows, key=lambda row: _key(row, sort), reverse=True)


def _key(row: RunRow, column: str) -> Any:
    if column in row.scores:
        return row.scores[column].value
    value = getattr(row, column, None)
    # Runs that were not measured come last.
    return -math.inf if value is None else value


def _row(run: Path) -> RunRow:
    options = read_toml(run / CONFIG) if (run / CONFIG).is_file() else {}
    fidelity = options.get("fidelity", "paper")
    objective = str(options.get("objective", ""))
    recipe = objective if fidelity == "paper" else f"{objective} ({fidelity})"
    if not is_checkpoint(run / LAST):
        return RunRow(str(run), recipe, 0)
    info = read_object(run / LAST / INFO_FILE)
    written = (run / LAST / INFO_FILE).stat().st_mtime
    scores = _scores(run, info.get("weights_sha256"))
    kept = [score.value for suite, score in scores.items() if is_retention(suite)]
    gained = [score.value for suite, score in scores.items() if not is_retention(suite)]
    return RunRow(
        run=str(run),
        recipe=recipe,
        steps=int(info.get("step") or 0),
        scores=scores,
        compositional=sum(gained) / len(gained) if gained else None,
        retention=sum(kept) / len(kept) if kept else None,
        date=f"{datetime.datetime.fromtimestamp(written):%Y-%m-%d %H:%M}",
    )


def _scores(run: Path, sha256: Any) -> dict[str, Score]:
    """Return the newest headline of each suite that a report on these weights has."""
    scores: dict[str, Score] = {}
    places = [*(run / EVALUATIONS).glob("*.json"), *Path().glob("*results*.json")]
    for path in sorted(places, key=lambda path: path.stat().st_mtime):
        try:
            report = read_report(path)
            # What a checkpoint was chosen by is no measure of it.
            if report["settings"].get("half") == "tuning":
                continue
            for model in report["models"]:
                if model["info"].get("weights_sha256") != sha256:
                    continue
                for suite, found in model["suites"].items():
                    if found["headline_value"] is not None:
                        low, high = found["intervals"].get(found["headline"], (None, None))
                        value, coverage = found["headline_value"], found["coverage"]
                        scores[suite] = Score(value, low, high, coverage)
        except (DataError, KeyError, TypeError, AttributeError):
            continue  # somebody else's file, or one that was cut
    return scores


def _suites(rows: Sequence[RunRow]) -> list[str]:
    return list(dict.fromkeys(suite for row in rows for suite in row.scores))


def tidy_leaderboard(rows: Sequence[RunRow]) -> Table:
    """Return the runs for other programs: numbers alone."""
    suites = _suites(rows)
    columns = ["run", "recipe", "steps"]
    for suite in suites:
        columns += [suite, f"{suite}_low", f"{suite}_high"]
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        line: list[Cell] = [row.run, row.recipe, row.steps]
        for suite in suites:
            score = row.scores.get(suite)
            line += [score.value, score.low, score.high] if score else [None] * 3
        cells.append((*line, row.compositional, row.retention, row.date))
    return Table("Runs", (*columns, "compositional", "retention", "date"), tuple(cells))


def leaderboard_table(rows: Sequence[RunRow]) -> Table:
    """Return the runs, one a row."""
    suites = _suites(rows)
    means = [
        name for name in ("compositional", "retention") if any(getattr(row, name) for row in rows)
    ]
    whole: list[tuple[Cell, ...]] = []
    short: list[tuple[Cell, ...]] = []
    for row in rows:
        scores = [row.scores.get(suite) for suite in suites]
        head = (label_of(row), row.recipe, row.steps)
        mean_cells = [getattr(row, name) for name in means]
        whole.append((*head, *map(_cell, scores), *mean_cells, row.date))
        # A narrow terminal has no room for intervals and the time of day.
        values = [score.value if score else None for score in scores]
        short.append((*head, *values, *mean_cells, row.date.partition(" ")[0]))
    columns = ("run", "recipe", "steps", *suites, *means, "date")
    note = (
        "Headline of each suite with half of its 95 % interval, % of the items in brackets where "
        "images were missing. Numbers of other items are not comparable: see `ahnpl compare`."
    )
    table = Table("Runs", columns, tuple(whole), note if suites else "")
    narrow_note = "Headline of each suite. Intervals, coverage: a wider terminal, or --json."
    least = ("date", "steps", "recipe", *reversed(suites))
    narrow = replace(table, rows=tuple(short), note=narrow_note if suites else "", least=least)
    return replace(table, narrow=narrow)


def label_of(row: RunRow) -> str:
    """Return what the table calls a run."""
    return label(Path(row.run) / LAST)


def _cell(score: Score | None) -> Cell:
    if score is None:
        return None
    text = f"{score.value:.1f}"
    if score.low is not None and score.high is not None:
        text += f" ±{(score.high - score.low) / 2:.1f}"
    return text if score.coverage > 99.95 else f"{text} [{score.coverage:.0f} %]"
