"""Workflow: benchmark folders and models to a report, each image and text encoded once."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from ahnpl_cli import __version__
from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.cache import FeatureCache, default_folder
from ahnpl_cli.backbones.encode import default_workers
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.data.images import file_sha256
from ahnpl_cli.errors import BenchmarkError, ConfigError
from ahnpl_cli.evaluation.assemble import suite_report
from ahnpl_cli.evaluation.averages import to_json
from ahnpl_cli.evaluation.benchmark import Benchmark, Options, count_notes
from ahnpl_cli.evaluation.cases import select_cases
from ahnpl_cli.evaluation.features import FeatureTable, encode
from ahnpl_cli.evaluation.items import Outcome, Suite
from ahnpl_cli.evaluation.locate import VARIABLE, Shelf, data_roots
from ahnpl_cli.evaluation.models import ModelSpec, model_specs
from ahnpl_cli.evaluation.output import DEFAULT, items_path, write_items, write_json, write_text
from ahnpl_cli.evaluation.pairs import compare
from ahnpl_cli.evaluation.registry import benchmarks
from ahnpl_cli.evaluation.report import Comparison, EvalReport, ModelReport, SuiteInfo
from ahnpl_cli.progress import Track, silent

logger = logging.getLogger(__name__)

NAMED = 10  # missing images that an error names; the others go to a file
PACKAGES = ("torch", "open_clip_torch", "numpy", "scipy", "pillow")


def cache_folder(config: EvalConfig) -> Path:
    """Return where features and unpacked files are kept between runs."""
    return Path(config.cache) if config.cache else default_folder().parent


def shelf_of(config: EvalConfig) -> Shelf:
    """Return the folders that benchmarks are looked for in."""
    extra = [Path(config.image_root)] if config.image_root else []
    return Shelf([*data_roots(config.data), *extra])


def load_suites(
    wanted: Sequence[Benchmark], shelf: Shelf, config: EvalConfig, track: Track
) -> list[Suite]:
    """Read every benchmark asked for.

    Raises:
        BenchmarkError: one is not there, or not laid out as published.
    """
    options = Options(seed=config.seed, limit=config.limit, cache=cache_folder(config), track=track)
    suites = []
    for benchmark in wanted:
        files = benchmark.find(shelf)
        if not files:
            where = ", ".join(map(str, shelf.roots)) or f"data/ and ${VARIABLE}"
            raise BenchmarkError(
                f"{benchmark.name} not found: looked for {benchmark.files}",
                where=where,
                hint=f"Get it from {benchmark.source}, or point --data elsewhere.",
            )
        suites.append(benchmark.load(shelf, files, options))
    return suites


def check_images(suite: Suite, totals: Mapping[str, int], config: EvalConfig) -> None:
    """Refuse missing images unless they are allowed; then say how many.

    Raises:
        BenchmarkError: images are missing and not allowed to be, or none is there.
    """
    missing = [path.name for path in suite.missing]
    if not missing:
        return
    listed = output_path(config).with_suffix(".missing.txt")
    write_text(listed, (f"{path}\n" for path in suite.missing))
    some = ", ".join(missing[:NAMED])
    more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
    noun = "image" if len(missing) == 1 else "images"
    what = f"{suite.name}: {len(missing):,} {noun} missing: {some}{more} (all in {listed})"
    if not config.allow_missing:
        hint = "Put them where the benchmark's authors say, or score the rest: --allow-missing."
        raise BenchmarkError(what, hint=hint)
    if not any(True for _ in suite.texts()):
        raise BenchmarkError(f"{suite.name}: every image is missing", hint="Check --data.")
    logger.warning(what)


def output_path(config: EvalConfig) -> Path:
    """Return where the report goes."""
    return Path(config.output or DEFAULT)


def suite_info(suite: Suite, benchmark: Benchmark) -> SuiteInfo:
    """Return what a report says of a suite whatever the model, and log what must be read."""
    notes = [*count_notes(suite.counts), *suite.notes]
    for note in notes:
        logger.info(f"{suite.name}: {note}")
    return SuiteInfo(
        measures=benchmark.measures,
        definitions={name: to_json(average) for name, average in suite.averages.items()},
        counts=[asdict(count) for count in suite.counts],
        notes=notes,
        files={str(path): file_sha256(path) for path in suite.files},
        missing=len(suite.missing),
    )


def features_of(
    backbone: Backbone, suites: Sequence[Suite], config: EvalConfig, track: Track
) -> FeatureTable:
    """Encode the union of what all suites ask for."""
    cache = FeatureCache(cache_folder(config) / "features", backbone.info)
    return encode(
        backbone,
        chain.from_iterable(suite.images() for suite in suites),
        chain.from_iterable(suite.texts() for suite in suites),
        batch_size=config.batch_size,
        workers=default_workers(config.workers),
        cache=cache if config.cache_features else None,
        track=track,
    )


def score_model(
    spec: ModelSpec, suites: Sequence[Suite], config: EvalConfig, track: Track
) -> tuple[Backbone, dict[str, Outcome]]:
    """Load one model and score every suite with it."""
    backbone = load_backbone(
        **spec.arguments, device=config.device, force_quick_gelu=config.force_quick_gelu
    )
    features = features_of(backbone, suites, config, track)
    official = config.tie == "official"
    return backbone, {s.name: s.score(features, official_ties=official) for s in suites}


def compare_all(
    outcomes: Mapping[str, Mapping[str, Outcome]], suites: Sequence[Suite], config: EvalConfig
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
            samples=config.bootstrap,
            seed=config.seed,
        )
        for other in others
        for suite in suites
    ]


def settings(config: EvalConfig) -> dict[str, Any]:
    """Return the options that change numbers."""
    names = ("tie", "seed", "limit", "allow_missing", "bootstrap", "data", "force_quick_gelu")
    return {name: getattr(config, name) for name in names} | {"dtype": "float32"}


def versions() -> dict[str, str]:
    """Return the versions of what computed the numbers."""
    found = {package: version(package) for package in PACKAGES}
    return {"ahnpl": __version__, "python": platform.python_version(), **found}


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
    wanted, shelf = benchmarks(suites), shelf_of(config)
    specs = model_specs(config.model, config.pretrained, config.checkpoint)
    loaded = load_suites(wanted, shelf, config, track)
    totals = {suite.name: suite.totals() for suite in loaded}
    for suite in loaded:
        check_images(suite, totals[suite.name], config)
    infos = {s.name: suite_info(s, b) for s, b in zip(loaded, wanted, strict=True)}
    outcomes: dict[str, dict[str, Outcome]] = {}
    models = []
    for spec in specs:
        backbone, found = score_model(spec, loaded, config, track)
        outcomes[spec.label] = found
        models.append(_model_report(spec, backbone, loaded, found, totals, config))
    report = EvalReport(
        models=models,
        suites=infos,
        comparisons=compare_all(outcomes, loaded, config),
        settings=settings(config),
        versions=versions(),
        items=items_path(output_path(config)).name,
        cases=select_cases(loaded, outcomes),
    )
    _write(report, outcomes, config)
    return report


def _model_report(
    spec: ModelSpec,
    backbone: Backbone,
    suites: Sequence[Suite],
    outcomes: Mapping[str, Outcome],
    totals: Mapping[str, Mapping[str, int]],
    config: EvalConfig,
) -> ModelReport:
    reports = {
        suite.name: suite_report(
            suite,
            outcomes[suite.name],
            totals[suite.name],
            samples=config.bootstrap,
            seed=config.seed,
        )
        for suite in suites
    }
    return ModelReport(spec.label, asdict(backbone.info), reports)


def _write(
    report: EvalReport, outcomes: Mapping[str, Mapping[str, Outcome]], config: EvalConfig
) -> None:
    output = output_path(config)
    scores = {
        model: {suite: outcome.verdicts for suite, outcome in suites.items()}
        for model, suites in outcomes.items()
    }
    write_items(items_path(output), scores)
    write_json(output, report)
