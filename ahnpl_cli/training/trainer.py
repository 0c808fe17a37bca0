"""The steps of one run, and the state that brings it back."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.loader import Loaded
from ahnpl_cli.errors import DataError, TrainingError
from ahnpl_cli.records import StepReport
from ahnpl_cli.training import diagnostics
from ahnpl_cli.training.batch import OVERHEAD, make_batch
from ahnpl_cli.training.build import TrainingParts
from ahnpl_cli.training.checkpoints import RunningMean
from ahnpl_cli.training.distributed import world_size
from ahnpl_cli.training.encoders import Encoders
from ahnpl_cli.training.schedule import learning_rate
from ahnpl_cli.training.step import Outcome, forward_backward

logger = logging.getLogger(__name__)
FIRST = 10  # steps whose losses say what is normal
EXPLODED = 10.0  # times the highest of those


class Trainer:
    """Takes steps.

    Attributes:
        setup: model, data, objective, optimizer.
        done: steps taken since the beginning of the run.
        skipped: images that could not be decoded, and records left out before.
        ema: running mean of the weights, if asked for.
        notes: what was said of dead terms.
    """

    def __init__(self, setup: TrainingParts, config: TrainConfig) -> None:
        self.setup, self.config = setup, config
        self.done, self.skipped = 0, setup.skipped
        self.notes: list[str] = []
        model = setup.backbone.module
        decay = config.memory.ema
        self.ema = None if decay is None else RunningMean(model, decay)
        self._dead = diagnostics.DeadTerms()
        self._told: set[str] = set()
        self._ceiling = 0.0
        self._mark = (0.0, 0)
        _train_mode(model)

    @property
    def _towers(self) -> Encoders:
        towers: Encoders = self.setup.accelerator.unwrap_model(self.setup.towers)
        return towers

    def state(self) -> dict[str, Any]:
        """Return everything but the model's weights that the next step depends on."""
        scaler = self.setup.accelerator.scaler
        return {
            "step": self.done,
            "skipped": self.skipped,
            "ceiling": self._ceiling,
            "optimizer": self.setup.optimizer.state_dict(),
            "objective": self.setup.objective.state_dict(),
            "scaler": scaler.state_dict() if scaler else {},
            "ema": self.ema.weights if self.ema else {},
            "rng": torch.get_rng_state(),
            "cuda_rng": self._cuda_rng(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state`; the weights are the caller's."""
        self.done, self.skipped = state["step"], state["skipped"]
        self._ceiling = state["ceiling"]
        self.setup.optimizer.load_state_dict(state["optimizer"])
        self.setup.objective.load_state_dict(state["objective"])
        if self.setup.accelerator.scaler and state["scaler"]:
            self.setup.accelerator.scaler.load_state_dict(state["scaler"])
        if self.ema:
            device = self.setup.accelerator.device
            self.ema.weights = {k: v.to(device) for k, v in state["ema"].items()}
        torch.set_rng_state(state["rng"])
        device = self.setup.accelerator.device
        if device.type == "cuda":
            for kept in state["cuda_rng"]:
                torch.cuda.set_rng_state(kept, device)

    def _cuda_rng(self) -> list[torch.Tensor]:
        """State of the GPU's generator, if it is a GPU that computes."""
        device = self.setup.accelerator.device
        return [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []

    def steps(self) -> Iterator[StepReport | None]:
        """Take every step that is left, and yield a report of those that are logged.

        Raises:
            TrainingError: the loss or the gradient is no longer a number, or has exploded.
            DataError: an image cannot be decoded, and `--on-error` is stop.
        """
        plan, data = self.setup.plan, self.setup.data
        rows: dict[int, NDArray[np.int64]] = {}

        def pictures() -> Iterator[list[int]]:
            for step in range(self.done, plan.total):
                rows[step] = self._own(data.rows[plan.rows(step)])
                yield data.picture_of[rows[step]].tolist()

        self._mark = (time.perf_counter(), self.done)
        for step, loaded in enumerate(self.setup.loader.batches(pictures()), start=self.done):
            yield self._step(step, rows.pop(step), loaded)

    def _own(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process's share of a batch."""
        rank = dist.get_rank() if dist.is_initialized() else 0
        return np.array_split(rows, world_size())[rank]

    def _step(self, step: int, rows: NDArray[np.int64], loaded: Loaded) -> StepReport | None:
        setup, plan, chosen = self.setup, self.setup.plan, self.config.optimizer
        self._complain(rows, loaded)
        if step % plan.epoch_steps == 0:
            setup.objective.start_epoch()
        device = setup.accelerator.device
        batch = make_batch(
            setup.data,
            rows,
            loaded,
            seed=self.config.seed,
            epoch=plan.epoch(step),
            parts=self.config.memory.accumulate,
            overhead=OVERHEAD.get(device.type, 64),
        )
        rate = learning_rate(step, peak=chosen.lr, warmup=chosen.warmup, total=plan.total)
        logged = self._logged(step + 1)
        shares: dict[str, float] = {}

        def look(outcome: Outcome) -> None:
            if logged:
                shares.update(diagnostics.gradient_shares(outcome))

        outcome = forward_backward(
            setup.towers,
            setup.objective,
            batch,
            device=device,
            scale=self._gradient_scale(),
            before_backward=look,
        )
        loss = float(outcome.losses.total.detach())
        norm = self._optimize(step, loss, rate)
        report = self._report(step, outcome, loss, rate, norm, shares) if logged else None
        setup.objective.update(outcome.features)
        self.done = step + 1
        return report

    def _logged(self, done: int) -> bool:
        run = self.config.run
        evaluated = run.eval_every is not None and done % run.eval_every == 0
        return evaluated or done % run.log_every == 0 or done == self.setup.plan.total

    def _gradient_scale(self) -> float:
        """The factor of an fp16 scaler, which only a scaled tensor makes it settle on."""
        scaler = self.setup.accelerator.scaler
        device = self.setup.accelerator.device
        return scaler.scale(torch.ones((), device=device)).item() if scaler else 1.0

    def _complain(self, rows: NDArray[np.int64], loaded: Loaded) -> None:
        """Stop at an image that cannot be decoded, or count it and go on without."""
        for place, problem in loaded.problems.items():
            record = self.setup.data.ids[rows[place]]
            if self.config.on_error == "stop":
                hint = "Mend it, or leave such records out with --on-error skip."
                raise DataError(problem, where=f"record '{record}'", hint=hint)
            self.skipped += 1
            if record not in self._told:
                self._told.add(record)
                logger.warning("Skipped record '%s': %s.", record, problem)
        if len(loaded.kept) == 0:
            raise TrainingError("no image of a whole batch can be decoded", hint="Check the data.")

    def _optimize(self, step: int, loss: float, rate: float) -> float:
        """Move the weights; return the gradient's norm."""
        self._judge(step, loss)
        optimizer, scaler = self.setup.optimizer, self.setup.accelerator.scaler
        for group in optimizer.param_groups:
            group["lr"] = rate
        if scaler:
            scaler.unscale_(optimizer)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        found = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        norm, clip = float(found), self.config.optimizer.grad_clip
        if not scaler and not math.isfinite(norm):
            raise self._stop(step, f"the gradient's norm is {norm}")
        if clip:
            nn.utils.clip_grads_with_norm_(parameters, clip, found)
        if scaler:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
        optimizer.zero_grad()
        self.setup.objective.project()
        self._towers.clamp_logit_scale()
        if self.ema:
            self.ema.update(self.setup.backbone.module, step)
        return norm

    def _judge(self, step: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise self._stop(step, f"the loss is {loss}")
        if step < FIRST:
            self._ceiling = max(self._ceiling, EXPLODED * loss)
        elif loss > self._ceiling:
            why = f"the loss is {loss:.4g}, more than ten times that of the first steps"
            raise self._stop(step, why)

    def _stop(self, step: int, why: str) -> TrainingError:
        return TrainingError(f"training went wrong at step {step + 1}: {why}")

    def _report(
        self,
        step: int,
        outcome: Outcome,
        loss: float,
        rate: float,
        norm: float,
        shares: dict[str, float],
    ) -> StepReport:
        setup, features = self.setup, outcome.features
        now, (before, since) = time.perf_counter(), self._mark
        images = (step + 1 - since) * setup.plan.batch_size
        self._mark = (now, step + 1)
        for name in self._dead.update(shares):
            note = f"{name} has given no gradient for {diagnostics.DEAD_AFTER} logged steps."
            self.notes.append(f"step {step + 1}: {note}")
            logger.warning("Step %d: %s", step + 1, note)
        with torch.no_grad():
            return StepReport(
                step=step + 1,
                epoch=setup.plan.epoch(step) + 1,
                loss=loss,
                terms={name: v.item() for name, v in outcome.losses.terms.items()},
                shares=shares,
                active=diagnostics.active_hinges(features, setup.objective),
                a=setup.objective.a.item(),
                margins=diagnostics.margins(setup.objective, setup.data.kinds),
                positive=features.positive.mean().item(),
                negatives=diagnostics.by_kind(
                    diagnostics.mean_by_kind(features.negative, features.valid), setup.data.kinds
                ),
                valid=float(features.valid.float().mean()) if setup.data.kinds else 0.0,
                logit_scale=features.logit_scale.item(),
                lr=rate,
                grad_norm=norm,
                images_per_second=images / (now - before),
                memory_mb=diagnostics.peak_memory_mb(setup.accelerator.device),
                skipped=self.skipped,
            )


def _train_mode(model: nn.Module) -> None:
    """Training mode, but batch norm keeps its statistics.

    With statistics of the batch, a batch encoded in parts would differ from the whole.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
