"""Verdicts from similarities: pure functions over numbers, one tie rule.

Canonical rule: a strict `>` in fp32, so that a tie is wrong; `ties_win` is the other reading, which
some official scripts have (facts of each benchmark's file).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = Sequence[float]
Floats = NDArray[np.float32]
Weights = NDArray[np.float64]


class Outcome(NamedTuple):
    """One verdict: whether it is right, and whether the deciding similarities were equal."""

    correct: bool
    tied: bool


def beats(positive: float, negative: float, *, ties_win: bool = False) -> Outcome:
    """Whether a positive similarity is above a negative one."""
    tied = positive == negative
    return Outcome(positive > negative or (tied and ties_win), tied)


def choose(scores: Scores, positives: int = 1, *, ties_win: bool = False) -> Outcome:
    """Whether the worst of the first `positives` scores is above the best of the others."""
    return beats(min(scores[:positives]), max(scores[positives:]), ties_win=ties_win)


def rank_of_first(scores: Scores) -> int:
    """Return how many others are at or above the first score: 0 is the top, a tie counts against.

    CREPE's R@k is `rank_of_first < k`; its script's argsort is unstable, so ties are undefined.
    """
    return sum(score >= scores[0] for score in scores[1:])


def group_text(matrix: Sequence[Scores], i: int, *, ties_win: bool = False) -> Outcome:
    """Whether image i prefers its own caption to every other of the group.

    Args:
        matrix: similarities, rows are images and columns captions, i belongs to i.
        i: which image.
        ties_win: whether an equal score of a later caption is forgiven (argmax, first index wins).
    """
    others = [score for j, score in enumerate(matrix[i]) if j != i]
    first = ties_win and all(score != matrix[i][i] for score in matrix[i][:i])
    return beats(matrix[i][i], max(others), ties_win=first)


def group_image(matrix: Sequence[Scores], i: int, *, ties_win: bool = False) -> Outcome:
    """Whether caption i prefers its own image: `group_text` of the transposed matrix."""
    return group_text(list(zip(*matrix, strict=True)), i, ties_win=ties_win)


def both(*outcomes: Outcome) -> Outcome:
    """All of several verdicts; tied when a tie is what decides."""
    correct = all(outcome.correct for outcome in outcomes)
    decided = all(outcome.correct or outcome.tied for outcome in outcomes)
    return Outcome(correct, decided and any(outcome.tied for outcome in outcomes))


def _ranked(
    scores: Floats, targets: NDArray[np.bool_], weights: Weights
) -> tuple[Weights, Weights, Weights]:
    """Return, from the highest score down, hits (R, N), hits so far and their precision."""
    order = np.argsort(-scores, kind="stable")
    drawn = weights[:, order]
    hits = drawn * targets[order]
    found, seen = np.cumsum(hits, axis=1), np.cumsum(drawn, axis=1)
    return hits, found, np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)


def average_precision(scores: Floats, targets: NDArray[np.bool_], weights: Weights) -> Weights:
    """AP: the mean, over positives, of precision at the positive's place (CLIP_benchmark, tnt).

    Args:
        scores: (N,) higher is more likely.
        targets: (N,) which are positive. Ties keep the order of the input.
        weights: (R, N) how often each counts; ones, or the draws of a bootstrap.

    Returns:
        (R,) fractions; NaN without a positive.
    """
    hits, found, precision = _ranked(scores, targets, weights)
    return _or_nan((hits * precision).sum(axis=1), found[:, -1:].sum(axis=1))


def average_precision_11(scores: Floats, targets: NDArray[np.bool_], weights: Weights) -> Weights:
    """AP by 11 points: the mean of the best precision at recall >= 0, .1, ..., 1 (VOC 2007).

    Args and returns: as `average_precision`.
    """
    _, found, precision = _ranked(scores, targets, weights)
    total = found[:, -1:].sum(axis=1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    points = np.zeros(len(weights))
    for level in range(11):
        # A tolerance, for 0.3 is not 3/10 in binary.
        first = (10 * found >= level * total[:, None] - 1e-9).argmax(axis=1)
        points += best[np.arange(len(best)), first] if best.size else 0.0
    return _or_nan(points * total / 11, total)


def roc_auc(scores: Floats, targets: NDArray[np.bool_], weights: Weights) -> Weights:
    """Return the chance that a positive is above a negative, a tie counting half.

    Args and returns: as `average_precision`; NaN if either side is empty.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    drawn = weights[:, order]
    positives, negatives = (
        np.add.reduceat(drawn * side[order], starts, axis=1) for side in (targets, ~targets)
    )
    below = np.cumsum(negatives, axis=1) - negatives
    above = (positives * (below + negatives / 2)).sum(axis=1)
    return _or_nan(above, positives.sum(axis=1) * negatives.sum(axis=1))


def weighted_mean(values: NDArray[np.int64], weights: Weights) -> Weights:
    """Return the mean of `values` (N,) under each row of `weights` (R, N)."""
    return _or_nan(weights @ values, weights.sum(axis=1))


def lower_median(values: NDArray[np.int64], weights: Weights) -> Weights:
    """Return floor(median) of whole `values` (N,) under each row of whole `weights` (R, N)."""
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weights[:, order], axis=1)
    middle = [(upto[:, -1] - 1) // 2, upto[:, -1] // 2]
    ends = [values[order][(upto > place[:, None]).argmax(axis=1)] for place in middle]
    median: Weights = np.floor((ends[0] + ends[1]) / 2)
    return median


def _or_nan(top: Weights, bottom: Weights) -> Weights:
    """Return top / bottom, NaN where there is nothing to divide by."""
    ratio: Weights = np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
    return ratio
