"""Steps, their pairs and their learning rate."""

import numpy as np
import pytest

from ahnpl_cli.training.schedule import BatchOrder, learning_rate

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
