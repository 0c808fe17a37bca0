"""Workflow: what a training run would do, found out without writing anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.inspection.hardness import Placed, recall
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import TrainPlan
from ahnpl_cli.training.build import build, open_records
from ahnpl_cli.training.loop import run_path
from ahnpl_cli.training.trainer import Trainer

TRIED = 3


def preview(config: TrainConfig, *, track: Track = silent) -> TrainPlan:
    """Read the data and the model, take three steps, and throw them away.

    Args:
        config: every option.
        track: shows progress.

    Raises:
        AhnplError: what would stop the run, except for images, which are listed.
    """
    run, config = run_path(config), replace(config, on_error="skip")
    setup = build(config, run, track=track)
    plan = setup.plan
    # Before the steps: they change the model, and what is on disk is of the start.
    hardness = recall(_placed(config), setup.backbone.info, seed=config.seed)
    parameters = list(setup.backbone.module.parameters())
    with torch.random.fork_rng(devices=[]):
        seconds = _try_steps(Trainer(setup, config), track)
    return TrainPlan(
        run=str(run),
        records=len(setup.data),
        images=len(setup.data.pictures),
        negatives=dict(setup.data.negatives),
        problems=setup.problems,
        parameters=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        steps=plan.total,
        batch_size=plan.batch_size,
        seconds_per_step=seconds,
        estimate=seconds * plan.total,
        hardness=hardness,
        weights=setup.objective.recipe.active,
    )


def _placed(config: TrainConfig) -> Iterator[Placed]:
    """Yield the records whose images are files."""
    for record, picture in open_records(config):
        if isinstance(picture, ImageRef):
            yield record, picture.path


def _try_steps(trainer: Trainer, track: Track) -> float:
    """Return seconds a step, without the first, which pays for what is made once."""
    marks = [time.perf_counter()]
    steps = zip(range(TRIED), trainer.steps(), strict=False)
    for _ in track(steps, total=TRIED, description="trying three steps", unit="steps"):
        marks.append(time.perf_counter())
    counted = marks[1:] if len(marks) > 2 else marks
    return (counted[-1] - counted[0]) / (len(counted) - 1)
