"""Workflow: fine-tune a model and keep what comes of it in a run folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.checkpoint import WEIGHTS_FILE
from ahnpl_cli.backbones.load import pick_device
from ahnpl_cli.errors import TrainingError
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import StepReport, TrainReport
from ahnpl_cli.runs import RUNS
from ahnpl_cli.train_config import TrainConfig
from ahnpl_cli.training.options import flat, resolve_recipe, written_back
from ahnpl_cli.training.setup import Setup, set_up
from ahnpl_cli.training.store import RunFolder, last_good
from ahnpl_cli.training.telemetry import margins
from ahnpl_cli.training.trainer import Trainer

logger = logging.getLogger(__name__)
OFTEN = 100  # steps: small data has short epochs


def run_path(config: TrainConfig) -> Path:
    """Return the folder of a run."""
    return Path(config.output) if config.output else RUNS / config.objective


class Run:
    """A training run: iterate over it for the logged steps, then ask for its report."""

    def __init__(self, config: TrainConfig) -> None:
        """Read the data and the model, and find where an interrupted run stopped.

        Raises:
            AhnplError: whatever the user has to mend first.
        """
        pick_device(config.device)
        self.config, self.folder = config, RunFolder(run_path(config))
        there = self.folder.check(config)
        self.setup = set_up(config, self.folder.path)
        self.publisher = Publisher(self.setup, config)
        self.trainer = Trainer(self.setup, config)
        self.metrics: list[StepReport] = []
        self.best: dict[str, float] = {}
        self.seconds = 0.0
        if there:
            self._go_on()
        elif self.setup.accelerator.is_main_process:
            self.folder.begin(config, self.setup.start)
        self.resumed_from = self.trainer.done

    def _go_on(self) -> None:
        state = self.folder.go_on(self.setup.start)
        weights = state["weights"] or load_file(self.folder.last / WEIGHTS_FILE)
        self.setup.backbone.module.load_state_dict(weights)
        self.trainer.load(state)
        self.best = state["best"]
        self.metrics = self.folder.metrics(until=self.trainer.done)
        logger.info("Resuming %s at step %d.", self.folder.path, self.trainer.done)

    @property
    def left(self) -> int:
        """Steps that are left."""
        return max(0, self.setup.plan.total - self.trainer.done)

    def __iter__(self) -> Iterator[StepReport | None]:
        """Take a step at a time; yields its report if it is logged, else None.

        Raises:
            TrainingError: the loss is no number or has exploded; names the last good checkpoint.
        """
        started = time.perf_counter()
        every = self.config.run.save_every or max(OFTEN, self.setup.plan.epoch_steps)
        try:
            for report in self.trainer.steps():
                done = self.trainer.done
                if report:
                    self._log(report)
                if done % every == 0 or done == self.setup.plan.total:
                    self._save()
                self.seconds = time.perf_counter() - started
                yield report
        except TrainingError as error:
            raise TrainingError(error.what, hint=last_good(self.folder)) from error

    def _log(self, report: StepReport) -> None:
        self.metrics.append(report)
        if self.setup.accelerator.is_main_process:
            self.folder.append(report)

    def _save(self) -> None:
        if not self.setup.accelerator.is_main_process:
            return
        step, run = self.trainer.done, self.config.run
        info = {
            "recipe": flat(written_back(self.config)),
            "parent": self.setup.start,
            "step": step,
            "a": self.setup.objective.a.item(),
            "margins": margins(self.setup.objective, self.setup.data.kinds),
        }
        shown, raw = self.publisher.publish(self.trainer)
        state = {**self.trainer.state(), "weights": raw, "best": self.best}
        self.folder.save(shown, state, info=info)
        self.folder.keep(shown, step, most=run.keep, info=info)

    def report(self) -> TrainReport:
        """Return what was done so far."""
        data = self.setup.data
        return TrainReport(
            run=str(self.folder.path),
            checkpoint=str(self.folder.last),
            objective=self.config.objective,
            records=len(data),
            images=len(data.pictures),
            negatives=dict(data.negatives),
            skipped=self.trainer.skipped,
            steps=self.trainer.done,
            seconds=self.seconds,
            resumed_from=self.resumed_from,
            metrics=tuple(self.metrics),
            best=self.best,
            notes=tuple(self.trainer.notes),
        )


class Publisher:
    """Makes the model that a checkpoint shows of the weights that are trained."""

    def __init__(self, setup: Setup, config: TrainConfig) -> None:
        self._setup = setup

    def publish(self, trainer: Trainer) -> tuple[Backbone, dict[str, Any]]:
        """Return the model to write, and the trained weights where they are others."""
        return self._setup.backbone, {}


def fit(config: TrainConfig, *, track: Track = silent) -> TrainReport:
    """Train, or go on with an interrupted run of the same options, and return what came of it.

    Args:
        config: every option.
        track: shows progress.

    Raises:
        AhnplError: see `Run`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        run = Run(config)
        recipe = resolve_recipe(config)
        logger.info(
            "%s (%s): %d pairs, %d steps, terms %s.",
            config.objective,
            config.fidelity,
            len(run.setup.data),
            run.setup.plan.total,
            ", ".join(name for name, weight in _weights(recipe).items() if weight),
        )
        steps = track(run, total=run.left, description=f"train {config.objective}", unit="steps")
        for _ in steps:
            pass
        return run.report()


def _weights(recipe: Any) -> dict[str, float]:
    from ahnpl_cli.losses.recipes import TERMS

    return {name: getattr(recipe.weights, name) for name in TERMS}
