"""Two models on the same items: McNemar per subset, bootstrap over images for differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.evaluation.report import Comparison, Difference
from ahnpl_cli.evaluation.scoring import statistics
from ahnpl_cli.evaluation.scoring.averages import Average, pool, renamed_where_partial
from ahnpl_cli.evaluation.scoring.derived_metrics import (
    DerivedMetric,
    DerivedMetrics,
    no_derived_metrics,
)
from ahnpl_cli.evaluation.scoring.items import Verdict
from ahnpl_cli.evaluation.suite_report import Bootstrap, average_values, tallied

LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class ModelVerdicts:
    """What one model did with the items of a suite.

    Attributes:
        name: of the model.
        verdicts: of its items, in any order.
    """

    name: str
    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True)
class ComparedSuite:
    """What two models are compared on.

    Attributes:
        name: of the suite.
        averages: by name.
        subsets: to compare.
        derived_metrics: what the verdicts say beside shares of them.
    """

    name: str
    averages: Mapping[str, Average]
    subsets: Sequence[str]
    derived_metrics: DerivedMetrics = no_derived_metrics


def shared(
    base: Sequence[Verdict], other: Sequence[Verdict]
) -> tuple[list[Verdict], list[Verdict]]:
    """Return the verdicts of the items that both have, in the order of the first.

    An item is the same if its name, its image and the subsets that it counts in are.
    """
    of_other = {_identity(verdict): verdict for verdict in other}
    of_base = [verdict for verdict in base if _identity(verdict) in of_other]
    return of_base, [of_other[_identity(verdict)] for verdict in of_base]


def _identity(verdict: Verdict) -> tuple[str, str, frozenset[str]]:
    return verdict.id, verdict.image, frozenset(verdict.correct)


def compare(
    base: ModelVerdicts, other: ModelVerdicts, suite: ComparedSuite, bootstrap: Bootstrap
) -> Comparison:
    """Compare two models on the items of a suite that both have."""
    first, second = shared(base.verdicts, other.verdicts)
    with_verdicts: set[str] = set()
    for verdict in first:
        with_verdicts.update(verdict.correct)
    averages = renamed_where_partial(suite.averages, with_verdicts)
    subsets = [subset for subset in suite.subsets if subset in with_verdicts]
    # A subset may have an average's name, so the two are kept apart until the end.
    trees: dict[str, Average] = {f"row {subset}": pool(subset) for subset in subsets}
    trees |= averages
    table = tallied(trees, first, second)
    base_values, other_values = average_values(trees, table)
    drawn = statistics.bootstrap(table, trees, samples=bootstrap.samples, seed=bootstrap.seed)

    def difference(key: str, name: str, p: float | None) -> Difference:
        gain = 100 * (drawn[key][1] - drawn[key][0])
        return _difference(name, base_values[key], other_values[key], gain, p)

    differences = []
    for subset in subsets:
        differences.append(difference(f"row {subset}", subset, _mcnemar(subset, first, second)))
    for name in averages:
        differences.append(difference(name, name, None))
    derived = suite.derived_metrics
    differences += _of_derived_metrics(derived(first), derived(second), bootstrap)
    return Comparison(suite.name, base.name, other.name, len(first), differences)


def _of_derived_metrics(
    base: Mapping[str, DerivedMetric], other: Mapping[str, DerivedMetric], bootstrap: Bootstrap
) -> Iterator[Difference]:
    """Yield the difference of each; the same seed draws the same images for both."""
    drawn = {"samples": bootstrap.samples, "seed": bootstrap.seed}
    # Both models on the same images in each replicate: what is drawn is the difference.
    for name, first in base.items():
        second = other[name]
        gain = second.draw(**drawn) - first.draw(**drawn)
        yield _difference(name, round(first.value, 6), round(second.value, 6), gain, None)


def _difference(
    name: str, base: float, other: float, gain: NDArray[np.float64], p: float | None
) -> Difference:
    """Return one line from both values, replicates of their difference, and McNemar's p if any."""
    low, high = statistics.percentile_interval(gain)
    # McNemar's test is for single verdicts; an average has none, and so its interval decides.
    significant = low > 0 or high < 0 if p is None else p < LEVEL
    return Difference(
        name=name,
        average=p is None,
        base=base,
        other=other,
        difference=round(other - base, 6),
        low=round(low, 6),
        high=round(high, 6),
        p=p,
        significant=bool(significant),
    )


def _mcnemar(subset: str, base: Sequence[Verdict], other: Sequence[Verdict]) -> float:
    first = []
    second = []
    for a, b in zip(base, other, strict=True):
        if subset in a.correct:
            first.append(a.correct[subset])
            second.append(b.correct[subset])
    return statistics.mcnemar(first, second)
