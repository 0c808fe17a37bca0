"""Numbers that are no share of verdicts: ranks, average precision, area under the curve.

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
        row: names the items in a suite's totals.
    """

    clusters: tuple[str, ...]
    measure: Measure
    row: str

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
    """Return mean and median rank of the true caption, 1 is best, per first row of the items."""
    grouped: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        grouped.setdefault(next(iter(verdict.correct)), []).append(verdict)
    made = {}
    for name, mine in grouped.items():
        clusters = tuple(verdict.image for verdict in mine)
        ranks = np.array([metrics.rank_of_first(verdict.scores) + 1 for verdict in mine])
        for label, measure in RANKS.items():
            made[f"{name} {label}"] = DerivedMetric(clusters, partial(measure, ranks), name)
    return made


PRECISIONS: dict[str, Callable[..., Floats]] = {
    "mAP": metrics.average_precision,
    "mAP_11pt": metrics.average_precision_11,
    "AUC": metrics.roc_auc,
}


def label_metrics(verdicts: Sequence[Verdict]) -> dict[str, DerivedMetric]:
    """Return mAP by both definitions and the mean AUC, in percent, of each multi-label data set."""
    grouped: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.targets:
            grouped.setdefault(verdict.id.partition("/")[0], []).append(verdict)
    made = {}
    for name, mine in grouped.items():
        clusters = tuple(verdict.image for verdict in mine)
        scores = np.array([verdict.scores for verdict in mine], dtype=np.float32)
        targets = np.array([verdict.targets for verdict in mine], dtype=np.int8)
        for measure, each in PRECISIONS.items():
            mean = partial(mean_over_classes, each, scores, targets)
            made[f"{name} {measure}"] = DerivedMetric(clusters, mean, f"{name} {measure}")
    return made


def mean_over_classes(
    each: Callable[..., Floats],
    scores: NDArray[np.float32],
    targets: NDArray[np.int8],
    weights: Floats,
) -> Floats:
    """Return the mean, in percent, over the classes that have a value.

    Args:
        each: `metrics.average_precision` or another of its kind.
        scores: (N, C) of every class on every image.
        targets: (N, C) 1 on the image, 0 not, -1 does not count there.
        weights: (R, N) how often each image was drawn.
    """
    total, there = np.zeros(len(weights)), np.zeros(len(weights))
    for own, on in zip(scores.T, targets.T, strict=True):
        counts = on >= 0
        values = each(own[counts], on[counts] == 1, weights[:, counts])
        known = ~np.isnan(values)
        total[known] += values[known]
        there += known
    mean: Floats = np.divide(100 * total, there, out=np.full_like(total, np.nan), where=there > 0)
    return mean
