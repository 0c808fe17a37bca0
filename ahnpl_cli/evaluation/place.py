"""Suites, models and the report's place, settled before anything heavy is imported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.load import check_device, check_model
from ahnpl_cli.backbones.source import ModelSource, models_to_evaluate
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.data.archives import is_archive
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.evaluation.benchmarks import benchmarks, optional_suites
from ahnpl_cli.evaluation.benchmarks.base import Benchmark
from ahnpl_cli.evaluation.benchmarks.find_files import data_roots
from ahnpl_cli.evaluation.load_suites import find_suites
from ahnpl_cli.evaluation.output import check_format, check_overwrite, read_report
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
    "half",
    "precision",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """An evaluation that is about to run.

    Attributes:
        config: every option, with the place of the report.
        benchmarks: in the order named.
        optional: names of those that only a set stands for.
        sources: models that are loaded when their turn comes.
        own_models: models of the caller's own, by name.
        settings: what decides the numbers.
    """

    config: EvalConfig
    benchmarks: Sequence[Benchmark]
    optional: frozenset[str]
    sources: Sequence[ModelSource]
    own_models: Mapping[str, Any] = field(default_factory=dict)
    settings: dict[str, Any]


def plan_evaluation(
    suites: Sequence[str],
    config: EvalConfig,
    *,
    own_models: Mapping[str, Any] | None = None,
    sources: Sequence[ModelSource] = (),
) -> Evaluation:
    """Return what is evaluated and where its report goes; refuse what can be refused by now.

    Args:
        suites: names of benchmarks, or files of captions with negatives.
        config: see `EvalConfig`.
        own_models: models of the caller's own, scored instead of those of the config.
        sources: models that are loaded when their turn comes, likewise instead of the config's.

    Raises:
        ConfigError: a name is unknown, there is no model, or the output exists with other options.
        BenchmarkError: a suite is not here.
    """
    chosen = benchmarks(suites)
    if not own_models and not sources:
        sources = models_of(suites, config)
    optional = optional_suites(suites)
    # A look at folders takes a moment, torch takes seconds.
    find_suites(chosen, config, optional)
    settings = _deciding_settings(chosen, sources, own_models or {}, config)
    config = with_place(config, suites, sources, settings)
    check_format(config.scores_format)
    check_overwrite(config, settings)
    return Evaluation(
        config=config,
        benchmarks=chosen,
        optional=optional,
        sources=sources,
        own_models=own_models or {},
        settings=settings,
    )


def models_of(suites: Sequence[str], config: EvalConfig) -> list[ModelSource]:
    """Return the models that the options name; refuse what is not on this machine.

    Args:
        suites: as the user named them.
        config: names models, device and folders.

    Raises:
        ConfigError: nothing is to be evaluated, or a device, folder or file is not here.
        ModelError: a model is certainly not here.
    """
    if not suites:
        raise ConfigError("no suite named", hint="See them with: ahnpl eval --list.")
    check_device(config.device)
    data_roots(config.data)
    check_paths(config)
    sources = models_to_evaluate(config.model, config.pretrained, config.checkpoint)
    for source in sources:
        # A matching head brings its weights, and is found by its own loader.
        if source.head is None:
            names = [source.arguments.get(name) for name in ("model", "pretrained", "checkpoint")]
            check_model(*names)
    return sources


def check_paths(config: EvalConfig) -> None:
    """Refuse options that name a file or a folder that is not there.

    Raises:
        ConfigError: one does.
    """
    for option in ("classnames", "templates", "captions"):
        value = getattr(config, option)
        if value and not Path(value).is_file():
            raise ConfigError(f"--{option}: no such file", where=value)
    # Without the option it is here, which is a folder.
    root = Path(config.image_root or ".")
    if not root.is_dir() and not is_archive(root):
        raise ConfigError("--image-root: no such folder", where=config.image_root)


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


def _deciding_settings(
    chosen: Sequence[Benchmark],
    sources: Sequence[ModelSource],
    own_models: Mapping[str, object],
    config: EvalConfig,
) -> dict[str, Any]:
    """Return what decides the numbers: suites, models and options."""
    models: dict[str, Any] = {source.label: source.arguments for source in sources}
    # A model of one's own has no path; its class is all that can be told apart.
    models |= {name: {"source": class_of(model)} for name, model in own_models.items()}
    return {
        "suites": [str(benchmark.path or benchmark.name) for benchmark in chosen],
        "models": models,
        **{name: getattr(config, name) for name in DECIDING},
    }


def class_of(model: object) -> str:
    """Return the full name of a model's class: of one's own all that a report can say."""
    return f"{type(model).__module__}.{type(model).__qualname__}"
