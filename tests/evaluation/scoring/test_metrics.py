"""Metrics by hand: average precision, AUC, means."""

import numpy as np
import pytest

from ahnpl_cli.evaluation.scoring import metrics

ONCE = np.ones((1, 3))


def test_average_precision_by_hand():
    """Order by score: hit, miss, hit. Precision at the hits: 1/1 and 2/3; mean 5/6."""
    scores, on = np.array([0.9, 0.8, 0.7], dtype=np.float32), np.array([True, False, True])
    assert metrics.average_precision(scores, on, ONCE) == pytest.approx(5 / 6)


def test_average_precision_counts_from_the_highest_score_down():
    """Miss, hit, miss, hit: 1/2 and 2/4; turned round it would be 1/1 and 2/3."""
    scores, on = np.array([0.6, 0.7, 0.8, 0.9], dtype=np.float32), np.array([1, 0, 1, 0], bool)
    ones = np.ones((1, 4))
    assert metrics.average_precision(scores, on, ones) == pytest.approx(1 / 2)
    assert metrics.average_precision_11(scores, on, ones) == pytest.approx(1 / 2)
    assert metrics.roc_auc(scores, on, ones) == pytest.approx(1 / 4)


def test_eleven_point_precision_by_hand():
    """Recall 1/2 at precision 1, recall 1 at precision 2/3: six points at 1, five at 2/3."""
    scores, on = np.array([0.9, 0.8, 0.7], dtype=np.float32), np.array([True, False, True])
    assert metrics.average_precision_11(scores, on, ONCE) == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_area_under_the_curve_by_hand():
    """Pairs (positive, negative): 0.9 over 0.8 wins, 0.7 over 0.8 loses, a tie is half."""
    scores, on = np.array([0.9, 0.8, 0.7], dtype=np.float32), np.array([True, False, True])
    assert metrics.roc_auc(scores, on, ONCE) == pytest.approx(0.5)
    equal, half = np.ones(4, dtype=np.float32), np.array([1, 0, 1, 0], bool)
    assert metrics.roc_auc(equal, half, np.ones((1, 4))) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "measure", [metrics.average_precision, metrics.average_precision_11, metrics.roc_auc]
)
def test_a_class_that_is_nowhere_has_no_value(measure):
    assert np.isnan(measure(np.ones(3, dtype=np.float32), np.zeros(3, dtype=bool), ONCE)).all()


@pytest.mark.parametrize(
    "measure", [metrics.average_precision, metrics.average_precision_11, metrics.roc_auc]
)
def test_weights_count_an_image_as_often_as_it_is_drawn(measure):
    rng = np.random.default_rng(0)
    scores, on = rng.normal(size=12).astype(np.float32), rng.random(12) < 0.5
    draws = rng.integers(0, 2, size=(5, 12)).astype(float)
    for drawn, value in zip(draws, measure(scores, on, draws), strict=True):
        kept = drawn > 0
        alone = measure(scores[kept], on[kept], np.ones((1, kept.sum())))
        assert value == pytest.approx(alone[0], nan_ok=True)


def test_an_area_with_images_drawn_twice_equals_that_of_their_copies():
    rng = np.random.default_rng(1)
    scores, on = rng.integers(0, 5, size=10).astype(np.float32), rng.random(10) < 0.5
    times = rng.integers(0, 3, size=10)
    copies = metrics.roc_auc(
        np.repeat(scores, times), np.repeat(on, times), np.ones((1, times.sum()))
    )
    assert metrics.roc_auc(scores, on, times[None].astype(float)) == pytest.approx(copies)


def test_mean_and_lower_median_of_ranks_under_draws():
    """Ranks 1, 4, 9 as they are; then 4 left out and 9 twice: 1, 9, 9; then 1 and 4: floor 2.5."""
    ranks = np.array([4, 1, 9])
    draws = np.array([[1.0, 1, 1], [0, 1, 2], [1, 1, 0]])
    assert metrics.weighted_mean(ranks, draws) == pytest.approx([14 / 3, 19 / 3, 2.5])
    assert metrics.lower_median(ranks, draws).tolist() == [4, 9, 2]
