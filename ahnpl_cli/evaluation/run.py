"""Workflow: benchmark folders and models to a report, each image and text encoded once."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from itertools import chain
from typing import Any

import torch

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.feature_cache import FeatureCache
from ahnpl_cli.backbones.load import pick_device
from ahnpl_cli.backbones.matching import load_matcher
from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.errors import ConfigError
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
    check_inputs,
    check_weights,
    output_path,
    scores_path,
    write_report,
)
from ahnpl_cli.evaluation.place import Evaluation, class_of, plan_evaluation
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
from ahnpl_cli.evaluation.seen_images import warn_of_chosen, without_seen
from ahnpl_cli.evaluation.suite_report import Bootstrap, SuitePlan, suite_report
from ahnpl_cli.outputs import lock
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.version import __version__
from ahnpl_cli.workers import worker_count

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
    compared: bool = True,
    track: Track = silent,
) -> EvalReport:
    """Evaluate models on suites, write the report and every score, and return the report.

    Args:
        suites: names of benchmarks, or files of captions with negatives.
        config: see `EvalConfig`.
        models: models of your own by name, scored instead of those of the config.
        sources: models that are loaded when their turn comes, likewise instead of the config's.
        compared: whether every later model is compared with the first.
        track: shows progress.

    Raises:
        BenchmarkError: files or images are missing, or not as published.
        ModelError: a model is unavailable, its activation cannot be known, or it returns NaN.
        ConfigError: a name is unknown, or the output exists with other options.
        BusyError: another process writes the same report.
    """
    plan = plan_evaluation(suites, config, own_models=models, sources=sources)
    return run_evaluation(plan, compared=compared, track=track)


def run_evaluation(plan: Evaluation, *, compared: bool = True, track: Track) -> EvalReport:
    """Do what `plan_evaluation` settled; see `evaluate`."""
    config, sources = plan.config, plan.sources
    _check_precision(config)
    # Two evaluations into one report would mix their scores.
    with lock(output_path(config)):
        suites = load_suites(plan.benchmarks, config, track, optional=plan.optional)
        check_inputs(config, chain.from_iterable(suite.files for suite in suites.values()))
        check_images(list(suites.values()), config)
        # Only runs keep a list of their images, and a run is named by its checkpoint.
        trained = [source for source in sources if "checkpoint" in source.arguments]
        seen: Mapping[str, dict[str, SeenInTraining]] = {}
        if trained:
            warn_of_chosen(trained, list(suites), config.half)
            suites, seen = without_seen(trained, suites, config, track)
        of_name = {benchmark.name: benchmark for benchmark in plan.benchmarks}
        loaded = [_LoadedSuite(suite, of_name[name]) for name, suite in suites.items()]
        return _evaluate(loaded, plan, seen, compared=compared, track=track)


def _check_precision(config: EvalConfig) -> None:
    """Refuse a number format that the device does not compute in.

    Raises:
        ConfigError: it is fp16 elsewhere than on CUDA.
    """
    device = pick_device(config.device)
    if config.precision == "fp16" and not device.startswith("cuda"):
        what = f"--precision fp16 needs --device cuda, not {device}"
        raise ConfigError(what, hint="Use bf16.")


def _evaluate(
    loaded: Sequence[_LoadedSuite],
    plan: Evaluation,
    seen: Mapping[str, dict[str, SeenInTraining]],
    *,
    compared: bool,
    track: Track,
) -> EvalReport:
    config = plan.config
    scorable = [entry for entry in loaded if entry.suite.task.is_scorable]
    # Before a model is loaded: a suite that needs features cannot be scored pair by pair.
    for source in plan.sources:
        if source.head:
            check_matchable([entry.suite for entry in scorable], source.label)
    infos = {entry.suite.name: suite_info(entry.suite, entry.benchmark) for entry in loaded}
    model_reports: list[ModelReport] = []
    verdicts: dict[str, dict[str, SuiteVerdicts]] = {}
    # One model after the other, so that memory holds one.
    for model in _models(scorable, plan, track):
        verdicts[model.name] = _verdicts(loaded, model.features, config)
        model_report = _model_report(model, loaded, verdicts[model.name], config)
        model_reports.append(replace(model_report, seen=seen.get(model.name, {})))
    report = EvalReport(
        models=model_reports,
        suites=infos,
        comparisons=_compare_all(verdicts, scorable, config) if compared else [],
        settings=plan.settings,
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
    scorable: Sequence[_LoadedSuite], plan: Evaluation, track: Track
) -> Iterable[_EncodedModel]:
    """Yield each model with its features of all suites."""
    config = plan.config
    tasks = [entry.suite.task for entry in scorable]
    for source in plan.sources:
        if source.head:
            matcher = load_matcher(source.arguments["model"], device=pick_device(config.device))
            check_weights(config, source.label, matcher.info["weights_sha256"])
            pairs = PairScores(matcher, batch_size=config.batch_size, track=track)
            yield _EncodedModel(source.label, dict(matcher.info), pairs)
            continue
        backbone = source.load(config.device, force_quick_gelu=config.force_quick_gelu)
        info = asdict(backbone.info) | _how_computed(backbone, config)
        # Before the forward passes: a refusal after an hour would be worse.
        check_weights(config, source.label, info["weights_sha256"])
        # Keyed by weights, tokenizer and preprocessing, so that nothing stale is ever read.
        cache = None
        if config.cache_features:
            folder = cache_folder(config) / "features"
            # Rounded features have keys of their own, so that exact ones stay exact.
            cache = FeatureCache(folder, backbone.info, precision=config.precision)
        features = encode(
            backbone,
            chain.from_iterable(task.images() for task in tasks),
            chain.from_iterable(task.texts() for task in tasks),
            batch_size=config.batch_size,
            workers=worker_count(config.workers),
            cache=cache,
            track=track,
            precision=config.precision,
        )
        yield _EncodedModel(source.label, info, features, _count_cut(backbone, scorable))
    for name, model in plan.own_models.items():
        features = encode_with_own(
            model,
            chain.from_iterable(task.images() for task in tasks),
            chain.from_iterable(task.texts() for task in tasks),
            batch_size=config.batch_size,
            track=track,
        )
        yield _EncodedModel(name, {"source": class_of(model)}, features)


def _how_computed(backbone: Backbone, config: EvalConfig) -> dict[str, Any]:
    """Return the size of a model, and where and in what its features are computed; say the latter.

    Results of another device or number format may differ in items that are close.
    """
    device = backbone.device
    # Two kinds of GPU may differ in the last bits too.
    if device.startswith("cuda"):
        device += f" ({torch.cuda.get_device_name(device)})"
    autocast = "no autocast, no TF32" if config.precision == "fp32" else "autocast"
    precision = f"{config.precision} ({autocast})"
    # On a CPU in fp32 there is nothing that a reader could be surprised by.
    if device != "cpu" or config.precision != "fp32":
        workers = worker_count(config.workers)
        logger.info(f"Encoding on {device} in {precision}; {workers} workers decode images.")
    return {
        "parameters": sum(weight.numel() for weight in backbone.module.parameters()),
        "device": device,
        "precision": precision,
    }


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
        if config.half is not None:
            found = found.of_half(config.half)
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
            estimates = representation(entry.suite.task, features, bootstrap, config.half)
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
        if isinstance(task, ItemTask) and choices(task, config.half):
            controls[entry.suite.name] = blind_reports(
                task, entry.plan, bootstrap, of_models, config.half
            )
    return controls


def _versions() -> dict[str, str]:
    """Return the versions of what computed the numbers."""
    installed = {package: version(package) for package in PACKAGES}
    return {"ahnpl": __version__, "python": platform.python_version(), **installed}
