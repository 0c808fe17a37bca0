"""Which models a command line means, and what tables call them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from ahnpl_cli.backbones.source import ModelSource, start_source
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.runs import BEST, LAST, RUNS, is_model, newest_run

logger = logging.getLogger(__name__)


def _checkpoint(path: str) -> ModelSource:
    folder = Path(path)
    label = folder.resolve().name
    if label == LAST:
        label = folder.resolve().parent.name
    elif folder.resolve().parent.parent.name == str(RUNS):
        label = f"{folder.resolve().parent.name}/{label}"
    return ModelSource(label, {"checkpoint": path})


def _named(models: Sequence[str], pretrained: Sequence[str]) -> list[ModelSource]:
    """Pair `--model` with `--pretrained`: one for all, one each, or none.

    Raises:
        ConfigError: their numbers do not go together.
    """
    if not models:
        return [ModelSource(Path(weights).name, {"pretrained": weights}) for weights in pretrained]
    if len(pretrained) not in (0, 1, len(models)):
        raise ConfigError(
            f"{len(models)} --model and {len(pretrained)} --pretrained",
            hint="Give one --pretrained for all, or one for each in the same order.",
        )
    weights = list(pretrained) * len(models) if len(pretrained) == 1 else list(pretrained)
    if not weights:
        return [ModelSource(Path(model).name, {"model": model}) for model in models]
    pairs = zip(models, weights, strict=True)
    return [
        ModelSource(f"{Path(m).name} {Path(w).name}", {"model": m, "pretrained": w})
        for m, w in pairs
    ]


def _newest() -> list[ModelSource]:
    """Return the start, best and last of the newest run.

    Raises:
        ConfigError: there is no run.
    """
    run = newest_run()
    if run is None:
        raise ConfigError(
            f"no model named, and no run under {RUNS}/",
            hint="Give --checkpoint FOLDER or --model NAME, or train one: ahnpl train.",
        )
    sources = [start_source(run)]
    sources += [_checkpoint(str(run / kept)) for kept in (BEST, LAST) if is_model(run / kept)]
    logger.info(f"evaluating the newest run, {run}, beside the model it started from")
    return sources


def _distinct(sources: Iterable[ModelSource]) -> list[ModelSource]:
    """Number labels that would be the same."""
    made: dict[str, ModelSource] = {}
    for source in sources:
        label, number = source.label, 2
        while label in made:
            label, number = f"{source.label} ({number})", number + 1
        made[label] = ModelSource(label, source.arguments)
    return list(made.values())


def model_sources(
    models: Sequence[str], pretrained: Sequence[str], checkpoints: Sequence[str]
) -> list[ModelSource]:
    """Return the models of a command line, those named first; the newest run without any.

    Raises:
        ConfigError: options do not go together, or nothing is named and there is no run.
    """
    sources = [*_named(models, pretrained), *map(_checkpoint, checkpoints)]
    return _distinct(sources or _newest())
