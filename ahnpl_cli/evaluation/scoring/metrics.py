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
    # To the last bit: similarities are computed row by row, so that equal inputs give equal ones.
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
    # argmax takes the first of equals: an equal caption before i's own still wins over it.
    first = ties_win and all(score != matrix[i][i] for score in matrix[i][:i])
    return beats(matrix[i][i], max(others), ties_win=first)


def group_image(matrix: Sequence[Scores], i: int, *, ties_win: bool = False) -> Outcome:
    """Whether caption i prefers its own image: `group_text` of the transposed matrix."""
    return group_text(list(zip(*matrix, strict=True)), i, ties_win=ties_win)


def both(*outcomes: Outcome) -> Outcome:
    """All of several verdicts; tied when a tie is what decides."""
    correct = all(outcome.correct for outcome in outcomes)
    # A wrong part that is no tie decides by itself, whatever ties there are beside it.
    decided = all(outcome.correct or outcome.tied for outcome in outcomes)
    return Outcome(correct, decided and any(outcome.tied for outcome in outcomes))


class _AtHits(NamedTuple):
    """What is known at each positive, from the highest score down, per row of weights (R, P).

    Attributes:
        drawn: how often the positive counts.
        found: positives down to it, itself with all its copies.
        seen: everything down to it.
    """

    drawn: Weights
    found: Weights
    seen: Weights


def _at_hits(scores: Floats, targets: NDArray[np.bool_], weights: Weights) -> _AtHits:
    # Stable, so that ties keep the order of the input, as the authors' scripts have it.
    order = np.argsort(-scores, kind="stable")
    places = np.flatnonzero(targets[order])
    in_order = weights[:, order]
    drawn = in_order[:, places]
    return _AtHits(drawn, np.cumsum(drawn, axis=1), np.cumsum(in_order, axis=1)[:, places])


def _precision(at: _AtHits) -> Weights:
    return np.divide(at.found, at.seen, out=np.zeros_like(at.found), where=at.seen > 0)


def average_precision(scores: Floats, targets: NDArray[np.bool_], weights: Weights) -> Weights:
    """AP: the mean, over positives, of precision at the positive's place (CLIP_benchmark, tnt).

    Args:
        scores: (N,) higher is more likely.
        targets: (N,) which are positive. Ties keep the order of the input.
        weights: (R, N) how often each counts; ones, or the draws of a bootstrap.

    Returns:
        (R,) fractions; NaN without a positive.
    """
    at = _at_hits(scores, targets, weights)
    return _or_nan((at.drawn * _precision(at)).sum(axis=1), at.drawn.sum(axis=1))


def average_precision_11(scores: Floats, targets: NDArray[np.bool_], weights: Weights) -> Weights:
    """AP by 11 points: the mean of the best precision at recall >= 0, .1, ..., 1 (VOC 2007).

    Args and returns: as `average_precision`.
    """
    at = _at_hits(scores, targets, weights)
    total, points = at.drawn.sum(axis=1), np.zeros(len(weights))
    # The best precision from a positive down; precision falls between positives.
    best = np.maximum.accumulate(_precision(at)[:, ::-1], axis=1)[:, ::-1]
    for level in range(11 if targets.any() else 0):
        # A tolerance, for 0.3 is not 3/10 in binary.
        first = (10 * at.found >= level * total[:, None] - 1e-9).argmax(axis=1)
        points += best[np.arange(len(best)), first]
    return _or_nan(points * total / 11, total)


def roc_auc(scores: Floats, targets: NDArray[np.bool_], weights: Weights) -> Weights:
    """Return the chance that a positive is above a negative, a tie counting half.

    Args and returns: as `average_precision`; NaN if either side is empty.
    """
    order = np.argsort(scores, kind="stable")
    ascending, negatives = scores[order], weights[:, order] * ~targets[order]
    below = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(negatives, axis=1)], axis=1)
    # A positive counts the negatives below it, and half of those beside it.
    own = scores[targets]
    under, upto = (below[:, np.searchsorted(ascending, own, side)] for side in ("left", "right"))
    drawn = weights[:, targets]
    above = (drawn * (under + upto) / 2).sum(axis=1)
    return _or_nan(above, drawn.sum(axis=1) * below[:, -1])


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
