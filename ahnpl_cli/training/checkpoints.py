"""Checkpoints of a run: which weights are saved, written atomically, and how to resume."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from ahnpl_cli.backbones.base import Backbone, atomic_folder, save_checkpoint, write_model
from ahnpl_cli.backbones.load import recover
from ahnpl_cli.backbones.mixing import Weights, interpolate, wise_ft
from ahnpl_cli.config import TrainConfig, resolved, to_toml
from ahnpl_cli.data.images import file_sha256
from ahnpl_cli.data.sources import Place, size_of
from ahnpl_cli.errors import DataError, TrainingError
from ahnpl_cli.files import disk_errors, to_json, write_atomic, write_json
from ahnpl_cli.records import CheckpointOrigin, RunStart, StepReport
from ahnpl_cli.runs import (
    BEST,
    CONFIG,
    IMAGES,
    LAST,
    METRICS,
    NEIGHBORS,
    START,
    is_checkpoint,
    read_metrics,
    read_start,
    step_folder,
)
from ahnpl_cli.training.lora import merged
from ahnpl_cli.training.preflight import AFRESH, EVALS, contents

STATE = "training_state.pt"


def snapshot(module: nn.Module) -> Weights:
    """Return a copy of the floating-point weights of a module."""
    weights = {}
    for name, weight in module.state_dict().items():
        if weight.is_floating_point():
            weights[name] = weight.detach().clone()
    return weights


class RunningMean:
    """Exponential moving average of weights (`--ema`, `--teacher ema`).

    Attributes:
        weights: the mean.
    """

    def __init__(self, weights: Weights, decay: float, *, warms_up: bool = True) -> None:
        """Start at some weights, whose tensors become the mean.

        Args:
            weights: floating-point ones by name.
            decay: of the mean.
            warms_up: whether it grows as (1 + t) / (10 + t) up to its value, so that short runs
                forget the start.
        """
        self.decay, self.weights, self._warms_up = decay, weights, warms_up

    @torch.no_grad()
    def update(self, weights: Mapping[str, Tensor], step: int = 0) -> None:
        """Take in the weights after a step counted from 0."""
        # As in TensorFlow's ExponentialMovingAverage.
        grown = (1 + step) / (10 + step)
        decay = min(self.decay, grown) if self._warms_up else self.decay
        for name, mean in self.weights.items():
            mean.lerp_(weights[name], 1 - decay)

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Continue from a mean that was saved."""
        for name, mean in self.weights.items():
            mean.copy_(weights[name])


class WeightExport:
    """Builds the weights to save: plain, EMA, WiSE-FT or merged LoRA."""

    def __init__(self, backbone: Backbone, *, differs: bool, wise_ft: float | None) -> None:
        """Remember the start.

        Args:
            backbone: before training and before corrections are added.
            differs: whether what is saved is not what is trained.
            wise_ft: part of the trained weights in what is saved; None for all.
        """
        self._backbone = backbone
        self._alpha = wise_ft
        self._start = {} if wise_ft is None else snapshot(backbone.module)
        self._saved = backbone.clone() if differs else None

    def model(self, mean: RunningMean | None) -> Backbone:
        """Return the model to save.

        Args:
            mean: running mean of the weights, if it is what should be saved.
        """
        if self._saved is None:
            return self._backbone
        trained = self._backbone.module.state_dict()
        weights = merged(trained if mean is None else {**trained, **mean.weights})
        if self._alpha is not None:
            chosen = {name: weights[name] for name in self._start}
            weights |= interpolate(self._start, chosen, wise_ft(self._alpha))
        self._saved.module.load_state_dict(weights)
        return self._saved

    def trained_weights(self) -> Weights:
        """Return the trained weights where they are not those of `model`, else nothing."""
        return {} if self._saved is None else self._backbone.module.state_dict()


