"""Checkpoints of a run: which weights are saved, written atomically, and how to resume."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.checkpoint import atomic_folder, recover, save_checkpoint, write_model
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.images import file_sha256
from ahnpl_cli.errors import ConfigError, DataError, TrainingError
from ahnpl_cli.files import write_atomic
from ahnpl_cli.records import StepReport
from ahnpl_cli.runs import BEST, CONFIG, LAST, METRICS, START, is_checkpoint, is_run, step_folder
from ahnpl_cli.training.lora import merged
from ahnpl_cli.training.options import INCIDENTAL, fingerprint, to_toml, written_back

STATE = "training_state.pt"
AFRESH = "Start over with --force."
_steps = TypeAdapter(list[StepReport])

Weights = dict[str, Tensor]


def snapshot(module: nn.Module) -> Weights:
    """Return a copy of the floating-point weights of a module."""
    return {k: v.detach().clone() for k, v in module.state_dict().items() if v.is_floating_point()}


class RunningMean:
    """Exponential moving average of a module's weights (`--ema`).

    The decay grows as (1 + t) / (10 + t) up to its value, so that short runs forget the start.

    Attributes:
        weights: the mean.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.weights = decay, snapshot(module)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after a step counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        state = module.state_dict()
        for name, mean in self.weights.items():
            mean.lerp_(state[name], 1 - decay)


def interpolate(start: Weights, trained: Weights, alpha: float) -> Weights:
    """Return (1 - alpha) * start + alpha * trained (WiSE-FT, Wortsman et al. 2022)."""
    return {name: torch.lerp(start[name], weight, alpha) for name, weight in trained.items()}


class WeightExport:
    """Makes the model that a checkpoint shows of the weights that are trained."""

    def __init__(self, backbone: Backbone, *, differs: bool, wise_ft: float | None) -> None:
        """Remember the start.

        Args:
            backbone: before training and before corrections are added.
            differs: whether what is written is not what is trained.
            wise_ft: part of the trained weights in what is written; None for all.
        """
        self._backbone, self._alpha = backbone, wise_ft
        self._start = {} if wise_ft is None else snapshot(backbone.module)
        self._shown = backbone.clone() if differs else None

    def publish(self, mean: RunningMean | None) -> tuple[Backbone, Weights]:
        """Return the model to write, and the trained weights where they are others.

        Args:
            mean: running mean of the weights, if it is what should be written.
        """
        if self._shown is None:
            return self._backbone, {}
        trained = self._backbone.module.state_dict()
        weights = merged(trained if mean is None else {**trained, **mean.weights})
        if self._alpha is not None:
            chosen = {name: weights[name] for name in self._start}
            weights |= interpolate(self._start, chosen, self._alpha)
        self._shown.module.load_state_dict(weights)
        return self._shown, trained


def _write_state(path: Path, state: dict[str, Any]) -> None:
    try:
        torch.save(state, path)
    except RuntimeError as error:  # Of a full disk it says no more than a position in the file.
        hint = "Free some space and run the same command again: it goes on from the last one."
        what = "the checkpoint cannot be written whole"
        raise TrainingError(what, where=str(path.parent), hint=hint) from error


