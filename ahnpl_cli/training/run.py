"""A training run: what it is made of, the state that brings it back, its report and its tables."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ahnpl_cli.backbones.load import pick_device
from ahnpl_cli.config import TrainConfig, flat, resolved
from ahnpl_cli.data.fingerprints import write_seen
from ahnpl_cli.errors import TrainingError
from ahnpl_cli.losses.registry import label
from ahnpl_cli.progress import Track, duration, per_item, silent
from ahnpl_cli.records import (
    CheckpointOrigin,
    StepReport,
    TrainPlan,
    TrainReport,
    dead_terms,
    spread,
)
from ahnpl_cli.reporting.hardness import hardness_table
from ahnpl_cli.reporting.tables import Cell, Table, speed
from ahnpl_cli.runs import IMAGES, is_checkpoint, step_folder
from ahnpl_cli.training.build import TrainingParts, build
from ahnpl_cli.training.checkpoints import RunFolder, RunningMean, snapshot
from ahnpl_cli.training.diagnostics import LossGuard, margins
from ahnpl_cli.training.distributed import is_first_process, of_first_process
from ahnpl_cli.training.evaluating import best_step
from ahnpl_cli.training.preflight import AFRESH, resumes, run_path

SHOWN = 6

logger = logging.getLogger(__name__)


@dataclass
class RunState:
    """All that changes while a run trains, beside model, optimizer and objective.

    Attributes:
        step: steps taken since the beginning of the run.
        resumed_from: steps that were taken before this process began.
        skipped: images that could not be decoded, and records left out before.
        metrics: the logged steps, those before a resume included.
        notes: what was said of dead terms.
        dead: terms that give no gradient now.
        warned: records whose broken image was named.
        guard: notices an exploding loss.
        ema: running mean of the weights, if asked for.
        seconds: of this process's training.
    """

    step: int = 0
    resumed_from: int = 0
    skipped: int = 0
    metrics: list[StepReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    warned: set[str] = field(default_factory=set)
    guard: LossGuard = field(default_factory=LossGuard)
    ema: RunningMean | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        config: every option.
        folder: where it is kept.
        parts: model, data, objective, optimizer.
        state: what changes while it trains.
        writes: whether this process writes the folder: the first one, and not in a dry run.
    """

    config: TrainConfig
    folder: RunFolder
    parts: TrainingParts
    state: RunState
    writes: bool

    @property
    def remaining_steps(self) -> int:
        """Steps that are left."""
        return max(0, self.parts.order.total - self.state.step)

    def origin(self) -> CheckpointOrigin:
        """Return what a checkpoint of now says of where it came from."""
        objective = self.parts.objective
        return CheckpointOrigin(
            recipe=flat(resolved(self.config)),
            parent=self.parts.start,
            step=self.state.step,
            a=objective.a.item(),
            margins=margins(objective, self.parts.data.kinds),
        )

    def report(self) -> TrainReport:
        """Return what was done so far."""
        data = self.parts.data
        notes, best = list(self.state.notes), {}
        if any(line.evaluation for line in self.state.metrics):
            best = best_step(self.state.metrics, self.config.run)
            if not best:
                notes.append(f"no checkpoint meets --best-metric {self.config.run.best_metric!r}")
        return TrainReport(
            run=str(self.folder.path),
            checkpoint=str(self.folder.last),
            objective=self.config.objective,
            records=len(data),
            images=len(data.pictures),
            negatives=data.negatives,
            skipped=self.state.skipped,
            steps=self.state.step,
            seconds=self.state.seconds,
            resumed_from=self.state.resumed_from,
            metrics=tuple(self.state.metrics),
            best=best,
            notes=tuple(notes),
            painted=data.painted,
            units=data.further.units,
        )


def new_state(parts: TrainingParts, config: TrainConfig) -> RunState:
    """Return the state of a run before its first step."""
    decay = config.memory.ema
    ema = None if decay is None else RunningMean(snapshot(parts.backbone.module), decay)
    guard = LossGuard(floor=sum(parts.objective.recipe.active.values()))
    return RunState(skipped=parts.skipped, ema=ema, guard=guard)


def open_run(config: TrainConfig, *, track: Track = silent) -> Run:
    """Build a run, and bring it to where an interrupted one of the same options stopped.

    Args:
        config: every option.
        track: shows progress.

    Raises:
        AhnplError: whatever the user has to fix first.
    """
    # A device that is not there is the cheapest mistake to find.
    pick_device(config.device)
    folder = RunFolder(run_path(config))
    # Before the model is loaded, which may take a while.
    first = is_first_process()
    if first:
        folder.sweep()
    continues = resumes(folder.path, config)
    parts = build(config, folder.path, track=track)
    run = Run(config, folder, parts, new_state(parts, config), writes=first)
    # The first process may have begun the folder since another one looked.
    if of_first_process(continues):
        _resume(run)
    elif first:
        folder.begin(config, parts.start)
        write_seen(folder.path / IMAGES, parts.data.pictures, parts.images)
    if first and parts.neighbors:
        parts.neighbors.save(folder.path)
    return run


