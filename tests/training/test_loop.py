"""Whole runs of a tiny real model."""

from collections.abc import Callable

from ahnpl_cli.train_config import TrainConfig
from ahnpl_cli.training.loop import fit


def test_it_trains(make_config: Callable[..., TrainConfig]) -> None:
    report = fit(make_config())
    print(report)
    assert report.steps == 6