class RunFolder:
    """Reads and writes `runs/NAME/`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.path / LAST

    @property
    def evals(self) -> Path:
        """Reports of the evaluations on the way."""
        return self.path / "evals"

    def check(self, config: TrainConfig) -> bool:
        """Return whether an interrupted or finished run of the same options is here.

        Raises:
            ConfigError: a run of other options is, and `--force` is not given.
            DataError: the path is a file.
        """
        if self.path.exists() and not self.path.is_dir():
            hint = "Choose another folder with --output."
            what = "a file stands where the run should go"
            raise DataError(what, where=str(self.path), hint=hint)
        if not is_run(self.path) or config.force:
            return False
        differing = self._differing(config)
        if differing:
            raise ConfigError(
                f"a run with other options is here: {', '.join(differing)}",
                where=str(self.path),
                hint="Choose another --output, or overwrite it with --force.",
            )
        recover(self.last)
        return config.resume and is_checkpoint(self.last)

    def _differing(self, config: TrainConfig) -> list[str]:
        try:
            kept = tomllib.loads((self.path / CONFIG).read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            what = "unreadable options of a run"
            raise DataError(what, where=str(self.path / CONFIG), hint=AFRESH) from error
        mine = fingerprint(config)
        theirs = {name: value for name, value in kept.items() if name not in INCIDENTAL}
        return sorted(k for k in mine.keys() | theirs.keys() if mine.get(k) != theirs.get(k))

    def begin(self, config: TrainConfig, start: dict[str, Any]) -> None:
        """Start a fresh run; what a run left here before is removed."""
        self.path.mkdir(parents=True, exist_ok=True)
        for old in (self.last, self.path / BEST, self.evals, *self.path.glob("step-*")):
            shutil.rmtree(old, ignore_errors=True)
        (self.path / METRICS).unlink(missing_ok=True)
        write_atomic(self.path / CONFIG, to_toml(written_back(config)))
        write_atomic(self.path / START, json.dumps(start, indent=2, sort_keys=True) + "\n")

    def go_on(self, start: dict[str, Any]) -> dict[str, Any]:
        """Return the training state of `last`.

        Raises:
            TrainingError: the run began from another model or data, or its state is unreadable.
            DataError: what it began from is unreadable.
        """
        kept = self._start()
        for name, what in (("sha256", "model"), ("data_sha256", "data")):
            if kept.get(name) != start.get(name):
                raise TrainingError(
                    f"this run began from another {what}",
                    where=str(self.path),
                    hint="Start over with --force, or choose another --output.",
                )
        try:
            # Read to the CPU: every process reads it, and the next machine may have no GPU.
            state: dict[str, Any] = torch.load(
                self.last / STATE, map_location="cpu", weights_only=True
            )
        except (OSError, EOFError, RuntimeError, ValueError, UnpicklingError) as error:
            raise TrainingError(
                "no training state to resume from",
                where=str(self.last / STATE),
                hint=AFRESH,
            ) from error
        return state

    def _start(self) -> dict[str, Any]:
        path = self.path / START
        try:
            kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError("unreadable", where=str(path), hint=AFRESH) from error
        return kept

    def save(self, backbone: Backbone, state: dict[str, Any], *, info: dict[str, Any]) -> None:
        """Write `last`: model and training state together."""
        with atomic_folder(self.last) as folder:
            write_model(folder, backbone, extra=info)
            _write_state(folder / STATE, state)

    def keep(self, backbone: Backbone, step: int, *, most: int, info: dict[str, Any]) -> None:
        """Write a checkpoint without training state, and remove the oldest over `most`."""
        if most:
            save_checkpoint(step_folder(self.path, step), backbone, extra=info)
        kept = sorted(self.path.glob("step-*"))
        for old in kept[: max(0, len(kept) - most)]:
            shutil.rmtree(old)

    def keep_best(self, backbone: Backbone, *, info: dict[str, Any]) -> None:
        """Write `best`."""
        save_checkpoint(self.path / BEST, backbone, extra=info)

    def append(self, report: StepReport) -> None:
        """Add a line to the metrics."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(report)) + "\n")

    def metrics(self, *, until: int, drop: bool = True) -> list[StepReport]:
        """Return the logged steps up to `until`.

        Args:
            until: last step that counts; later ones will be done again.
            drop: whether later ones are removed from the file.

        Raises:
            DataError: a line is damaged.
        """
        path = self.path / METRICS
        if not path.is_file():
            return []
        # A kill can leave half a line at the end.
        lines = [ln for ln in path.read_text(encoding="utf-8").splitlines(True) if ln[-1:] == "\n"]
        try:
            found = _steps.validate_python([json.loads(line) for line in lines])
        except ValueError as error:
            raise DataError("a line is no step's", where=str(path), hint=AFRESH) from error
        kept = [report for report in found if report.step <= until]
        if drop:
            self.rewrite(kept)
        return kept

    def rewrite(self, metrics: Iterable[StepReport]) -> None:
        """Replace the metrics."""
        write_atomic(self.path / METRICS, "".join(json.dumps(asdict(r)) + "\n" for r in metrics))


def last_good(folder: RunFolder) -> str:
    """Return a sentence on where to go on after training went wrong."""
    if is_checkpoint(folder.last):
        return f"The last good checkpoint is {folder.last}."
    return "No checkpoint was written yet."


def describe(files: Iterable[Path]) -> str:
    """Return a hash of data files: their content, or names and sizes of shards.

    Raises:
        DataError: a file is missing.
    """
    digest = hashlib.sha256()
    for path in files:
        if not path.is_file():
            raise DataError("no such file", where=str(path), hint="Check --data.")
        what = str(path.stat().st_size) if path.suffix == ".tar" else file_sha256(path)
        digest.update(f"{path.name} {what}\n".encode())
    return digest.hexdigest()
