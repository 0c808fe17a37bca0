"""Models as a command line names them: which are meant, what tables call them, how they load."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ahnpl_cli.backbones import TRAINED_ARCHITECTURES
from ahnpl_cli.backbones.load import head_of, read_checkpoint_info
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.runs import (
    BEST,
    LAST,
    RUNS,
    is_checkpoint,
    is_run,
    label,
    newest_run,
    read_start,
    run_checkpoints,
)

if TYPE_CHECKING:
    from ahnpl_cli.backbones.base import Backbone

logger = logging.getLogger(__name__)

BUNDLED = "scenes-tiny"
_START = ("model", "pretrained", "checkpoint", "force_quick_gelu")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model that can be loaded when its turn comes.

    Attributes:
        label: what tables call it.
        arguments: keywords of `load_backbone`.
        named: whether the user named it on the command line; another is never downloaded.
    """

    label: str
    arguments: dict[str, Any]
    named: bool = True

    @property
    def head(self) -> str | None:
        """How an image-text matching model is used; None for a dual encoder."""
        return head_of(self.arguments.get("model"))

    def load(self, device: str, *, force_quick_gelu: bool | None = None) -> Backbone:
        """Load it; see `load_backbone`.

        Args:
            device: where to.
            force_quick_gelu: what the user decides now; None leaves what `arguments` say.
        """
        # Naming models must not wait for the libraries that load them.
        from ahnpl_cli.backbones.load import load_backbone

        arguments = dict(self.arguments)
        if force_quick_gelu is not None:
            arguments["force_quick_gelu"] = force_quick_gelu
        return load_backbone(**arguments, device=device, download=self.named)


def checkpoint_source(path: str | Path) -> ModelSource:
    """Return the model in a folder; a matching model that was trained is asked by its head."""
    folder = Path(path) / LAST if is_run(Path(path)) else Path(path)
    head = TRAINED_ARCHITECTURES.get(str(read_checkpoint_info(folder).get("architecture")))
    arguments = {"model": f"{head}:{folder}"} if head else {"checkpoint": path}
    return ModelSource(label(Path(path)), arguments)


def named_source(model: str | None, pretrained: str | None) -> ModelSource:
    """Return the model of an architecture, its weights, or both."""
    arguments = {"model": model, "pretrained": pretrained}
    given = {name: value for name, value in arguments.items() if value}
    head = head_of(model)
    # Two heads of one model are two columns.
    prefix = f"{head}:" if head else ""
    return ModelSource(prefix + " ".join(Path(value).name for value in given.values()), given)


def start_source(run: Path) -> ModelSource:
    """Return the model that a training run started from, with the activation it was given.

    Raises:
        DataError: the folder is no run.
    """
    start = read_start(run)
    arguments = {name: getattr(start, name) for name in _START}
    given = {name: value for name, value in arguments.items() if value is not None}
    return ModelSource("start", given, named=False)


def run_sources(run: Path) -> list[ModelSource]:
    """Return the start of a run and its kept checkpoints, oldest first.

    Raises:
        DataError: the folder is no run.
    """
    # Within one run the folder's own name is enough, and short enough for a column.
    kept = [ModelSource(path.name, {"checkpoint": path}) for path in run_checkpoints(run)]
    return [start_source(run), *kept]


def models_to_evaluate(
    models: Sequence[str],
    pretrained: Sequence[str],
    checkpoints: Sequence[str],
    *,
    say: bool = True,
) -> list[ModelSource]:
    """Return the models of a command line, those named first; the newest run without any.

    Args:
        models: `--model`, each.
        pretrained: `--pretrained`, each.
        checkpoints: `--checkpoint`, each.
        say: whether the choice of the newest run is noted.

    Raises:
        ConfigError: options do not go together, or nothing is named and there is no run.
    """
    sources = _pairs(models, pretrained)
    sources += [checkpoint_source(path) for path in checkpoints]
    return _distinct(sources or _newest(say=say))


def models_to_compare(
    *,
    checkpoints: Sequence[str],
    model: str | None,
    pretrained: str | None,
    run: Path | None,
) -> list[ModelSource]:
    """Return the models that `ahnpl inspect` shows beside each other.

    Args:
        checkpoints: folders named by the user; a run's folder stands for its start and everything
            that it kept.
        model: architecture named by the user.
        pretrained: weights named by the user.
        run: taken when no model is named; without it the bundled start is.
    """
    sources = [named_source(model, pretrained)] if model or pretrained else []
    for path in map(Path, checkpoints):
        sources += run_sources(path) if is_run(path) else [checkpoint_source(path)]
    if sources:
        return sources
    if run is not None:
        logger.info("Models: %s, from its start to its end.", run)
        return run_sources(run)
    logger.info("Models: the bundled %s, since there is no run under runs/.", BUNDLED)
    return [ModelSource(BUNDLED, {"model": BUNDLED})]


def _pairs(models: Sequence[str], pretrained: Sequence[str]) -> list[ModelSource]:
    """Pair `--model` with `--pretrained`: one for all, one each, or none.

    Raises:
        ConfigError: their numbers do not go together.
    """
    if not models:
        return [named_source(None, weights) for weights in pretrained]
    if len(pretrained) not in (0, 1, len(models)):
        raise ConfigError(
            f"{len(models)} --model and {len(pretrained)} --pretrained",
            hint="Give one --pretrained for all, or one for each in the same order.",
        )
    if not pretrained:
        return [named_source(model, None) for model in models]
    weights = list(pretrained) * len(models) if len(pretrained) == 1 else pretrained
    return [named_source(*pair) for pair in zip(models, weights, strict=True)]


def _newest(*, say: bool) -> list[ModelSource]:
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
    for name in (BEST, LAST):
        if is_checkpoint(run / name):
            sources.append(checkpoint_source(str(run / name)))
    if say:
        logger.info("Models: the newest run, %s, beside the model it started from.", run)
    return sources


def _distinct(sources: Iterable[ModelSource]) -> list[ModelSource]:
    """Number labels that would be the same."""
    by_label: dict[str, ModelSource] = {}
    for source in sources:
        name, number = source.label, 2
        while name in by_label:
            name = f"{source.label} ({number})"
            number += 1
        by_label[name] = replace(source, label=name)
    return list(by_label.values())
