"""Training from Python, by the names of the command's options."""

from __future__ import annotations

from typing import Any

from ahnpl_cli.config import TrainConfig, from_options
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import TrainReport
from ahnpl_cli.training import loop
from ahnpl_cli.training.preflight import check


def fit(*, track: Track = silent, **options: Any) -> TrainReport:
    """Train, or resume an interrupted run of the same options, as `ahnpl train` does.

    Args:
        track: shows progress.
        **options: options of the command by name, such as `objective="negclip"`, `steps=100`,
            `lr=1e-5`, `data="negatives.jsonl"` or `output="runs/mine"`.

    Returns:
        What was trained: the run's folder, its checkpoint, and the logged steps in `metrics`.

    Raises:
        AhnplError: an option or a file is wrong, or the run cannot continue.
    """
    config = from_options(TrainConfig, options)
    check(config)
    return loop.fit(config, track=track)
