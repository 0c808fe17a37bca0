"""Metrics that are not accuracies: mean rank, mAP, AUC.

Each is a function of saved verdicts and of how often each is drawn, so that it has an interval and
can be compared between models as averages are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.evaluation.scoring import metrics, statistics
from ahnpl_cli.evaluation.scoring.items import Verdict

Floats = NDArray[np.float64]
Measure = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class DerivedMetric:
    """One number of one model.

    Attributes:
        clusters: the image of each item that it is about.
        measure: the number, once per row of weights (R, items).
        subset: names the items in a suite's totals.
    """

    clusters: tuple[str, ...]
    measure: Measure
    subset: str

    @property
    def n(self) -> int:
        """How many items it is about."""
        return len(self.clusters)

    @property
    def value(self) -> float:
        """The number on the items as they are."""
        return self.measure(np.ones((1, len(self.clusters)))).item()

    def draw(self, *, samples: int, seed: int) -> Floats:
        """Return the number under resampled images (R,)."""
        drawn = statistics.cluster_weights(self.clusters, samples=samples, seed=seed)
        return np.concatenate([self.measure(weights) for weights in drawn])


DerivedMetrics = Callable[[Sequence[Verdict]], Mapping[str, DerivedMetric]]


def no_derived_metrics(verdicts: Sequence[Verdict]) -> dict[str, DerivedMetric]:
    """Return nothing: most suites have shares of verdicts alone."""
    return {}


RANKS: dict[str, Callable[..., Floats]] = {
    "mean rank": metrics.weighted_mean,
    "median rank": metrics.lower_median,
}


def rank_metrics(verdicts: Sequence[Verdict]) -> dict[str, DerivedMetric]:
    """Return mean and median rank of the true caption, 1 is best, per first subset of the items."""
    # Ranks are of the first subset alone: an item counts in several.
    by_subset: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_subset.setdefault(next(iter(verdict.correct)), []).append(verdict)
    derived = {}
    for subset, members in by_subset.items():
        clusters = tuple(verdict.image for verdict in members)
        ranks = np.array([metrics.rank_of_first(verdict.scores) + 1 for verdict in members])
        for name, measure in RANKS.items():
            derived[f"{subset} {name}"] = DerivedMetric(clusters, partial(measure, ranks), subset)
    return derived


PRECISIONS: dict[str, Callable[..., Floats]] = {
    "mAP": metrics.average_precision,
    "mAP_11pt": metrics.average_precision_11,
    "AUC": metrics.roc_auc,
}


def label_metrics(verdicts: Sequence[Verdict]) -> dict[str, DerivedMetric]:
    """Return mAP by both definitions and the mean AUC, in percent, of each multi-label data set."""
    by_data_set: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.targets:
            by_data_set.setdefault(verdict.id.partition("/")[0], []).append(verdict)
    derived = {}
    for data_set, members in by_data_set.items():
        clusters = tuple(verdict.image for verdict in members)
        # One table a data set, since AP ranks the images of a class against each other.
        scores = np.array([verdict.scores for verdict in members], dtype=np.float32)
        targets = np.array([verdict.targets for verdict in members], dtype=np.int8)
        for metric, of_class in PRECISIONS.items():
            name = f"{data_set} {metric}"
            measure = partial(mean_over_classes, of_class, scores, targets)
            derived[name] = DerivedMetric(clusters, measure, name)
    return derived


def mean_over_classes(
    of_class: Callable[..., Floats],
    scores: NDArray[np.float32],
    targets: NDArray[np.int8],
    weights: Floats,
) -> Floats:
    """Return the mean, in percent, over the classes that have a value.

    Args:
        of_class: `metrics.average_precision` or another of its kind.
        scores: (N, C) of every class on every image.
        targets: (N, C) 1 on the image, 0 not, -1 does not count there.
        weights: (R, N) how often each image was drawn.
    """
    total = np.zeros(len(weights))
    classes_with_value = np.zeros(len(weights))
    # A class without a positive has no AP: it is left out of the mean, not counted as 0.
    for own, target in zip(scores.T, targets.T, strict=True):
        counts = target >= 0
        values = of_class(own[counts], target[counts] == 1, weights[:, counts])
        has_value = ~np.isnan(values)
        total[has_value] += values[has_value]
        classes_with_value += has_value
    empty = np.full_like(total, np.nan)
    known = classes_with_value > 0
    mean: Floats = np.divide(100 * total, classes_with_value, out=empty, where=known)
    return mean
