"""Workflow of `ahnpl inspect`: detect what the target is, then look at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ahnpl_cli.config import InspectConfig
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.inspection.compare import compare, requested_models
from ahnpl_cli.inspection.examples import bundled_examples, examples_of_run, given_example
from ahnpl_cli.inspection.identify import OUTPUTS, identify
from ahnpl_cli.inspection.pages import examples_page
from ahnpl_cli.inspection.report import ComparisonReport, FileReport
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.runs import is_run, newest_run

EXAMPLES = 2  # as many as the paper's Table 5 shows


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
    if config.neighbors and what != "embeddings":
        hint = "Name a folder that `ahnpl embed` wrote."
        raise ConfigError("--neighbors goes with embeddings", where=str(path), hint=hint)
    return OUTPUTS[what].inspector().inspect(path, config, track)


def page(report: ComparisonReport | FileReport, config: InspectConfig, track: Track) -> str:
    """Return the HTML page of what was inspected."""
    if isinstance(report, ComparisonReport):
        return examples_page(report)
    return OUTPUTS[report.what].inspector().page(report, config, track)


def _loading(config: InspectConfig) -> dict[str, Any]:
    """Return how models are loaded, for `compare`."""
    return {"device": config.device, "force_quick_gelu": config.force_quick_gelu}


def _check_image(image: Path) -> None:
    try:
        ImageRef(image).load()
    except DataError as error:
        raise DataError(error.what, where=error.where, hint="Name another image.") from error


def _given(
    image: Path, captions: Sequence[str], config: InspectConfig, track: Track
) -> ComparisonReport:
    if len(captions) < 2:
        hint = 'Write ahnpl inspect IMAGE "its caption" "another caption".'
        raise ConfigError("an image takes two captions or more", where=str(image), hint=hint)
    # Before a model is loaded, which takes far longer.
    _check_image(image)
    models = requested_models(config, newest_run())
    example = given_example(image, captions)
    return compare([example], models, source=str(image), **_loading(config), track=track)


def named_run(checkpoints: Sequence[str]) -> Path | None:
    """Return the first run among checkpoints named by the user, or that one of them is of."""
    for name in checkpoints:
        # A checkpoint lies in the folder of its run.
        for folder in (Path(name), Path(name).parent):
            if is_run(folder):
                return folder
    return None


def run_examples(run: Path | None, config: InspectConfig, track: Track) -> ComparisonReport:
    """Compare examples of a run from its start to its end; the bundled ones without a run."""
    count = config.examples or EXAMPLES
    source = "bundled with ahnpl"
    examples = examples_of_run(run, count, seed=config.seed) if run is not None else []
    if examples:
        source = f"training data of {run}"
    else:
        examples = bundled_examples(count)
    models = requested_models(config, run)
    return compare(examples, models, source=source, **_loading(config), track=track)
