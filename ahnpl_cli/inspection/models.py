"""Which models to look through: those named, or the newest run from its start to its end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.source import ModelSource, start_source
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.runs import is_run, run_checkpoints

log = logging.getLogger(__name__)
BUNDLED = "scenes-tiny"


def models_of_run(run: Path) -> list[ModelSource]:
    """Return the start of a run and its kept checkpoints, oldest first."""
    kept = [ModelSource(path.name, {"checkpoint": path}) for path in run_checkpoints(run)]
    return [start_source(run), *kept]


def _named(path: Path) -> list[ModelSource]:
    if is_run(path):
        return models_of_run(path)
    label = f"{path.parent.name}/{path.name}" if is_run(path.parent) else path.name
    return [ModelSource(label, {"checkpoint": path})]


def choose_models(
    *,
    checkpoints: Sequence[str],
    model: str | None,
    pretrained: str | None,
    run: Path | None,
) -> list[ModelSource]:
    """Return the models to compare.

    Args:
        checkpoints: folders named by the user; a run's folder stands for its start and everything
            that it kept.
        model: architecture named by the user.
        pretrained: weights named by the user.
        run: taken when no model is named; without it the bundled start is.
    """
    found = [source for name in checkpoints for source in _named(Path(name))]
    if model or pretrained:
        arguments = {"model": model, "pretrained": pretrained}
        label = (model or Path(pretrained or "").name).rpartition("/")[2]
        found.insert(0, ModelSource(label, {k: v for k, v in arguments.items() if v}))
    if found:
        return found
    if run is not None:
        log.info("Models: %s, from its start to its end.", run)
        return models_of_run(run)
    log.info("Models: the bundled %s, since there is no run under runs/.", BUNDLED)
    return [ModelSource(BUNDLED, {"model": BUNDLED})]


def models_of_config(config: InspectConfig, run: Path | None) -> list[ModelSource]:
    """Return the models that the options name, or those of a run; see `choose_models`."""
    return choose_models(
        checkpoints=config.checkpoint, model=config.model, pretrained=config.pretrained, run=run
    )


def named_model(config: InspectConfig) -> Backbone | None:
    """Load the last model named by the user, if any; of a run, its newest checkpoint."""
    if not (config.checkpoint or config.model or config.pretrained):
        return None
    return models_of_config(config, None)[-1].load(config.device)
