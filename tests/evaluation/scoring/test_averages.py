"""Averages as trees: evaluated, named parts, written and read."""

import numpy as np
import pytest

from ahnpl_cli.evaluation.scoring.averages import evaluate, from_json, mean, pool, present, to_json

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


def test_an_average_is_present_only_with_all_its_rows():
    assert present(mean("a", "b"), ["a", "b", "c"])
    assert not present(mean("a", "d"), ["a", "b", "c"])
