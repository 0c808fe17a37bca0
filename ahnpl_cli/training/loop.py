"""Workflow: fine-tune a model and keep what comes of it in a run folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from ahnpl_cli.backbones.load import pick_device
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.errors import TrainingError
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import StepReport, TrainReport
from ahnpl_cli.runs import RUNS
from ahnpl_cli.training.build import build
from ahnpl_cli.training.checkpoints import RunFolder, last_good
from ahnpl_cli.training.diagnostics import margins, scalars
from ahnpl_cli.training.evaluating import best_step, evaluate_now
from ahnpl_cli.training.options import flat, written_back
from ahnpl_cli.training.trainer import Trainer

logger = logging.getLogger(__name__)
OFTEN = 100  # steps: small data has short epochs


def run_path(config: TrainConfig) -> Path:
    """Return the folder of a run."""
    return Path(config.output) if config.output else RUNS / config.objective


class Run:
    """A training run: iterate over it, a step at a time, then ask for its report.

    Attributes:
        folder: where it is kept.
        setup: what it is made of.
        trainer: what takes its steps.
        metrics: the logged steps so far, those before a resume included.
        resumed_from: step at which this process began.
    """

    def __init__(self, config: TrainConfig, *, track: Track = silent) -> None:
        """Read the data and the model, and find where an interrupted run stopped.

        Raises:
            AhnplError: whatever the user has to mend first.
        """
        pick_device(config.device)
        self.config, self.folder = config, RunFolder(run_path(config))
        there = self.folder.check(config)
        self.setup = build(config, self.folder.path, track=track)
        self._main = self.setup.accelerator.is_main_process
        self.trainer = Trainer(self.setup, config)
        self.metrics: list[StepReport] = []
        self._seconds = 0.0
        if there:
            self._go_on()
        elif self._main:
            self.folder.begin(config, self.setup.start)
        self.resumed_from = self.trainer.done

    def _go_on(self) -> None:
        state = self.folder.go_on(self.setup.start)
        if state["weights"]:
            self.setup.backbone.module.load_state_dict(state["weights"])
        else:
            self.setup.backbone.restore(self.folder.last)
        self.trainer.load(state)
        self.setup.accelerator.wait_for_everyone()
        self.metrics = self.folder.metrics(until=self.trainer.done, drop=self._main)
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
        self._start_trackers()
        try:
            self._evaluate_if_due()
            for report in self.trainer.steps():
                if report:
                    self._log(report)
                if self._due(self.config.run.save_every or self._seldom()):
                    self._save()
                self._evaluate_if_due()
                self._seconds = time.perf_counter() - started
                yield report
        except TrainingError as error:
            raise TrainingError(error.what, hint=last_good(self.folder)) from error
        self.setup.accelerator.end_training()

    def _seldom(self) -> int:
        return max(OFTEN, self.setup.plan.epoch_steps)

    def _due(self, every: int) -> bool:
        done = self.trainer.done
        evaluated = self.config.run.eval_every
        last = done == self.setup.plan.total
        return last or done % every == 0 or bool(evaluated and done % evaluated == 0)

    def _start_trackers(self) -> None:
        if self.config.run.tracker != "none" and self.left:
            options = {k: str(v) for k, v in flat(written_back(self.config)).items()}
            self.setup.accelerator.init_trackers("ahnpl", config=options)

    def _log(self, report: StepReport) -> None:
        self.metrics.append(report)
        if self._main:
            self.folder.append(report)
        self.setup.accelerator.log(scalars(report), step=report.step)

    def _save(self) -> None:
        if self._main:
            shown, raw = self.setup.publisher.publish(self.trainer.ema)
            info = self._info()
            self.folder.save(shown, {**self.trainer.state(), "weights": raw}, info=info)
            self.folder.keep(shown, self.trainer.done, most=self.config.run.keep, info=info)
        self.setup.accelerator.wait_for_everyone()

    def _info(self) -> dict[str, object]:
        objective = self.setup.objective
        return {
            "recipe": flat(written_back(self.config)),
            "parent": self.setup.start,
            "step": self.trainer.done,
            "a": objective.a.item(),
            "margins": margins(objective, self.setup.data.kinds),
        }

    def _evaluate_if_due(self) -> None:
        """Measure the newest checkpoint, unless that was done before an interruption."""
        every, done = self.config.run.eval_every, self.trainer.done
        if not every or not done or not self.metrics or self.metrics[-1].evaluation:
            return
        if done % every and done != self.setup.plan.total:
            return
        if self._main:
            found = evaluate_now(self.config, self.folder, done)
            self.metrics[-1] = replace(self.metrics[-1], evaluation=found)
            values = (f"{name} {value:.1f}" for name, value in found.items() if "." not in name)
            logger.info("Step %d: %s.", done, ", ".join(values))
            self.folder.rewrite(self.metrics)
            if best_step(self.metrics, self.config.run).get("step") == done:
                shown, _ = self.setup.publisher.publish(self.trainer.ema)
                self.folder.keep_best(shown, info=self._info())
            self.setup.accelerator.log(
                {f"eval/{name}": value for name, value in found.items()}, step=done
            )
        self.setup.accelerator.wait_for_everyone()

    def report(self) -> TrainReport:
        """Return what was done so far."""
        data = self.setup.data
        return TrainReport(
            run=str(self.folder.path),
            checkpoint=str(self.folder.last),
            objective=self.config.objective,
            records=len(data),
            images=len(data.pictures),
            negatives=data.negatives,
            skipped=self.trainer.skipped,
            steps=self.trainer.done,
            seconds=self._seconds,
            resumed_from=self.resumed_from,
            metrics=tuple(self.metrics),
            best=best_step(self.metrics, self.config.run),
            notes=tuple(self.trainer.notes),
        )


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
        run = Run(config, track=track)
        terms = run.setup.objective.recipe.active
        logger.info(
            "%s (%s): %d pairs, %d steps of %d, %s.",
            config.objective,
            config.fidelity,
            len(run.setup.data),
            run.setup.plan.total,
            run.setup.plan.batch_size,
            " + ".join(terms),
        )
        steps = track(run, total=run.left, description=f"train {config.objective}", unit="steps")
        for _ in steps:
            pass
        return run.report()
