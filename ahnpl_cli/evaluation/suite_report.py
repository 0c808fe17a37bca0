"""From verdicts to the numbers of a report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ahnpl_cli.evaluation.report import SubsetReport, SuiteReport, Support
from ahnpl_cli.evaluation.scoring import statistics
from ahnpl_cli.evaluation.scoring.averages import Average, evaluate, rows_of
from ahnpl_cli.evaluation.scoring.derived_metrics import DerivedMetric
from ahnpl_cli.evaluation.scoring.items import Outcome, Suite, Verdict

PARTIAL = "_partial"


def percent(fraction: float) -> float:
    """Return a share as percent, rounded where no instrument reads further."""
    return round(100 * float(fraction), 6)


def subset_report(name: str, n: int, right: int, ties: int, total: int) -> SubsetReport:
    """Return one row with its Wilson interval."""
    low, high = statistics.wilson(right, n)
    return SubsetReport(
        name=name,
        n=n,
        accuracy=percent(right / n) if n else None,
        low=percent(low) if n else None,
        high=percent(high) if n else None,
        ties=ties,
        total=total,
        coverage=percent(n / total) if total else 0.0,
    )


def row_reports(verdicts: Iterable[Verdict], totals: Mapping[str, int]) -> dict[str, SubsetReport]:
    """Return a report for every row, in the order of `totals`."""
    n: Counter[str] = Counter()
    right: Counter[str] = Counter()
    ties: Counter[str] = Counter()
    for verdict in verdicts:
        n.update(list(verdict.correct))  # a mapping would add its values
        right.update(row for row, correct in verdict.correct.items() if correct)
        ties.update(verdict.ties)
    return {r: subset_report(r, n[r], right[r], ties[r], total) for r, total in totals.items()}


def usable(averages: Mapping[str, Average], filled: set[str]) -> dict[str, Average]:
    """Return the averages that have verdicts, renamed if some of their rows have none."""
    made = {}
    for name, average in averages.items():
        rows = set(rows_of(average))
        if rows & filled:
            made[name if rows <= filled else name + PARTIAL] = average
    return made


def with_empty_rows(table: statistics.Tally, rows: Iterable[str]) -> statistics.Tally:
    """Add rows without a verdict, so that averages can name them."""
    extra = tuple(row for row in rows if row not in table.rows)
    if not extra:
        return table
    empty = np.zeros((len(extra), table.counts.shape[1]))
    correct = tuple(np.concatenate([sums, empty]) for sums in table.correct)
    return statistics.Tally((*table.rows, *extra), correct, np.concatenate([table.counts, empty]))


def tallied(averages: Mapping[str, Average], *models: Sequence[Verdict]) -> statistics.Tally:
    """Sum the verdicts of models on the same items, with every row the averages need."""
    table = statistics.tally(*([(v.image, v.correct) for v in model] for model in models))
    return with_empty_rows(table, dict.fromkeys(r for a in averages.values() for r in rows_of(a)))


def average_values(
    averages: Mapping[str, Average], table: statistics.Tally
) -> list[dict[str, float]]:
    """Return every average of every model of a tally, in percent."""
    made = []
    counts = dict(zip(table.rows, table.counts.sum(axis=1, keepdims=True), strict=True))
    for sums in table.correct:
        correct = dict(zip(table.rows, sums.sum(axis=1, keepdims=True), strict=True))
        values = {n: evaluate(a, correct, counts).item() for n, a in averages.items()}
        made.append({name: percent(value) for name, value in values.items()})
    return made


def extent(n: int, total: int) -> Support:
    """Return how many items there are, and their share of all."""
    return Support(n, percent(n / total) if total else 0.0)


def average_extents(
    averages: Mapping[str, Average], rows: Mapping[str, SubsetReport]
) -> dict[str, Support]:
    """Return the verdicts that each average is made of; a row counts once."""
    made = {}
    for name, average in averages.items():
        mine = [rows[row] for row in dict.fromkeys(rows_of(average)) if row in rows]
        made[name] = extent(sum(row.n for row in mine), sum(row.total for row in mine))
    return made


def figure_intervals(
    figures: Mapping[str, DerivedMetric], *, samples: int, seed: int
) -> dict[str, list[float]]:
    """Return [low, high] of each figure, in its own unit."""
    drawn = {name: one.draw(samples=samples, seed=seed) for name, one in figures.items()}
    ends = {name: statistics.percentile_interval(values) for name, values in drawn.items()}
    return {name: [round(end, 6) for end in interval] for name, interval in ends.items()}


def suite_report(
    suite: Suite,
    outcome: Outcome,
    figures: Mapping[str, DerivedMetric],
    totals: Mapping[str, int],
    *,
    samples: int,
    seed: int,
) -> SuiteReport:
    """Return one model's report of one suite.

    Args:
        suite: what was scored.
        outcome: the model's verdicts.
        figures: what is no share of them.
        totals: verdicts per row, and items per figure, if no image were missing.
        samples: bootstrap replicates.
        seed: of the bootstrap.
    """
    rows = row_reports(outcome.verdicts, {r: n for r, n in totals.items() if r not in figures})
    averages = usable(suite.averages, {row for row, report in rows.items() if report.n})
    table = tallied(averages, outcome.verdicts)
    means = average_values(averages, table)[0] if averages else {}
    replicates = statistics.bootstrap(table, averages, samples=samples, seed=seed)
    ends = {n: statistics.percentile_interval(r[0]) for n, r in replicates.items()}
    values = {**{n: round(one.value, 6) for n, one in figures.items()}, **outcome.values}
    sizes = {name: extent(one.n, totals.get(one.row, one.n)) for name, one in figures.items()}
    every = {**values, **means}
    primary = suite.primary if suite.primary in every else suite.primary + PARTIAL
    shown = set(suite.shown)
    scored = sum(row.n for row in rows.values())
    scored += sum(one.n for name, one in figures.items() if name in totals)
    return SuiteReport(
        subsets=[rows[name] for name in suite.shown if name in rows],
        details=[report for name, report in rows.items() if name not in shown],
        averages=means,
        intervals={n: [percent(end) for end in interval] for n, interval in ends.items()}
        | figure_intervals(figures, samples=samples, seed=seed),
        primary=primary,
        headline_value=every.get(primary, math.nan),
        values=values,
        coverage=extent(scored, sum(totals.values())).coverage,
        extents=average_extents(averages, rows) | sizes,
    )