def _resume(run: Run) -> None:
    saved = run.folder.load_state(run.parts.start)
    try:
        if saved["weights"]:
            run.parts.backbone.module.load_state_dict(saved["weights"])
        else:
            run.parts.backbone.restore(run.folder.last)
        _check_data(run, saved)
        restore_state(run.parts, run.state, saved)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        what = "the training state is of another run, or damaged"
        raise TrainingError(what, where=str(run.folder.last), hint=AFRESH) from error
    run.parts.accelerator.wait_for_everyone()
    state = run.state
    state.metrics = run.folder.metrics(until=state.step)
    state.dead = set(dead_terms(state.metrics))
    state.resumed_from = state.step
    if run.writes:
        run.folder.rewrite(state.metrics)
        # A run in its warmup may have been given another length.
        run.folder.write_options(run.config)
        _repair(run)
    logger.info("Resuming %s at step %d.", run.folder.path, state.step)


def _check_data(run: Run, saved: dict[str, Any]) -> None:
    """Refuse to mix data: that of the steps before with other data now.

    Raises:
        TrainingError: a text or an image is another than when the run began.
    """
    if saved["texts"] != run.parts.data.sha256():
        what = "this run was started from another data"
        hint = "Start over with --force, or choose another --output."
        raise TrainingError(what, where=str(run.folder.path), hint=hint)
    before, now = saved["images"], run.parts.images
    if len(before) != len(now):  # One of the two calls did not check its images.
        return
    changed = np.flatnonzero(before.numpy() != now)
    if len(changed):
        name = run.parts.data.name_of(int(changed[0]))
        raise TrainingError(
            f"{len(changed):,} of {len(now):,} images changed since this run began",
            where=name,
            hint="Put the old ones back, or start over with --force.",
        )


def _repair(run: Run) -> None:
    """Write what a kill right after `last` was saved kept from being written."""
    folder, state = run.folder, run.state
    most = run.config.run.keep
    due = run.parts.milestones.saves(state.step)
    if most and due and not is_checkpoint(step_folder(folder.path, state.step)):
        folder.keep(run.parts.export.model(state.ema), state.step, most=most, origin=run.origin())
    best = best_step(state.metrics, run.config.run).get("step")
    if best == state.step and not is_checkpoint(folder.best):
        folder.keep_best(run.parts.export.model(state.ema), run.origin())


def _means(parts: TrainingParts) -> dict[str, RunningMean]:
    """Return what moves teachers; the start is read again."""
    return {name: t.mean for name, t in parts.teachers.items() if t.mean is not None}


def captured_state(parts: TrainingParts, state: RunState) -> dict[str, Any]:
    """Return everything but the model's weights that the next step depends on."""
    scaler = parts.accelerator.scaler
    on_gpu = parts.device.type == "cuda"
    return {
        "step": state.step,
        "skipped": state.skipped,
        "guard": state.guard.state_dict(),
        "optimizer": parts.optimizer.state_dict(),
        "objective": parts.objective.state_dict(),
        "scaler": scaler.state_dict() if scaler else {},
        "ema": state.ema.weights if state.ema else {},
        "teachers": {name: mean.weights for name, mean in _means(parts).items()},
        "texts": parts.data.sha256(),
        "images": torch.from_numpy(parts.images),
        "rng": torch.get_rng_state(),
        "cuda_rng": [torch.cuda.get_rng_state(parts.device)] if on_gpu else [],
    }


def restore_state(parts: TrainingParts, state: RunState, saved: dict[str, Any]) -> None:
    """Continue from what `captured_state` returned; the model's weights are the caller's."""
    state.step = saved["step"]
    state.skipped = saved["skipped"]
    state.guard.load_state_dict(saved["guard"])
    parts.optimizer.load_state_dict(saved["optimizer"])
    parts.objective.load_state_dict(saved["objective"])
    scaler = parts.accelerator.scaler
    if scaler and saved["scaler"]:
        scaler.load_state_dict(saved["scaler"])
    if state.ema:
        state.ema.load(saved["ema"])
    for name, mean in _means(parts).items():
        mean.load(saved["teachers"][name])
    torch.set_rng_state(saved["rng"])
    if parts.device.type == "cuda":
        for rng in saved["cuda_rng"]:
            torch.cuda.set_rng_state(rng, parts.device)


