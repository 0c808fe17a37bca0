"""Two models on the same items: McNemar per subset, bootstrap over images for differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.evaluation.report import Comparison, Difference
from ahnpl_cli.evaluation.scoring import statistics
from ahnpl_cli.evaluation.scoring.averages import Average, pool
from ahnpl_cli.evaluation.scoring.derived_metrics import (
    DerivedMetric,
    DerivedMetrics,
    no_derived_metrics,
)
from ahnpl_cli.evaluation.scoring.items import Verdict
from ahnpl_cli.evaluation.suite_report import average_values, tallied, usable

LEVEL = 0.05


def shared(
    base: Sequence[Verdict], other: Sequence[Verdict]
) -> tuple[list[Verdict], list[Verdict]]:
    """Return the verdicts of the items that both have, in the order of the first.

    An item is the same if its name, its image and the rows that it counts in are.
    """
    found = {_identity(verdict): verdict for verdict in other}
    mine = [verdict for verdict in base if _identity(verdict) in found]
    return mine, [found[_identity(verdict)] for verdict in mine]


def _identity(verdict: Verdict) -> tuple[str, str, frozenset[str]]:
    return verdict.id, verdict.image, frozenset(verdict.correct)


def compare(
    names: tuple[str, str],
    suite: str,
    verdicts: tuple[Sequence[Verdict], Sequence[Verdict]],
    averages: Mapping[str, Average],
    rows: Sequence[str],
    figures: DerivedMetrics = no_derived_metrics,
    *,
    samples: int,
    seed: int,
) -> Comparison:
    """Compare two models on one suite.

    Args:
        names: of the models.
        suite: its name.
        verdicts: of both models; only items that both have count.
        averages: by name.
        rows: subsets to compare.
        figures: what the verdicts say beside shares of them.
        samples: bootstrap replicates.
        seed: of the bootstrap.
    """
    base, other = shared(*verdicts)
    filled = {row for verdict in base for row in verdict.correct}
    means = usable(averages, filled)
    single: dict[str, Average] = {row: pool(row) for row in rows if row in filled}
    everything = {**{f"row {n}": a for n, a in single.items()}, **means}
    table = tallied(everything, base, other)
    values = average_values(everything, table)
    drawn = statistics.bootstrap(table, everything, samples=samples, seed=seed)

    def shares(key: str, name: str, p: float | None) -> Difference:
        gain = 100 * (drawn[key][1] - drawn[key][0])
        return _difference(name, (values[0][key], values[1][key]), gain, p)

    made = [shares(f"row {row}", row, _mcnemar(row, base, other)) for row in single]
    made += [shares(name, name, None) for name in means]
    made += _of_figures(figures(base), figures(other), samples, seed)
    return Comparison(suite, *names, items=len(base), rows=made)


def _of_figures(
    base: Mapping[str, DerivedMetric], other: Mapping[str, DerivedMetric], samples: int, seed: int
) -> Iterator[Difference]:
    """Yield the difference of each figure; the same seed draws the same images for both."""
    for name, first in base.items():
        second, drawn = other[name], {"samples": samples, "seed": seed}
        gain = second.draw(**drawn) - first.draw(**drawn)
        yield _difference(name, (round(first.value, 6), round(second.value, 6)), gain, None)


def _difference(
    name: str, values: tuple[float, float], gain: NDArray[np.float64], p: float | None
) -> Difference:
    """Return one row from both values, replicates of their difference, and McNemar's p if any."""
    low, high = statistics.percentile_interval(gain)
    return Difference(
        name=name,
        average=p is None,
        base=values[0],
        other=values[1],
        difference=round(values[1] - values[0], 6),
        low=round(low, 6),
        high=round(high, 6),
        p=p,
        stands=bool(p < LEVEL if p is not None else low > 0 or high < 0),
    )


def _mcnemar(row: str, base: Sequence[Verdict], other: Sequence[Verdict]) -> float:
    paired = [
        (a.correct[row], b.correct[row])
        for a, b in zip(base, other, strict=True)
        if row in a.correct
    ]
    return statistics.mcnemar([a for a, _ in paired], [b for _, b in paired])
