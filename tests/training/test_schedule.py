"""Steps, their pairs and their learning rate."""

import numpy as np
import pytest

from ahnpl_cli.training.schedule import BatchOrder, MixedOrder, learning_rate

ORDER = BatchOrder(pairs=10, batch_size=3, total=9, seed=0)


def test_the_rate_by_hand() -> None:
    rates = [learning_rate(s, peak=1.0, warmup=4, total=12) for s in (0, 3, 4, 8, 12)]
    # A quarter, the peak at the end of warmup and after it, half way down, and nothing.
    assert rates == pytest.approx([0.25, 1.0, 1.0, 0.5, 0.0])


def test_without_warmup_the_first_step_has_the_peak() -> None:
    assert learning_rate(0, peak=2.0, warmup=0, total=5) == 2.0


def test_an_epoch_shows_each_pair_at_most_once_and_drops_the_rest() -> None:
    seen = np.concatenate([ORDER.rows(step) for step in range(3)])
    assert ORDER.epoch_steps == 3
    assert len(seen) == len(set(seen)) == 9


def test_epochs_differ_and_a_plan_made_again_is_the_same() -> None:
    assert [ORDER.epoch(step) for step in (0, 2, 3, 8)] == [0, 0, 1, 2]
    assert ORDER.rows(0).tolist() != ORDER.rows(3).tolist()
    assert BatchOrder(10, 3, 9, seed=0).rows(4).tolist() == ORDER.rows(4).tolist()
    assert BatchOrder(10, 3, 9, seed=1).rows(4).tolist() != ORDER.rows(4).tolist()


def test_a_mix_takes_its_share_of_each_source_and_passes_over_the_painted_pairs() -> None:
    is_painted = np.array([number % 4 == 1 for number in range(24)])  # 6 of 24
    order = MixedOrder(
        BatchOrder(6, 2, 9, seed=0), BatchOrder(18, 6, 9, seed=0), is_painted=is_painted
    )
    assert (order.batch_size, order.total, order.seed, order.epoch_steps) == (8, 9, 0, 3)
    assert [order.epoch(step) for step in range(7)] == [0, 0, 0, 1, 1, 1, 2]
    passes = []
    for step in range(6):
        rows = order.rows(step)
        painted = is_painted[rows]
        assert painted.sum() == 2 and len(set(rows.tolist())) == 8
        # Each of two processes has one of them.
        assert painted[:4].sum() == painted[4:].sum() == 1
        passes += rows[painted].tolist()
    everyone = np.flatnonzero(is_painted).tolist()
    assert sorted(passes[:6]) == sorted(passes[6:]) == everyone
    others = [row for step in range(3) for row in order.rows(step) if not is_painted[row]]
    assert len(set(others)) == 18


def test_smaller_batches_keep_the_share_of_both_sources() -> None:
    is_painted = np.arange(40) < 10
    order = MixedOrder(BatchOrder(10, 4, 20, 0), BatchOrder(30, 12, 20, 0), is_painted)
    smaller = order.with_batches_of(8)
    assert (smaller.painted.batch_size, smaller.originals.batch_size) == (2, 6)
    assert (len(smaller.rows(3)), order.epochs) == (8, 10)
