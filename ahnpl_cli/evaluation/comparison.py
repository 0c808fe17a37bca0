"""Two models on the same items: McNemar per subset, bootstrap over images for differences.

Also hits and misses worth looking at: items on which the first and the last model differ, or fail.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.evaluation.report import Change, Comparison, Difference, ExampleItem
from ahnpl_cli.evaluation.scoring import statistics
from ahnpl_cli.evaluation.scoring.items import Item, Suite, SuiteVerdicts, Verdict
from ahnpl_cli.evaluation.scoring.judging import ItemTask
from ahnpl_cli.evaluation.scoring.metrics import DerivedMetric, DerivedMetrics
from ahnpl_cli.evaluation.scoring.statistics import Average, pool, renamed_where_partial
from ahnpl_cli.evaluation.suite_report import Bootstrap, average_values, tallied
from ahnpl_cli.stable_hash import stable_hash

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
    derived_metrics: DerivedMetrics


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


CAPTIONS = 3  # at most; shuffled word orders with more are tiring to read
PER_CHANGE = 4  # of each suite; enough to see a pattern, few enough for a page
CHANGES: tuple[Change, ...] = ("gained", "lost", "missed")


def _change(first: Verdict, last: Verdict) -> Change | None:
    before = all(first.correct.values())
    after = all(last.correct.values())
    if before and after:
        return None
    if after:
        return "gained"
    return "lost" if before else "missed"


def _is_readable(item: Item) -> bool:
    return item.is_choice and len(item.texts) <= CAPTIONS


def _of_suite(
    suite: str, task: ItemTask, by_model: Mapping[str, SuiteVerdicts]
) -> Iterator[ExampleItem]:
    """Yield every example of a suite whose items show captions beside one image."""
    verdicts_by_id = {
        model: {verdict.id: verdict for verdict in found.verdicts}
        for model, found in by_model.items()
    }
    first, *_, last = [next(iter(by_model)), *by_model]
    for item in task.scored:
        if not _is_readable(item):
            continue
        verdicts = {}
        for model, by_id in verdicts_by_id.items():
            if item.id in by_id:
                verdicts[model] = by_id[item.id]
        # An item that one model has no verdict of cannot be shown for all of them.
        if len(verdicts) < len(by_model):
            continue
        change = _change(verdicts[first], verdicts[last])
        if change is None:
            continue
        (ref,) = item.images
        yield ExampleItem(
            suite=suite,
            id=item.id,
            subsets=item.subsets,
            change=change,
            image=str(ref.path),
            crop=ref.crop,
            captions=item.texts,
            positives=item.positives,
            scores={model: verdict.scores for model, verdict in verdicts.items()},
        )


def select_examples(
    suites: Sequence[Suite], verdicts: Mapping[str, Mapping[str, SuiteVerdicts]]
) -> list[ExampleItem]:
    """Return a few examples per suite and change, chosen by hash: neither the best nor the worst.

    Args:
        suites: what was scored.
        verdicts: by model, in the order given, and suite.
    """
    chosen: list[ExampleItem] = []
    for suite in suites:
        if not isinstance(suite.task, ItemTask):
            continue
        by_model = {model: of_suites[suite.name] for model, of_suites in verdicts.items()}
        examples = list(_of_suite(suite.name, suite.task, by_model))
        for change in CHANGES:
            of_change = [example for example in examples if example.change == change]
            chosen += heapq.nsmallest(PER_CHANGE, of_change, key=_rank)
    return chosen


def _rank(example: ExampleItem) -> int:
    return stable_hash(example.suite, example.id)
