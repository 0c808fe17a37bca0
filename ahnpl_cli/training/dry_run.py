"""What a training run would do, found out without writing anything."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch

from ahnpl_cli.backbones.hardness import Placed, recall
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import TrainPlan
from ahnpl_cli.training.build import build, open_records
from ahnpl_cli.training.checkpoints import RunFolder
from ahnpl_cli.training.loop import train
from ahnpl_cli.training.preflight import run_path
from ahnpl_cli.training.run import Run, new_state

TRIED = 3


def preview(config: TrainConfig, *, track: Track = silent) -> TrainPlan:
    """Read the data and the model, take three steps, and throw them away.

    Args:
        config: every option.
        track: shows progress.

    Raises:
        AhnplError: what would stop the run, except for images, which are listed.
    """
    config = replace(config, on_error="skip")
    path = run_path(config)
    parts = build(config, path, track=track)
    # Before the steps: they change the model, and what is on disk is of the start.
    hardness = recall(_placed(config), parts.backbone.info, seed=config.seed)
    parameters = list(parts.backbone.module.parameters())
    run = Run(
        config=replace(config, run=replace(config.run, tracker="none")),
        folder=RunFolder(path),
        parts=parts,
        state=new_state(parts, config),
        writes=False,
    )
    with torch.random.fork_rng(devices=[]):
        seconds = time_steps(train(run), track)
    return TrainPlan(
        run=str(path),
        records=len(parts.data),
        images=len(parts.data.pictures),
        negatives=dict(parts.data.negatives),
        problems=parts.problems,
        parameters=sum(parameter.numel() for parameter in parameters),
        trainable=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        steps=parts.order.total,
        batch_size=parts.order.batch_size,
        seconds_per_step=seconds,
        estimate=seconds * parts.order.total,
        hardness=hardness,
        weights=parts.objective.recipe.active,
        painted=parts.data.painted,
    )


def _placed(config: TrainConfig) -> Iterator[Placed]:
    """Yield the records whose images are files."""
    for record, picture, _ in open_records(config):
        if isinstance(picture, ImageRef):
            yield record, picture.path


def time_steps(steps: Iterable[object], track: Track) -> float:
    """Take some steps; return seconds a step, without the first, which pays for what is made once.

    Args:
        steps: each item is a step.
        track: shows progress.
    """
    marks = [time.perf_counter()]
    tried = zip(range(TRIED), steps, strict=False)
    for _ in track(tried, total=TRIED, description="Trying three steps", unit="steps"):
        marks.append(time.perf_counter())
    counted = marks[1:] if len(marks) > 2 else marks
    return (counted[-1] - counted[0]) / (len(counted) - 1)
