"""Intervals and tests against scipy, by hand, and by simulation of what they promise."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from ahnpl_cli.evaluation.scoring import statistics
from ahnpl_cli.evaluation.scoring.statistics import (
    evaluate,
    from_json,
    is_average,
    mean,
    pool,
    renamed_where_partial,
    to_json,
)

CORRECT = {"a": np.array([1.0, 3.0]), "b": np.array([1.0, 0.0]), "c": np.array([0.0, 0.0])}
COUNTS = {"a": np.array([4.0, 4.0]), "b": np.array([1.0, 1.0]), "c": np.array([0.0, 5.0])}


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (7, 10), (10, 10), (151, 246), (1, 1)])
def test_wilson_equals_scipys(correct, n):
    expected = binomtest(correct, n).proportion_ci(method="wilson")
    assert statistics.wilson(correct, n) == pytest.approx((expected.low, expected.high))


def test_wilson_of_nothing_is_nothing():
    assert all(math.isnan(end) for end in statistics.wilson(0, 0))


def test_mcnemar_by_hand():
    """Of 6 items that differ, 6 go one way: p = 2 / 2**6."""
    a = [True] * 6 + [True, False]
    b = [False] * 6 + [True, False]
    assert statistics.mcnemar(a, b) == pytest.approx(2 / 64)
    assert statistics.mcnemar(a, a) == 1.0


def verdicts(rows):
    return [(image, {"row": right}) for image, right in rows]


def test_a_bootstrap_by_image_is_wider_than_one_by_item_where_items_of_an_image_agree():
    rng = np.random.default_rng(0)
    images = [(i, bool(rng.integers(2))) for i in range(30)]
    same = [(f"i{i}", right) for i, right in images for _ in range(8)]
    alone = [(f"i{i}.{k}", right) for i, right in images for k in range(8)]
    widths = []
    for rows in (same, alone):
        table = statistics.tally(verdicts(rows))
        drawn = statistics.bootstrap(table, {"m": pool("row")}, samples=400, seed=0)["m"][0]
        low, high = statistics.percentile_interval(drawn)
        widths.append(high - low)
    assert widths[0] > 2 * widths[1]


def test_a_bootstrap_covers_the_truth_about_as_often_as_it_says():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(100):
        chance = rng.beta(2, 2, size=40)  # each image has its own difficulty; mean .5
        rows = [(f"i{i}", bool(rng.random() < p)) for i, p in enumerate(chance) for _ in range(3)]
        table = statistics.tally(verdicts(rows))
        drawn = statistics.bootstrap(table, {"m": mean("row")}, samples=200, seed=0)["m"][0]
        low, high = statistics.percentile_interval(drawn)
        hits += low <= 0.5 <= high
    assert 86 <= hits <= 100


def test_blocks_change_no_number(monkeypatch):
    rows = verdicts([(f"i{i % 7}", i % 3 == 0) for i in range(40)])
    table = statistics.tally(rows)
    whole = statistics.bootstrap(table, {"m": pool("row")}, samples=64, seed=3)["m"]
    monkeypatch.setattr(statistics, "BLOCK", 64)
    again = statistics.bootstrap(table, {"m": pool("row")}, samples=64, seed=3)["m"]
    assert np.array_equal(whole, again)


def test_two_models_are_resampled_together():
    a = verdicts([(f"i{i}", i % 2 == 0) for i in range(20)])
    table = statistics.tally(a, a)
    drawn = statistics.bootstrap(table, {"m": pool("row")}, samples=50, seed=0)["m"]
    assert np.array_equal(drawn[0], drawn[1])


def test_the_mean_of_values_is_resampled_by_cluster():
    values, clusters = [1.0, 1.0, 5.0], ["a", "a", "b"]
    drawn = statistics.cluster_means(values, clusters, samples=500, seed=0)
    found = {round(float(value), 6) for value in drawn}
    assert found == {1.0, 5.0, round(7 / 3, 6)}  # two of a, two of b, one of each


def test_a_pool_weighs_by_items_and_a_mean_does_not():
    assert evaluate(pool("a", "b"), CORRECT, COUNTS) == pytest.approx([2 / 5, 3 / 5])
    assert evaluate(mean("a", "b"), CORRECT, COUNTS) == pytest.approx([(1 / 4 + 1) / 2, 3 / 8])


def test_a_mean_of_means_by_hand():
    """First replicate: mean(mean(1/4, 1), 1) = mean(5/8, 1) = 13/16."""
    tree = mean(mean("a", "b"), "b")
    assert evaluate(tree, CORRECT, COUNTS)[0] == pytest.approx(13 / 16)


def test_a_part_without_a_verdict_is_left_out_of_its_mean():
    found = evaluate(mean("a", "c"), CORRECT, COUNTS)
    assert found == pytest.approx([1 / 4, (3 / 4 + 0) / 2])
    assert np.isnan(evaluate(pool("c"), CORRECT, COUNTS)[0])


def test_a_tree_survives_being_written():
    tree = mean(mean("a", pool("b", "c")), "a")
    assert from_json(to_json(tree)) == tree
    assert to_json(pool("a", "b")) == {"pool": ["a", "b"]}


def test_an_average_keeps_its_name_only_with_all_its_rows():
    averages = {"both": mean("a", "b"), "half": mean("a", "d"), "none": pool("d")}
    named = renamed_where_partial(averages, {"a", "b", "c"})
    assert named == {"both": mean("a", "b"), "half_partial": mean("a", "d")}
    assert renamed_where_partial(named, {"a"}).keys() == {"both_partial", "half_partial"}


@pytest.mark.parametrize("tree", [5, {"pool": "ab"}, {"pool": [1]}, {"mean": [{}]}, {"mean": 3}])
def test_a_tree_of_another_shape_is_told_apart(tree):
    assert not is_average(tree)
    assert is_average(to_json(mean("a", pool("b"))))
