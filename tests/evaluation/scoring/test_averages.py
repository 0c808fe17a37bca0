"""Averages as trees: evaluated, named parts, written and read."""

import numpy as np
import pytest

from ahnpl_cli.evaluation.scoring.averages import (
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
