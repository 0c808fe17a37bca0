"""Workflow: benchmark folders and models to a report, each image and text encoded once."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import chain
from typing import Any

from ahnpl_cli import __version__
from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.feature_cache import FeatureCache
from ahnpl_cli.backbones.source import ModelSource, models_to_evaluate
from ahnpl_cli.config import EvalConfig, worker_count
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.evaluation.benchmarks import benchmarks
from ahnpl_cli.evaluation.blind import blind_reports, is_choice
from ahnpl_cli.evaluation.comparison import compare
from ahnpl_cli.evaluation.example_items import select_examples
from ahnpl_cli.evaluation.load_suites import (
    cache_folder,
    check_images,
    is_scorable,
    load_suites,
    suite_info,
)
from ahnpl_cli.evaluation.output import (
    check_overwrite,
    items_path,
    output_path,
    write_items,
    write_json,
)
from ahnpl_cli.evaluation.published import published
from ahnpl_cli.evaluation.report import (
    Comparison,
    EvalReport,
    MeanEstimate,
    ModelReport,
    SuiteReport,
)
from ahnpl_cli.evaluation.representation import representation
from ahnpl_cli.evaluation.score_files import check_format
from ahnpl_cli.evaluation.scoring.derived_metrics import DerivedMetrics
from ahnpl_cli.evaluation.scoring.features import FeatureTable, encode
from ahnpl_cli.evaluation.scoring.items import ItemSuite, Outcome, Suite
from ahnpl_cli.evaluation.suite_report import suite_report
from ahnpl_cli.progress import Track, silent

PACKAGES = ("torch", "open_clip_torch", "numpy", "scipy", "pillow")
DECIDING = (
    *("tie", "seed", "limit", "allow_missing", "bootstrap", "data", "force_quick_gelu"),
    *("classnames", "templates", "difficult", "custom", "image_root"),
)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The suites of one evaluation.

    Attributes:
        suites: all that were asked for.
        scored: those of which anything can be scored.
        totals: by suite, verdicts per row if no image were missing.
        figures: by suite, what is no share of verdicts.
    """

    suites: list[Suite]
    scored: list[Suite]
    totals: dict[str, Mapping[str, int]]
    figures: dict[str, DerivedMetrics]


def features_of(
    backbone: Backbone, suites: Sequence[Suite], config: EvalConfig, track: Track
) -> FeatureTable:
    """Encode the union of what all suites ask for."""
    cache = None
    if config.cache_features:
        cache = FeatureCache(cache_folder(config) / "features", backbone.info)
    return encode(
        backbone,
        chain.from_iterable(suite.images() for suite in suites),
        chain.from_iterable(suite.texts() for suite in suites),
        batch_size=config.batch_size,
        workers=worker_count(config.workers),
        cache=cache,
        track=track,
    )


def score_model(
    source: ModelSource, loaded: _Loaded, config: EvalConfig, track: Track
) -> tuple[ModelReport, dict[str, Outcome]]:
    """Load one model and score every suite with it."""
    backbone = source.load(config.device, force_quick_gelu=config.force_quick_gelu)
    features = features_of(backbone, loaded.scored, config, track)
    official = config.tie == "official"
    found = {s.name: s.score(features, official_ties=official) for s in loaded.scored}
    outcomes = {suite.name: found.get(suite.name, Outcome([])) for suite in loaded.suites}
    report = ModelReport(
        name=source.label,
        info=asdict(backbone.info),
        suites=_suite_reports(loaded, outcomes, config),
        representation=_representations(loaded.scored, features, config),
    )
    return report, outcomes


def _suite_reports(
    loaded: _Loaded, outcomes: Mapping[str, Outcome], config: EvalConfig
) -> dict[str, SuiteReport]:
    drawn = {"samples": config.bootstrap, "seed": config.seed}
    return {
        suite.name: suite_report(
            suite,
            outcomes[suite.name],
            loaded.figures[suite.name](outcomes[suite.name].verdicts),
            loaded.totals[suite.name],
            **drawn,
        )
        for suite in loaded.suites
    }


