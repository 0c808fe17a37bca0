"""Metrics that are not accuracies: mean rank, mAP, AUC.

Each is a function of saved verdicts and of how often each is drawn, so that it has an interval and
can be compared between models as averages are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.evaluation.scoring import judging, statistics
from ahnpl_cli.evaluation.scoring.items import Verdict

Similarities = NDArray[np.float32]
Floats = NDArray[np.float64]
Measure = Callable[[Floats], Floats]


class _AtHits(NamedTuple):
    """What is known at each positive, from the highest score down, per row of weights (R, P).

    Attributes:
        drawn: how often the positive counts.
        found: positives down to it, itself with all its copies.
        seen: everything down to it.
    """

    drawn: Floats
    found: Floats
    seen: Floats


def _at_hits(scores: Similarities, targets: NDArray[np.bool_], weights: Floats) -> _AtHits:
    # Stable, so that ties keep the order of the input, as the authors' scripts have it.
    order = np.argsort(-scores, kind="stable")
    places = np.flatnonzero(targets[order])
    in_order = weights[:, order]
    drawn = in_order[:, places]
    found = np.cumsum(drawn, axis=1)
    seen = np.cumsum(in_order, axis=1)[:, places]
    return _AtHits(drawn, found, seen)


def _precision(at: _AtHits) -> Floats:
    nothing = np.zeros_like(at.found)
    return np.divide(at.found, at.seen, out=nothing, where=at.seen > 0)


def average_precision(scores: Similarities, targets: NDArray[np.bool_], weights: Floats) -> Floats:
    """AP: the mean, over positives, of precision at the positive's place (CLIP_benchmark, tnt).

    Args:
        scores: (N,) higher is more likely.
        targets: (N,) which are positive. Ties keep the order of the input.
        weights: (R, N) how often each counts; ones, or the draws of a bootstrap.

    Returns:
        (R,) fractions; NaN without a positive.
    """
    at = _at_hits(scores, targets, weights)
    total = (at.drawn * _precision(at)).sum(axis=1)
    return _or_nan(total, at.drawn.sum(axis=1))


def average_precision_11(
    scores: Similarities, targets: NDArray[np.bool_], weights: Floats
) -> Floats:
    """AP by 11 points: the mean of the best precision at recall >= 0, .1, ..., 1 (VOC 2007).

    Args and returns: as `average_precision`.
    """
    at = _at_hits(scores, targets, weights)
    total = at.drawn.sum(axis=1)
    # The best precision from a positive down; precision falls between positives.
    from_the_end = _precision(at)[:, ::-1]
    best = np.maximum.accumulate(from_the_end, axis=1)[:, ::-1]
    rows = np.arange(len(best))
    points = np.zeros(len(weights))
    for level in range(11 if targets.any() else 0):
        # A tolerance, for 0.3 is not 3/10 in binary.
        least = level * total[:, None] - 1e-9
        first = (10 * at.found >= least).argmax(axis=1)
        points += best[rows, first]
    return _or_nan(points * total / 11, total)


def roc_auc(scores: Similarities, targets: NDArray[np.bool_], weights: Floats) -> Floats:
    """Return the chance that a positive is above a negative, a tie counting half.

    Args and returns: as `average_precision`; NaN if either side is empty.
    """
    order = np.argsort(scores, kind="stable")
    ascending = scores[order]
    negatives = weights[:, order] * ~targets[order]
    none = np.zeros((len(weights), 1))
    below = np.concatenate([none, np.cumsum(negatives, axis=1)], axis=1)
    # A positive counts the negatives below it, and half of those beside it.
    own = scores[targets]
    under = below[:, np.searchsorted(ascending, own, "left")]
    upto = below[:, np.searchsorted(ascending, own, "right")]
    drawn = weights[:, targets]
    above = (drawn * (under + upto) / 2).sum(axis=1)
    return _or_nan(above, drawn.sum(axis=1) * below[:, -1])


def weighted_mean(values: NDArray[np.int64], weights: Floats) -> Floats:
    """Return the mean of `values` (N,) under each row of `weights` (R, N)."""
    return _or_nan(weights @ values, weights.sum(axis=1))


def lower_median(values: NDArray[np.int64], weights: Floats) -> Floats:
    """Return floor(median) of whole `values` (N,) under each row of whole `weights` (R, N)."""
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weights[:, order], axis=1)
    ascending = values[order]
    count = upto[:, -1]
    ends = []
    for middle in ((count - 1) // 2, count // 2):
        place = (upto > middle[:, None]).argmax(axis=1)
        ends.append(ascending[place])
    median: Floats = np.floor((ends[0] + ends[1]) / 2)
    return median


def _or_nan(top: Floats, bottom: Floats) -> Floats:
    """Return top / bottom, NaN where there is nothing to divide by."""
    ratio: Floats = np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
    return ratio


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


RANKS: dict[str, Callable[..., Floats]] = {
    "mean rank": weighted_mean,
    "median rank": lower_median,
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
        ranks = np.array([judging.rank_of_first(verdict.scores) + 1 for verdict in members])
        for name, measure in RANKS.items():
            derived[f"{subset} {name}"] = DerivedMetric(clusters, partial(measure, ranks), subset)
    return derived


PRECISIONS: dict[str, Callable[..., Floats]] = {
    "mAP": average_precision,
    "mAP_11pt": average_precision_11,
    "AUC": roc_auc,
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
        of_class: `average_precision` or another of its kind.
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
