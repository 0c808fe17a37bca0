"""Workflow of `ahnpl inspect`: find out what is meant, then look at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.checkpoint import read_checkpoint_info
from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.data.images import ImageRef, open_image
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.inspection.checkpoint import inspect_checkpoint
from ahnpl_cli.inspection.compare import compare
from ahnpl_cli.inspection.embeddings import inspect_embeddings
from ahnpl_cli.inspection.examples import bundled_examples, examples_of_run, given_example
from ahnpl_cli.inspection.identify import What, identify
from ahnpl_cli.inspection.models import choose_models
from ahnpl_cli.inspection.negatives import inspect_negatives
from ahnpl_cli.inspection.report import ComparisonReport, Example, FileReport
from ahnpl_cli.inspection.results import inspect_results, load_results, measures, reports_near
from ahnpl_cli.inspection.run import inspect_run
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.runs import LAST, is_model, is_run, newest_run

EXAMPLES = 2  # as many as the paper's Table 5 shows
NEGATIVE_EXAMPLES = 20


def inspect(
    target: Path | None, captions: Sequence[str], config: InspectConfig, *, track: Track = silent
) -> ComparisonReport | FileReport:
    """Look at a target; see `cli.inspect`.

    Args:
        target: an image, a file or folder that we write, or None for examples.
        captions: with an image, its caption and what competes with it.
        config: options.
        track: shows progress.

    Raises:
        ConfigError: captions are missing, or given where there is no image.
        DataError: the target is missing or unreadable.
        ModelError: a model cannot be loaded.
    """
    if target is None:
        return run_examples(named_run(config.checkpoint) or newest_run(), config, track)
    what, path = identify(target)
    if what == "image":
        return _given(path, captions, config, track)
    if captions:
        hint = "Captions go with an image: ahnpl inspect IMAGE CAPTION CAPTION."
        raise ConfigError(f"{what} take no captions", where=str(target), hint=hint)
    return _file(what, path, config, track)


def results_of_run(run: Path) -> EvalReport | None:
    """Return the newest evaluation near a run that measured its last model, if any."""
    last = run / LAST
    sha256 = read_checkpoint_info(last).get("weights_sha256") if is_model(last) else None
    found = [path for path, report in reports_near(last) if measures(report, sha256)]
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return load_results(newest) if newest else None


def _file(what: What, path: Path, config: InspectConfig, track: Track) -> FileReport:
    if config.neighbours and what != "embeddings":
        hint = "Name a folder that `ahnpl embed` wrote."
        raise ConfigError("--neighbours goes with embeddings", where=str(path), hint=hint)
    if what == "run":
        return inspect_run(path)
    if what == "checkpoint":
        return inspect_checkpoint(path)
    if what == "results":
        return inspect_results(path)
    if what == "embeddings":
        return inspect_embeddings(path, wanted=config.neighbours)
    return inspect_negatives(
        path,
        image_root=Path(config.image_root) if config.image_root else None,
        backbone=_named_model(config),
        count=config.examples or NEGATIVE_EXAMPLES,
        seed=config.seed,
        track=track,
    )


def _named_model(config: InspectConfig) -> Backbone | None:
    """The last model named by the user, if any; of a run, its newest checkpoint."""
    if not (config.checkpoint or config.model or config.pretrained):
        return None
    return _models(config, None)[-1].load(config.device)


def _models(config: InspectConfig, run: Path | None) -> list[ModelSource]:
    return choose_models(
        checkpoints=config.checkpoint, model=config.model, pretrained=config.pretrained, run=run
    )


def _check_image(image: Path) -> None:
    try:
        open_image(ImageRef(image))
    except DataError as error:
        raise DataError(error.what, where=error.where, hint="Name another image.") from error


def _given(
    image: Path, captions: Sequence[str], config: InspectConfig, track: Track
) -> ComparisonReport:
    if len(captions) < 2:
        hint = 'Write ahnpl inspect IMAGE "its caption" "another caption".'
        raise ConfigError("an image takes two captions or more", where=str(image), hint=hint)
    _check_image(image)
    models = _models(config, newest_run())
    example = given_example(image, captions)
    return compare([example], models, source=str(image), device=config.device, track=track)


def named_run(checkpoints: Sequence[str]) -> Path | None:
    """Return the first run among checkpoints named by the user, or that one of them is of."""
    folders = [folder for name in checkpoints for folder in (Path(name), Path(name).parent)]
    return next((folder for folder in folders if is_run(folder)), None)


def run_examples(run: Path | None, config: InspectConfig, track: Track) -> ComparisonReport:
    """Compare examples of a run from its start to its end; the bundled ones without a run."""
    count = config.examples or EXAMPLES
    found: list[Example] = []
    source = "bundled with ahnpl"
    if run is not None:
        found = examples_of_run(run, count, seed=config.seed)
        source = f"training data of {run}" if found else source
    models = _models(config, run)
    examples = found or bundled_examples(count)
    return compare(examples, models, source=source, device=config.device, track=track)