def _representations(
    suites: Sequence[Suite], features: FeatureTable, config: EvalConfig
) -> dict[str, dict[str, MeanEstimate]]:
    if not config.represent:
        return {}
    drawn = {"samples": config.bootstrap, "seed": config.seed}
    choices = (suite for suite in suites if isinstance(suite, ItemSuite))
    made = {suite.name: representation(suite, features, **drawn) for suite in choices}
    return {name: found for name, found in made.items() if found}


def compare_all(
    outcomes: Mapping[str, Mapping[str, Outcome]], loaded: _Loaded, config: EvalConfig
) -> list[Comparison]:
    """Compare every later model with the first, suite by suite."""
    base, *others = outcomes
    return [
        compare(
            (base, other),
            suite.name,
            (outcomes[base][suite.name].verdicts, outcomes[other][suite.name].verdicts),
            suite.averages,
            suite.shown,
            loaded.figures[suite.name],
            samples=config.bootstrap,
            seed=config.seed,
        )
        for other in others
        for suite in loaded.scored
    ]


def settings(
    names: Sequence[str], sources: Sequence[ModelSource], config: EvalConfig
) -> dict[str, Any]:
    """Return what decides the numbers: suites, models and options."""
    chosen = {name: getattr(config, name) for name in DECIDING}
    models = {source.label: source.arguments for source in sources}
    return {"suites": list(names), "models": models, **chosen, "dtype": "float32"}


def versions() -> dict[str, str]:
    """Return the versions of what computed the numbers."""
    found = {package: version(package) for package in PACKAGES}
    return {"ahnpl": __version__, "python": platform.python_version(), **found}


def blind_controls(loaded: _Loaded, config: EvalConfig) -> dict[str, dict[str, SuiteReport]]:
    """Return what captions alone give away, by suite of choices and control."""
    return {
        suite.name: blind_reports(
            suite, loaded.totals[suite.name], samples=config.bootstrap, seed=config.seed
        )
        for suite in loaded.scored
        if isinstance(suite, ItemSuite) and is_choice(suite)
    }


def evaluate(suites: Sequence[str], config: EvalConfig, *, track: Track = silent) -> EvalReport:
    """Evaluate models on suites, write the report and every score, and return the report.

    Args:
        suites: names; `vals` is accepted for `valse`.
        config: see `EvalConfig`.
        track: shows progress.

    Raises:
        BenchmarkError: files or images are missing, or not as published.
        ModelError: a model cannot be had, or its activation cannot be known.
        ConfigError: a name is unknown, or the output exists with other options.
    """
    if not suites:
        raise ConfigError("no suite named", hint="See them with: ahnpl eval --list.")
    wanted = benchmarks(suites)
    sources = models_to_evaluate(config.model, config.pretrained, config.checkpoint)
    names = [benchmark.name for benchmark in wanted]
    asked = settings(names, sources, config)
    check_format(config.items)
    check_overwrite(output_path(config), asked, force=config.force)
    found = load_suites(wanted, config, track)
    check_images(found, config)
    loaded = _Loaded(
        suites=found,
        scored=[suite for suite in found if is_scorable(suite)],
        totals={suite.name: suite.totals() for suite in found},
        figures={benchmark.name: benchmark.figures for benchmark in wanted},
    )
    infos = {s.name: suite_info(s, b) for s, b in zip(found, wanted, strict=True)}
    scored = {source.label: score_model(source, loaded, config, track) for source in sources}
    outcomes = {label: by_suite for label, (_, by_suite) in scored.items()}
    report = EvalReport(
        models=[model for model, _ in scored.values()],
        suites=infos,
        comparisons=compare_all(outcomes, loaded, config),
        settings=asked,
        versions=versions(),
        items=items_path(output_path(config), config.items).name,
        blind=blind_controls(loaded, config) if config.blind else {},
        published=list(published(names)) if config.published else [],
        cases=select_examples(loaded.scored, outcomes),
    )
    _write(report, outcomes, config)
    return report


def _write(
    report: EvalReport, outcomes: Mapping[str, Mapping[str, Outcome]], config: EvalConfig
) -> None:
    output = output_path(config)
    scores = {
        model: {suite: outcome.verdicts for suite, outcome in suites.items()}
        for model, suites in outcomes.items()
    }
    write_items(items_path(output, config.items), scores)
    write_json(output, report)
