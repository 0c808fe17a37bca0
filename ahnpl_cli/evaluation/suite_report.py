"""From verdicts to the numbers of a report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.evaluation.report import SubsetReport, SuiteReport, Support
from ahnpl_cli.evaluation.scoring import statistics
from ahnpl_cli.evaluation.scoring.items import Guesses, SuiteVerdicts, Verdict
from ahnpl_cli.evaluation.scoring.metrics import DerivedMetric
from ahnpl_cli.evaluation.scoring.statistics import (
    PARTIAL,
    Average,
    evaluate,
    renamed_where_partial,
    rows_of,
)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are drawn: replicates and seed."""

    samples: int
    seed: int


@dataclass(frozen=True, slots=True)
class SuitePlan:
    """What the numbers of a suite follow from, beside its verdicts.

    Attributes:
        averages: by name.
        headline: the average, or derived metric, that stands for the suite.
        main_subsets: what a table shows.
        totals: verdicts per subset, and items per derived metric, if no image were missing.
    """

    averages: Mapping[str, Average]
    headline: str
    main_subsets: Sequence[str]
    totals: Mapping[str, int]


def percent(fraction: float) -> float:
    """Return a share as percent, rounded where no instrument reads further."""
    return round(100 * float(fraction), 6)


def _subset_report(name: str, n: int, right: int, ties: int, total: int) -> SubsetReport:
    """Return one subset with its Wilson interval."""
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


def _subset_reports(
    verdicts: Iterable[Verdict], totals: Mapping[str, int]
) -> dict[str, SubsetReport]:
    """Return a report for every subset, in the order of `totals`."""
    n: Counter[str] = Counter()
    right: Counter[str] = Counter()
    ties: Counter[str] = Counter()
    for verdict in verdicts:
        n.update(list(verdict.correct))  # a mapping would add its values
        right.update(subset for subset, correct in verdict.correct.items() if correct)
        ties.update(verdict.ties)
    return {
        subset: _subset_report(subset, n[subset], right[subset], ties[subset], total)
        for subset, total in totals.items()
    }


def _with_empty_rows(table: statistics.Tally, rows: Iterable[str]) -> statistics.Tally:
    """Add rows without a verdict, so that averages can name them."""
    # An average may name a row of which no image is here; it is a row of zeros then, not an error.
    extra = tuple(row for row in rows if row not in table.rows)
    if not extra:
        return table
    empty = np.zeros((len(extra), table.counts.shape[1]))
    correct = tuple(np.concatenate([sums, empty]) for sums in table.correct)
    return statistics.Tally((*table.rows, *extra), correct, np.concatenate([table.counts, empty]))


def tallied(averages: Mapping[str, Average], *models: Sequence[Verdict]) -> statistics.Tally:
    """Sum the verdicts of models on the same items, with every row the averages need."""
    pairs = ([(verdict.image, verdict.correct) for verdict in model] for model in models)
    table = statistics.tally(*pairs)
    rows: dict[str, None] = {}
    for average in averages.values():
        rows |= dict.fromkeys(rows_of(average))
    return _with_empty_rows(table, rows)


def average_values(
    averages: Mapping[str, Average], table: statistics.Tally
) -> list[dict[str, float]]:
    """Return every average of every model of a tally, in percent."""
    of_models = []
    counts = dict(zip(table.rows, table.counts.sum(axis=1, keepdims=True), strict=True))
    for sums in table.correct:
        correct = dict(zip(table.rows, sums.sum(axis=1, keepdims=True), strict=True))
        values = {}
        for name, average in averages.items():
            values[name] = percent(evaluate(average, correct, counts).item())
        of_models.append(values)
    return of_models


def chance_of(averages: Mapping[str, Average], guesses: Guesses) -> dict[str, float]:
    """Return the percent that guessing gives, by subset and average.

    Args:
        averages: by name; one over a subset of which guessing is not known is left out.
        guesses: of every subset with a verdict; see `items.Task.guesses`.
    """
    # A row of which no image is here weighs nothing, as in the average itself. In the order of the
    # averages: a set's changes from one process to the next, and with it the report's bytes.
    known: Guesses = {}
    for average in averages.values():
        known.update(dict.fromkeys(rows_of(average), (0.0, 0)))
    guesses = {**known, **guesses}
    right = {name: np.array([expected]) for name, (expected, _) in guesses.items()}
    counts = {name: np.array([float(count)]) for name, (_, count) in guesses.items()}
    chance = {}
    for name, (expected, count) in guesses.items():
        if count:
            chance[name] = percent(expected / count)
    for name, average in averages.items():
        is_known = not any(np.isnan(right[row]).any() for row in rows_of(average))
        if is_known:
            chance[name] = percent(evaluate(average, right, counts).item())
    return {name: value for name, value in chance.items() if not math.isnan(value)}


