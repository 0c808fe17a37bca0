"""What a training run would do, found out without writing anything."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ahnpl_cli.backbones.hardness import Placed, recall
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import TrainPlan
from ahnpl_cli.training.build import TrainingParts, build, open_records
from ahnpl_cli.training.checkpoints import RunFolder
from ahnpl_cli.training.diagnostics import peak_memory_mb
from ahnpl_cli.training.distributed import world_size
from ahnpl_cli.training.loop import train
from ahnpl_cli.training.preflight import run_path
from ahnpl_cli.training.run import Run, new_state

logger = logging.getLogger(__name__)

TRIED = 3  # steps of one size
SMALLEST = 4  # pairs of the first steps tried, for each process
GROWTH = 4  # times as many pairs in the next
LONGEST = 20.0  # seconds that the next steps may take by what the last ones took


@dataclass(frozen=True, slots=True)
class _Trial:
    """What steps of a size cost: pairs a step, seconds a step, peak memory in MB so far."""

    pairs: int
    seconds: float
    memory_mb: float


def preview(config: TrainConfig, *, track: Track = silent) -> TrainPlan:
    """Read the data and the model, take a few steps, and throw them away.

    Args:
        config: every option.
        track: shows progress.

    Raises:
        AhnplError: what would stop the run, except for images, which are listed.
    """
    config = replace(config, on_error="skip", dry_run=True)
    path = run_path(config)
    parts = build(config, path, track=track)
    # Before the steps: they change the model, and what is on disk is of the start.
    hardness = recall(_placed(config), parts.backbone.info, seed=config.seed)
    parameters = list(parts.backbone.module.parameters())
    with torch.random.fork_rng(devices=[]):
        trials = _try_steps(config, parts, track)
    size = parts.order.batch_size
    seconds, memory = _extrapolate(trials, size)
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
        seconds_per_epoch=seconds * parts.order.epoch_steps,
        tried_pairs=trials[-1].pairs,
        memory_mb=memory,
        disk_bytes=_disk(config, parts),
        free_bytes=_free(path),
        hardness=hardness,
        weights=parts.objective.recipe.active,
        painted=parts.data.painted,
        units=parts.data.further.units,
    )


def _try_steps(config: TrainConfig, parts: TrainingParts, track: Track) -> list[_Trial]:
    """Take steps of few pairs, then of more, up to the batch size or as long as that is quick."""
    whole = parts.order.batch_size
    size = min(whole, SMALLEST * world_size())
    # What the model alone takes; a step adds to it.
    trials = [_Trial(0, 0.0, peak_memory_mb(parts.device))]
    while True:
        logger.info("Measuring %d steps of %d pairs; the run takes %d.", TRIED, size, whole)
        smaller = replace(parts, order=parts.order.with_batches_of(size))
        seconds = time_steps(train(_throwaway(config, smaller, size)), track)
        trials.append(_Trial(size, seconds, peak_memory_mb(parts.device)))
        size = min(whole, size * GROWTH)
        done = trials[-1]
        if done.pairs == whole or TRIED * seconds * size / done.pairs > LONGEST:
            return trials


def _throwaway(config: TrainConfig, parts: TrainingParts, size: int) -> Run:
    """Return a run that writes nothing and tells no tracker."""
    memory = replace(config.memory, accumulate=min(config.memory.accumulate, size))
    config = replace(config, memory=memory, run=replace(config.run, tracker="none"))
    state = new_state(parts, config)
    return Run(config, RunFolder(run_path(config)), parts, state, writes=False)


def _extrapolate(trials: Sequence[_Trial], size: int) -> tuple[float, float]:
    """Return seconds a step and peak memory for a batch size, on the line of the last two trials.

    A step has a part that does not grow with its pairs, such as the optimizer's.
    """
    before, last = trials[-2:]
    if last.pairs == size:
        return last.seconds, last.memory_mb
    further = (size - last.pairs) / (last.pairs - before.pairs)
    seconds = last.seconds + further * max(0.0, last.seconds - before.seconds)
    memory = last.memory_mb + further * max(0.0, last.memory_mb - before.memory_mb)
    return seconds, memory


def _disk(config: TrainConfig, parts: TrainingParts) -> int:
    """Return the bytes of all checkpoints: `last` with its training state, kept ones, and best."""
    model = sum(weight.nbytes for weight in parts.backbone.module.state_dict().values())
    trained = [p for group in parts.optimizer.param_groups for p in group["params"]]
    # AdamW keeps two moments of each.
    state = 2 * sum(parameter.nbytes for parameter in trained)
    if parts.export.trained_weights():
        state += model
    means = [teacher for teacher in parts.teachers.values() if teacher.mean is not None]
    state += model * (len(means) + (config.memory.ema is not None))
    saves = math.ceil(parts.order.total / parts.milestones.save_every)
    kept = min(config.run.keep, saves)
    models = 1 + kept + (1 if config.run.eval_every else 0)
    return int(models * model + state)


def _free(path: Path) -> int:
    """Return the free bytes where a folder is, or would be."""
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(existing).free


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
    for _ in track(tried, total=TRIED, description="Trying steps", unit="steps"):
        marks.append(time.perf_counter())
    counted = marks[1:] if len(marks) > 2 else marks
    return (counted[-1] - counted[0]) / (len(counted) - 1)
