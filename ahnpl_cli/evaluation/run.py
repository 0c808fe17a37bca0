"""Workflow: benchmark folders and models to a report, each image and text encoded once."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from itertools import chain
from typing import Any

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.feature_cache import FeatureCache
from ahnpl_cli.backbones.load import pick_device
from ahnpl_cli.backbones.matching import load_matcher
from ahnpl_cli.backbones.source import ModelSource, models_to_evaluate
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.engines.local import worker_count
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.evaluation.benchmarks import benchmarks, optional_suites
from ahnpl_cli.evaluation.benchmarks.base import Benchmark
from ahnpl_cli.evaluation.blind import blind_reports, choices, text_scores
from ahnpl_cli.evaluation.comparison import ComparedSuite, ModelVerdicts, compare, select_examples
from ahnpl_cli.evaluation.load_suites import (
    cache_folder,
    check_images,
    load_suites,
    suite_info,
)
from ahnpl_cli.evaluation.output import (
    check_format,
    check_inputs,
    check_overwrite,
    check_weights,
    output_path,
    scores_path,
    write_report,
)
from ahnpl_cli.evaluation.place import class_of, deciding_settings, with_place
from ahnpl_cli.evaluation.published import published, undrawn
from ahnpl_cli.evaluation.report import (
    Comparison,
    EvalReport,
    MeanEstimate,
    ModelReport,
    SeenInTraining,
    SuiteReport,
)
from ahnpl_cli.evaluation.representation import representation
from ahnpl_cli.evaluation.scoring.features import (
    FeatureTable,
    OwnModel,
    cut_texts,
    encode,
    encode_with_own,
)
from ahnpl_cli.evaluation.scoring.items import Features, Suite, SuiteVerdicts
from ahnpl_cli.evaluation.scoring.judging import ItemTask
from ahnpl_cli.evaluation.scoring.pairs import PairScores, check_matchable
from ahnpl_cli.evaluation.seen_images import (
    find_seen,
    say_seen,
    seen_by_any,
    without_images,
)
from ahnpl_cli.evaluation.suite_report import Bootstrap, SuitePlan, suite_report
from ahnpl_cli.outputs import lock
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.version import __version__

logger = logging.getLogger(__name__)

PACKAGES = ("torch", "open_clip_torch", "numpy", "scipy", "pillow")


@dataclass(frozen=True, slots=True)
class _LoadedSuite:
    """One suite of an evaluation, and the benchmark that it was read by."""

    suite: Suite
    benchmark: Benchmark

    @property
    def plan(self) -> SuitePlan:
        """What the numbers follow from, beside the verdicts."""
        suite = self.suite
        totals = suite.task.totals()
        return SuitePlan(suite.averages, suite.headline, suite.main_subsets, totals)

    @property
    def compared(self) -> ComparedSuite:
        """What two models are compared on."""
        suite = self.suite
        derived = self.benchmark.derived_metrics
        return ComparedSuite(suite.name, suite.averages, suite.main_subsets, derived)


@dataclass(frozen=True, slots=True)
class _EncodedModel:
    """One model, and what it makes of the images and texts of all suites.

    Attributes:
        name: what tables call it.
        info: what was loaded.
        features: of all suites, or the scores of a model that has none.
        cut_texts: by suite, how many texts it does not see in full.
    """

    name: str
    info: dict[str, Any]
    features: Features
    cut_texts: dict[str, int] = field(default_factory=dict)


def evaluate(
    suites: Sequence[str],
    config: EvalConfig,
    *,
    models: Mapping[str, OwnModel] | None = None,
    sources: Sequence[ModelSource] = (),
    track: Track = silent,
) -> EvalReport:
    """Evaluate models on suites, write the report and every score, and return the report.

    Args:
        suites: names of benchmarks, or files of captions with negatives.
        config: see `EvalConfig`.
        models: models of your own by name, scored instead of those of the config.
        sources: models that are loaded when their turn comes, likewise instead of the config's.
        track: shows progress.

    Raises:
        BenchmarkError: files or images are missing, or not as published.
        ModelError: a model is unavailable, its activation cannot be known, or it returns NaN.
        ConfigError: a name is unknown, or the output exists with other options.
        BusyError: another process writes the same report.
    """
    if not suites:
        raise ConfigError("no suite named", hint="See them with: ahnpl eval --list.")
    wanted = benchmarks(suites)
    if not models and not sources:
        sources = models_to_evaluate(config.model, config.pretrained, config.checkpoint)
    settings = deciding_settings(wanted, sources, models or {}, config)
    config = with_place(config, suites, sources, settings)
    # Whatever can be refused is refused before anything is read or loaded.
    check_format(config.scores_format)
    check_overwrite(config, settings)
    # Two evaluations into one report would mix their scores.
    with lock(output_path(config)):
        found = load_suites(wanted, config, track, optional=optional_suites(suites))
        check_inputs(config, chain.from_iterable(suite.files for suite in found.values()))
        check_images(list(found.values()), config)
        # Only runs keep a list of their images, and a run is named by its checkpoint.
        trained = [source for source in sources if "checkpoint" in source.arguments]
        seen = find_seen(trained, list(found.values()), track) if trained else {}
        counts = say_seen(found, seen, left_out=config.leave_out_seen)
        if config.leave_out_seen and seen:
            for name, suite in found.items():
                found[name] = without_images(suite, seen_by_any(seen, name))
        of_name = {benchmark.name: benchmark for benchmark in wanted}
        loaded = [_LoadedSuite(suite, of_name[name]) for name, suite in found.items()]
        report = _evaluate(loaded, sources, models or {}, settings, counts, config, track)
    return report


def _evaluate(
    loaded: Sequence[_LoadedSuite],
    sources: Sequence[ModelSource],
    own_models: Mapping[str, OwnModel],
    settings: dict[str, Any],
    seen: Mapping[str, dict[str, SeenInTraining]],
    config: EvalConfig,
    track: Track,
) -> EvalReport:
    scorable = [entry for entry in loaded if entry.suite.task.is_scorable]
    # Before a model is loaded: a suite that needs features cannot be scored pair by pair.
    for source in sources:
        if source.head:
            check_matchable([entry.suite for entry in scorable], source.label)
    infos = {entry.suite.name: suite_info(entry.suite, entry.benchmark) for entry in loaded}
    model_reports: list[ModelReport] = []
    verdicts: dict[str, dict[str, SuiteVerdicts]] = {}
    # One model after the other, so that memory holds one.
    for model in _models(scorable, sources, own_models, config, track):
        verdicts[model.name] = _verdicts(loaded, model.features, config)
        model_report = _model_report(model, loaded, verdicts[model.name], config)
        model_reports.append(replace(model_report, seen=seen.get(model.name, {})))
    report = EvalReport(
        models=model_reports,
        suites=infos,
        comparisons=_compare_all(verdicts, scorable, config),
        settings=settings,
        versions=_versions(),
        items=scores_path(output_path(config), config.scores_format).name,
        blind=_blind_controls(scorable, config, track) if config.blind else {},
        published=list(published(undrawn(infos))) if config.published else [],
        examples=select_examples([entry.suite for entry in scorable], verdicts),
    )
    # The report keeps numbers; the verdicts that they follow from go to the file beside it.
    scores = {
        model: {suite: found.verdicts for suite, found in of_suites.items()}
        for model, of_suites in verdicts.items()
    }
    return write_report(report, scores, config)


def _models(
    scorable: Sequence[_LoadedSuite],
    sources: Sequence[ModelSource],
    own_models: Mapping[str, OwnModel],
    config: EvalConfig,
    track: Track,
) -> Iterable[_EncodedModel]:
    """Yield each model with its features of all suites."""
    tasks = [entry.suite.task for entry in scorable]
    for source in sources:
        if source.head:
            matcher = load_matcher(source.arguments["model"], device=pick_device(config.device))
            check_weights(config, source.label, matcher.info["weights_sha256"])
            pairs = PairScores(matcher, batch_size=config.batch_size, track=track)
            yield _EncodedModel(source.label, dict(matcher.info), pairs)
            continue
        backbone = source.load(config.device, force_quick_gelu=config.force_quick_gelu)
        info = asdict(backbone.info) | {"parameters": _count_parameters(backbone)}
        # Before the forward passes: a refusal after an hour would be worse.
        check_weights(config, source.label, info["weights_sha256"])
        # Keyed by weights, tokenizer and preprocessing, so that nothing stale is ever read.
        cache = None
        if config.cache_features:
            cache = FeatureCache(cache_folder(config) / "features", backbone.info)
        features = encode(
            backbone,
            chain.from_iterable(task.images() for task in tasks),
            chain.from_iterable(task.texts() for task in tasks),
            batch_size=config.batch_size,
            workers=worker_count(config.workers),
            cache=cache,
            track=track,
        )
        yield _EncodedModel(source.label, info, features, _count_cut(backbone, scorable))
    for name, model in own_models.items():
        features = encode_with_own(
            model,
            chain.from_iterable(task.images() for task in tasks),
            chain.from_iterable(task.texts() for task in tasks),
            batch_size=config.batch_size,
            track=track,
        )
        yield _EncodedModel(name, {"source": class_of(model)}, features)


def _count_parameters(backbone: Backbone) -> int:
    return sum(weight.numel() for weight in backbone.module.parameters())


def _count_cut(backbone: Backbone, scorable: Sequence[_LoadedSuite]) -> dict[str, int]:
    """Return how many texts of each suite the model does not see in full, and say so."""
    counts = {}
    for entry in scorable:
        suite = entry.suite
        texts = set(suite.task.texts())
        cut = cut_texts(backbone, texts)
        if cut:
            counts[suite.name] = len(cut)
            logger.warning(
                f"{suite.name}: {len(cut):,} of {len(texts):,} texts are longer than the "
                f"{backbone.info.context_length} tokens of {backbone.info.name}, which sees only "
                "their beginning"
            )
    return counts


def _verdicts(
    loaded: Sequence[_LoadedSuite], features: Features, config: EvalConfig
) -> dict[str, SuiteVerdicts]:
    """Return the verdicts of every suite; none where nothing can be scored."""
    official = config.tie == "official"
    verdicts = {}
    for entry in loaded:
        task = entry.suite.task
        found = SuiteVerdicts([])
        if task.is_scorable:
            found = task.score(features, official_ties=official)
        verdicts[entry.suite.name] = found
    return verdicts


def _model_report(
    model: _EncodedModel,
    loaded: Sequence[_LoadedSuite],
    verdicts: Mapping[str, SuiteVerdicts],
    config: EvalConfig,
) -> ModelReport:
    features = model.features
    bootstrap = Bootstrap(config.bootstrap, config.seed)
    suites: dict[str, SuiteReport] = {}
    similarity: dict[str, dict[str, MeanEstimate]] = {}
    for entry in loaded:
        suite = entry.suite.name
        found = verdicts[suite]
        derived = entry.benchmark.derived_metrics(found.verdicts)
        suites[suite] = suite_report(entry.plan, found, derived, bootstrap)
        # Pair scores have no features that could be compared within a modality.
        measurable = isinstance(features, FeatureTable) and entry.suite.task.is_scorable
        if config.representation and measurable:
            estimates = representation(entry.suite.task, features, bootstrap)
            if estimates:
                similarity[suite] = estimates
    return ModelReport(model.name, model.info, suites, similarity, model.cut_texts)


def _compare_all(
    verdicts: Mapping[str, Mapping[str, SuiteVerdicts]],
    scorable: Sequence[_LoadedSuite],
    config: EvalConfig,
) -> list[Comparison]:
    """Compare every later model with the first, suite by suite."""
    bootstrap = Bootstrap(config.bootstrap, config.seed)
    # The first model is what the others are compared with: the start, as options are ordered.
    base, *others = verdicts
    comparisons = []
    for other in others:
        for entry in scorable:
            suite = entry.suite.name
            first = ModelVerdicts(base, verdicts[base][suite].verdicts)
            second = ModelVerdicts(other, verdicts[other][suite].verdicts)
            comparisons.append(compare(first, second, entry.compared, bootstrap))
    return comparisons


def _blind_controls(
    scorable: Sequence[_LoadedSuite], config: EvalConfig, track: Track
) -> dict[str, dict[str, SuiteReport]]:
    """Return what captions alone give away, by suite of choices and control."""
    bootstrap = Bootstrap(config.bootstrap, config.seed)
    of_models = text_scores(
        config.blind_model,
        [entry.suite.task for entry in scorable],
        device=pick_device(config.device),
        batch_size=config.batch_size,
        track=track,
    )
    controls = {}
    for entry in scorable:
        task = entry.suite.task
        if isinstance(task, ItemTask) and choices(task):
            controls[entry.suite.name] = blind_reports(task, entry.plan, bootstrap, of_models)
    return controls


def _versions() -> dict[str, str]:
    """Return the versions of what computed the numbers."""
    installed = {package: version(package) for package in PACKAGES}
    return {"ahnpl": __version__, "python": platform.python_version(), **installed}
