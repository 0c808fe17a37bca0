"""The models of a frontier: the start, the run, and weights between the two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.mixing import Weights, interpolate, layer_depths, lines, wise_ft
from ahnpl_cli.backbones.source import ModelSource, checkpoint_source, start_source
from ahnpl_cli.errors import ModelError
from ahnpl_cli.runs import LAST

METHODS = ("wise-ft", "lines")


class Mixture:
    """A run's two checkpoints, each read once, and what lies between them.

    Args:
        run: the folder of a run.
        device: where models are put.
    """

    def __init__(self, run: Path, device: str) -> None:
        self.run = run
        self._device = device

    @property
    def trained(self) -> ModelSource:
        """The run's newest checkpoint."""
        return checkpoint_source(self.run / LAST)

    @cached_property
    def _model(self) -> Backbone:
        """The trained model, whose weights are then replaced."""
        return self.trained.load(self._device)

    @cached_property
    def _ends(self) -> tuple[Weights, Weights]:
        """The weights of the start and of the trained model.

        Raises:
            ModelError: they are not of one architecture.
        """
        start = start_source(self.run).load("cpu").module.state_dict()
        trained = {name: w.detach().cpu() for name, w in self._model.module.state_dict().items()}
        of_start = {name: weight.shape for name, weight in start.items()}
        of_trained = {name: weight.shape for name, weight in trained.items()}
        if of_start != of_trained:
            raise ModelError(
                "the start has other weights than the checkpoint, so nothing lies between them",
                where=str(self.run),
                hint="Name a run that started from the same architecture.",
            )
        return start, {name: weight.clone() for name, weight in trained.items()}

    def at(self, method: str, factor: float) -> Backbone:
        """Return the model at a point; the next call changes it.

        Args:
            method: one of `METHODS`.
            factor: 0 is the start, or for LiNeS the start's embeddings; 1 is the trained model.
        """
        start, trained = self._ends
        factors = wise_ft(factor)
        if method == "lines":
            factors = lines(layer_depths(trained, self._model.tower_of), factor)
        self._model.module.load_state_dict(interpolate(start, trained, factors))
        return self._model


@dataclass(frozen=True, slots=True)
class PointSource(ModelSource):
    """A point of the frontier, as an evaluation takes its models.

    Attributes:
        mixture: what it lies between; None for the start and the run themselves.
        run: label of the run.
        method: one of `METHODS`, `start` or `run`.
        factor: how much of what was trained it has.
    """

    mixture: Mixture | None = None
    run: str = ""
    method: str = ""
    factor: float = 0.0

    def load(self, device: str, *, force_quick_gelu: bool | None = None) -> Backbone:
        """Load the model, or mix it; see `ModelSource.load`."""
        if self.mixture is None:
            # Not super(): slots make another class of this one, which super() does not know.
            return ModelSource.load(self, device, force_quick_gelu=force_quick_gelu)
        return self.mixture.at(self.method, self.factor)


def points_of(runs: list[Path], method: str, count: int, device: str) -> Iterator[PointSource]:
    """Yield the start, then the points of each run from start to end.

    Args:
        runs: folders of runs; a start that several share comes once.
        method: one of `METHODS`, or `both`.
        count: points of each method between start and run.
        device: where models are put.
    """
    methods = METHODS if method == "both" else (method,)
    starts: list[dict[str, object]] = []
    for run in runs:
        mixture = Mixture(run, device)
        label = mixture.trained.label
        prefix = f"{label} " if len(runs) > 1 else ""
        start = start_source(run)
        if start.arguments not in starts:
            name = f"{prefix}start" if starts else "start"
            starts.append(start.arguments)
            yield PointSource(name, start.arguments, start.named, run=label, method="start")
        for name in methods:
            for step in range(1, count + 1):
                factor = round(step / (count + 1), 4)
                arguments = {"run": str(run), "method": name, "factor": factor}
                yield PointSource(
                    f"{prefix}{name} {factor:.2f}",
                    arguments,
                    mixture=mixture,
                    run=label,
                    method=name,
                    factor=factor,
                )
        trained = replace(mixture.trained, label=label)
        yield PointSource(
            label, trained.arguments, trained.named, run=label, method="run", factor=1.0
        )