class RunFolder:
    """Reads and writes `runs/NAME/`; `runs.py` describes its layout."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.path / LAST

    @property
    def best(self) -> Path:
        """The best checkpoint by `--best-metric`."""
        return self.path / BEST

    @property
    def evals(self) -> Path:
        """Reports of the evaluations on the way."""
        return self.path / EVALS

    def sweep(self) -> None:
        """Put back or remove what killed processes left half done; needs the lock of the folder."""
        for old in self.path.glob(".*.old"):
            recover(self.path / old.name.removeprefix(".").removesuffix(".old"))
        for leftover in (*self.path.glob(".*.old"), *self.path.glob(".*.tmp")):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)

    def begin(self, config: TrainConfig, start: RunStart) -> None:
        """Start a fresh run; what a run left here before is removed."""
        self.path.mkdir(parents=True, exist_ok=True)
        # Only what a run writes; other files in the folder are the user's.
        for path in contents(self.path):
            if path.is_dir():
                _discard(path)
        for name in (METRICS, IMAGES, NEIGHBORS):
            (self.path / name).unlink(missing_ok=True)
        # First what tells that the folder is ours: a kill from here on leaves a run.
        write_json(self.path / START, asdict(start), indent=2, sort_keys=True)
        self.write_options(config)

    def write_options(self, config: TrainConfig) -> None:
        """Write every option, spelled out."""
        write_atomic(self.path / CONFIG, to_toml(resolved(config)))

    def load_state(self, start: RunStart) -> dict[str, Any]:
        """Return the training state of `last`.

        Raises:
            TrainingError: the run was started from another model or data, or its state is
                unreadable.
            DataError: what it was started from is unreadable.
        """
        kept = read_start(self.path, hint=AFRESH)
        for what, before, now in (
            ("model", kept.sha256, start.sha256),
            ("data", kept.data_sha256, start.data_sha256),
        ):
            if before != now:
                raise TrainingError(
                    f"this run was started from another {what}",
                    where=str(self.path),
                    hint="Start over with --force, or choose another --output.",
                )
        path = self.last / STATE
        try:
            # To the CPU: every process reads it, and the next machine may have no GPU.
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, EOFError, RuntimeError, ValueError, UnpicklingError) as error:
            what = "no training state to resume from"
            raise TrainingError(what, where=str(path), hint=AFRESH) from error
        return state

    def save(self, backbone: Backbone, state: dict[str, Any], origin: CheckpointOrigin) -> None:
        """Write `last`: model and training state together."""
        # Weights and state in one rename: each alone would resume a run that never was.
        with atomic_folder(self.last) as folder:
            write_model(folder, backbone, extra=asdict(origin))
            with disk_errors(folder / STATE):
                torch.save(state, folder / STATE)

    def keep(self, backbone: Backbone, step: int, *, most: int, origin: CheckpointOrigin) -> None:
        """Write a checkpoint without training state, and remove the oldest over `most`."""
        if most:
            save_checkpoint(step_folder(self.path, step), backbone, extra=asdict(origin))
        kept = sorted(self.path.glob("step-*"))
        for old in kept[: max(0, len(kept) - most)]:
            _discard(old)

    def keep_best(self, backbone: Backbone, origin: CheckpointOrigin) -> None:
        """Write `best`."""
        save_checkpoint(self.best, backbone, extra=asdict(origin))

    def append(self, report: StepReport) -> None:
        """Add a line to the metrics."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(_line(report))

    def metrics(self, *, until: int) -> list[StepReport]:
        """Return the logged steps up to `until`; later ones will be taken again.

        Raises:
            DataError: a line is damaged.
        """
        steps = read_metrics(self.path, hint=AFRESH)
        return [report for report in steps if report.step <= until]

    def rewrite(self, metrics: Iterable[StepReport]) -> None:
        """Replace the metrics."""
        write_atomic(self.path / METRICS, "".join(_line(report) for report in metrics))


def _line(report: StepReport) -> str:
    return json.dumps(to_json(report), allow_nan=False) + "\n"


def _discard(folder: Path) -> None:
    """Remove a folder: gone at once for whoever looks, whenever we are killed."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    folder.rename(temporary)
    shutil.rmtree(temporary, ignore_errors=True)


def last_good(folder: RunFolder) -> str:
    """Return a sentence on where to continue after training went wrong."""
    if is_checkpoint(folder.last):
        return f"The last good checkpoint is {folder.last}."
    return "No checkpoint was written yet."


def hash_data(files: Iterable[Place]) -> str:
    """Return a hash of data files: their content, or names and sizes of shards.

    Raises:
        DataError: a file is missing.
    """
    digest = hashlib.sha256()
    for place in files:
        size = size_of(place)
        if size is None:
            raise DataError("no such file", where=str(place), hint="Check --data.")
        name = PurePosixPath(place).name
        # Shards are too large to read twice.
        content = str(size) if name.endswith(".tar") else file_sha256(Path(place))
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()