def course_table(report: TrainReport) -> Table:
    """Return how losses, margins and similarities went, one column per step shown."""
    steps = spread(report.metrics, SHOWN)
    rows: list[tuple[Cell, ...]] = [("epoch", *(s.epoch for s in steps))]
    rows.append(("loss", *(s.loss for s in steps)))
    # A plain step has other terms than the rest.
    for term in _names(step.terms for step in report.metrics):
        rows.append((label(term), *(s.terms.get(term) for s in steps)))
    rows.append(("S(I,T)", *(s.positive for s in steps)))
    if any(s.negatives for s in steps):
        rows.append(("S(I,T) - S(I,Tn)", *(step.gap for step in steps)))
    if any(s.units for s in steps):
        gaps = (s.units["unit"] - s.units["foil"] if s.units else None for s in steps)
        rows.append(("S(I,u) - S(I,f)", *gaps))
    if any("positive_margin" in s.terms for s in steps):
        rows.append(("a", *(s.a for s in steps)))
    for kind in report.negatives:
        if any(kind in s.margins for s in steps):
            rows.append((f"M {kind}", *(s.margins.get(kind) for s in steps)))
    rows += [(name, *(s.evaluation.get(name) for s in steps)) for name in _suites(steps)]
    rows.append(("images/s", *(speed(s.images_per_second) for s in steps)))
    note = "Terms before their weights. Similarities are cosines, each kind weighted equally."
    columns = ("step", *(f"{step.step:,}" for step in steps))
    return Table(f"Training {report.objective}", columns, tuple(rows), note, digits=3)


def _names(rows: Iterable[Iterable[str]]) -> list[str]:
    """Return every name that some row has, in the order of first sight."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _suites(steps: Sequence[StepReport]) -> list[str]:
    names: set[str] = set()
    for step in steps:
        names.update(step.evaluation)
    # A name with a dot is one of a suite's further averages.
    return sorted(name for name in names if "." not in name)


def shares_table(report: TrainReport) -> Table | None:
    """Return each term's part of the gradient on the features, averaged over the logged steps."""
    steps = [step for step in report.metrics if step.shares]
    if not steps:
        return None
    rows = []
    for term in _names(step.shares for step in steps):
        share = sum(step.shares.get(term, 0.0) for step in steps) / len(steps)
        active = [step.active[term] for step in steps if term in step.active]
        hinges = 100 * sum(active) / len(active) if active else None
        rows.append((label(term), 100 * share, hinges))
    columns = ("term", "gradient %", "active hinges %")
    return Table(
        "Gradient share by loss term", columns, tuple(rows), "Means over the logged steps."
    )


def tables(report: TrainReport) -> list[Table]:
    """Return everything `ahnpl train` prints at its end."""
    if not report.metrics:
        return []
    shares = shares_table(report)
    return [course_table(report), *([shares] if shares else [])]


def plan_table(plan: TrainPlan) -> Table:
    """Return what a dry run found."""
    rows: list[tuple[Cell, ...]] = [
        ("pairs", plan.records),
        ("distinct images", plan.images),
        *((f"negatives: {kind}", count) for kind, count in plan.negatives.items()),
        *([("pictures of negatives", plan.painted)] if plan.painted else []),
        *([("units", plan.units)] if plan.units else []),
        ("missing or broken images", len(plan.problems)),
        *((f"weight of {label(name)}", weight) for name, weight in plan.weights.items()),
        ("parameters", plan.parameters),
        ("trained", plan.trainable),
        ("pairs a step", plan.batch_size),
        ("steps", plan.steps),
    ]
    rows += [
        ("time a step", per_item(plan.seconds_per_step)),
        ("time an epoch", duration(plan.seconds_per_epoch)),
        ("time in all", duration(plan.estimate)),
        ("peak memory", f"{plan.memory_mb / 1e3:.1f} GB"),
        ("disk for checkpoints", f"{plan.disk_bytes / 1e9:.2f} GB"),
        ("free there", f"{plan.free_bytes / 1e9:.1f} GB"),
    ]
    notes = list(plan.problems[:5])
    if plan.tried_pairs < plan.batch_size:
        notes.append(f"Time and memory are extrapolated from steps of {plan.tried_pairs} pairs.")
    if plan.disk_bytes > plan.free_bytes:
        notes.append("The checkpoints do not fit on that disk: see --keep.")
    note = "; ".join(notes)
    return Table(f"Would write {plan.run}", ("what", "value"), tuple(rows), note, digits=3)


def plan_tables(plan: TrainPlan) -> list[Table]:
    """Return everything `ahnpl train --dry-run` prints."""
    if not plan.hardness:
        return [plan_table(plan)]
    title = "Hardness for the starting model, from features on disk"
    return [plan_table(plan), hardness_table(plan.hardness, title)]
