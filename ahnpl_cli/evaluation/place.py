"""Where a report goes that nobody named a place for, and the settings that decide its numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.source import ModelSource, models_to_evaluate
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.benchmarks import benchmarks
from ahnpl_cli.evaluation.benchmarks.base import Benchmark
from ahnpl_cli.evaluation.output import read_report
from ahnpl_cli.files import read_object, to_json
from ahnpl_cli.runs import EVALUATIONS, INFO_FILE, is_run

FOLDER = Path("results")  # of reports on models that are of no run
LONGEST = 60  # characters of a file's name
# Options that decide the numbers: a report made with others is not overwritten.
DECIDING = (
    "tie",
    "seed",
    "limit",
    "allow_missing",
    "bootstrap",
    "data",
    "force_quick_gelu",
    "classnames",
    "templates",
    "difficult",
    "image_root",
    "captions",
    "leave_out_seen",
)


def with_place(
    config: EvalConfig,
    suites: Sequence[str],
    sources: Sequence[ModelSource],
    settings: Mapping[str, Any],
) -> EvalConfig:
    """Return the options with a name for the report, if none was given.

    It is `runs/NAME/eval/SUITES.json`, or `results/MODEL-SUITES.json` for a model of no run, with a
    number where a report of other options or weights has that name.

    Args:
        config: every option.
        suites: as the user named them.
        sources: the models.
        settings: what decides the numbers.
    """
    if config.output is not None:
        return config
    path = _named(suites, sources)
    if not config.force:
        path = next(place for place in _numbered(path) if _is_free(place, sources, settings))
    return replace(config, output=str(path))


def _named(suites: Sequence[str], sources: Sequence[ModelSource]) -> Path:
    tests = _slug("-".join(Path(suite).stem for suite in suites))
    # The last model is the one that is looked at, the first what it is compared with.
    for source in reversed(sources):
        run = _run_of(source)
        if run is not None:
            return run / EVALUATIONS / f"{tests}.json"
    models = _slug("-".join(source.label for source in sources) or "model")
    return FOLDER / f"{models}-{tests}.json"


def _run_of(source: ModelSource) -> Path | None:
    folder = source.arguments.get("checkpoint")
    if folder is None or not source.named:
        return None
    return next((run for run in (Path(folder), Path(folder).parent) if is_run(run)), None)


def _slug(name: str) -> str:
    """Return a name that any disk takes."""
    return re.sub(r"[^\w.+-]+", "-", name)[:LONGEST].strip("-.")


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}-{number}.json")


def _is_free(path: Path, sources: Sequence[ModelSource], settings: Mapping[str, Any]) -> bool:
    """Whether nothing is there, or the same numbers are."""
    if not path.exists():
        return True
    try:
        kept = read_report(path)
    except DataError:
        return False
    if kept.get("settings") != to_json(settings):
        return False
    weights = {model["name"]: model["info"].get("weights_sha256") for model in kept["models"]}
    # A run that was trained again has other weights at the same place.
    return all(
        weights.get(source.label) in (None, known)
        for source in sources
        if (known := _weights(source)) is not None
    )


def _weights(source: ModelSource) -> str | None:
    """Return the hash of a checkpoint's weights, as it says itself."""
    folder = Path(source.arguments.get("checkpoint") or "")
    for place in (folder, folder / "last"):
        if (place / INFO_FILE).is_file():
            value = read_object(place / INFO_FILE).get("weights_sha256")
            return value if isinstance(value, str) else None
    return None


def placed(suites: Sequence[str], config: EvalConfig) -> EvalConfig:
    """Return the options as `evaluate` takes them, with the place that its report will have.

    Raises:
        ConfigError: a name is unknown, or there is no model.
    """
    if config.output is not None or not suites:
        return config
    sources = models_to_evaluate(config.model, config.pretrained, config.checkpoint, say=False)
    settings = deciding_settings(benchmarks(suites), sources, {}, config)
    return with_place(config, suites, sources, settings)


def deciding_settings(
    wanted: Sequence[Benchmark],
    sources: Sequence[ModelSource],
    own_models: Mapping[str, object],
    config: EvalConfig,
) -> dict[str, Any]:
    """Return what decides the numbers: suites, models and options."""
    models: dict[str, Any] = {source.label: source.arguments for source in sources}
    # A model of one's own has no path; its class is all that can be told apart.
    models |= {name: {"source": class_of(model)} for name, model in own_models.items()}
    return {
        "suites": [str(benchmark.path or benchmark.name) for benchmark in wanted],
        "models": models,
        **{name: getattr(config, name) for name in DECIDING},
        "dtype": "float32",
    }


def class_of(model: object) -> str:
    """Return the full name of a model's class: of one's own all that a report can say."""
    return f"{type(model).__module__}.{type(model).__qualname__}"
