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


def average_precision(scores: Floats, targets: NDArray[np.bool_]) -> float:
    """AP: the mean, over positives, of precision at the positive's place (CLIP_benchmark, tnt).

    Args:
        scores: (N,) higher is more likely.
        targets: (N,) which are positive. Ties keep the order of the input.

    Returns:
        A fraction; NaN without a positive.
    """
    hits = targets[np.argsort(-scores, kind="stable")]
    if not hits.any():
        return float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def average_precision_11(scores: Floats, targets: NDArray[np.bool_]) -> float:
    """AP by 11 points: the mean of the best precision at recall >= 0, .1, ..., 1 (VOC 2007).

    Args:
        scores: (N,) higher is more likely.
        targets: (N,) which are positive.

    Returns:
        A fraction; NaN without a positive.
    """
    hits = targets[np.argsort(-scores, kind="stable")]
    if not hits.any():
        return float("nan")
    found = np.cumsum(hits)
    precision, recall = found / np.arange(1, len(hits) + 1), found / found[-1]
    # A tolerance, for 0.3 is not 3/10 in binary.
    points = [precision[recall >= level - 1e-9].max() for level in np.linspace(0, 1, 11)]
    return float(np.mean(points))


def roc_auc(scores: Floats, targets: NDArray[np.bool_]) -> float:
    """Return the chance that a positive is above a negative, a tie counting half.

    Args:
        scores: (N,) higher is more likely.
        targets: (N,) which are positive.

    Returns:
        A fraction; NaN if either side is empty.
    """
    from scipy.stats import rankdata

    positives, negatives = int(targets.sum()), int((~targets).sum())
    if not positives or not negatives:
        return float("nan")
    above = rankdata(scores)[targets].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))