def _support(n: int, total: int) -> Support:
    """Return how many items there are, and their share of all."""
    return Support(n, percent(n / total) if total else 0.0)


def _average_support(
    averages: Mapping[str, Average], subsets: Mapping[str, SubsetReport]
) -> dict[str, Support]:
    """Return the verdicts that each average is made of; a subset counts once."""
    support = {}
    # A row that an average names twice is one row of support.
    for name, average in averages.items():
        members = [subsets[row] for row in dict.fromkeys(rows_of(average)) if row in subsets]
        n = sum(subset.n for subset in members)
        support[name] = _support(n, sum(subset.total for subset in members))
    return support


def _derived_intervals(
    derived: Mapping[str, DerivedMetric], bootstrap: Bootstrap
) -> dict[str, tuple[float, float]]:
    """Return [low, high] of each derived metric, in its own unit."""
    intervals = {}
    for name, metric in derived.items():
        drawn = metric.draw(samples=bootstrap.samples, seed=bootstrap.seed)
        low, high = statistics.percentile_interval(drawn)
        # Images that are drawn twice stand beside themselves in a ranking, which lifts a mAP: by
        # how much, the mean of the replicates says, and without it an interval may miss its value.
        bias = _mean_of_known(drawn) - metric.value
        intervals[name] = (round(low - bias, 6), round(high - bias, 6))
    return intervals


def _mean_of_known(replicates: NDArray[np.float64]) -> float:
    known = replicates[~np.isnan(replicates)]
    return float(known.mean()) if len(known) else math.nan


def _average_intervals(
    averages: Mapping[str, Average], table: statistics.Tally, bootstrap: Bootstrap
) -> dict[str, tuple[float, float]]:
    """Return [low, high] of each average, in percent."""
    replicates = statistics.bootstrap(
        table, averages, samples=bootstrap.samples, seed=bootstrap.seed
    )
    intervals = {}
    for name, of_models in replicates.items():
        low, high = statistics.percentile_interval(of_models[0])
        intervals[name] = (percent(low), percent(high))
    return intervals


def suite_report(
    plan: SuitePlan,
    found: SuiteVerdicts,
    derived: Mapping[str, DerivedMetric],
    bootstrap: Bootstrap,
) -> SuiteReport:
    """Return one model's report of one suite.

    Args:
        plan: what the numbers follow from.
        found: the model's verdicts.
        derived: what is no share of them.
        bootstrap: how intervals are drawn.
    """
    totals = plan.totals
    # A mAP stands among the totals without any verdict of its own.
    of_verdicts = {subset: n for subset, n in totals.items() if subset not in derived}
    subsets = _subset_reports(found.verdicts, of_verdicts)
    # A subset whose images are all missing has no verdict: averages over it get another name.
    with_verdicts = {name for name, subset in subsets.items() if subset.n}
    averages = renamed_where_partial(plan.averages, with_verdicts)
    table = tallied(averages, found.verdicts)
    means = average_values(averages, table)[0] if averages else {}
    values = {name: round(metric.value, 6) for name, metric in derived.items()} | found.values
    every = {**values, **means}
    # The headline loses its name with its average, where a row of it has no image.
    headline = plan.headline if plan.headline in every else plan.headline + PARTIAL
    # Multi-label sets have no verdicts; their images count under mAP.
    scored = sum(subset.n for subset in subsets.values())
    scored += sum(metric.n for name, metric in derived.items() if name in totals)
    main = set(plan.main_subsets)
    whole = _support(scored, sum(totals.values()))
    derived_support = {}
    for name, metric in derived.items():
        # A mean over data sets has no total of its own: as much of it is here as of the suite.
        derived_support[name] = Support(metric.n, whole.coverage)
        if metric.subset in totals:
            derived_support[name] = _support(metric.n, totals[metric.subset])
    return SuiteReport(
        subsets=[subsets[name] for name in plan.main_subsets if name in subsets],
        details=[subset for name, subset in subsets.items() if name not in main],
        averages=means,
        intervals={
            **_average_intervals(averages, table, bootstrap),
            **_derived_intervals(derived, bootstrap),
        },
        headline=headline,
        headline_value=every.get(headline, math.nan),
        values=values,
        coverage=whole.coverage,
        support={**_average_support(averages, subsets), **derived_support},
    )
