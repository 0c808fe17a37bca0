"""`ahnpl eval --dry-run`: what there is to encode, what is known already, and how long it takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.feature_cache import FeatureCache
from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.data.images import ImageRef, image_key, text_key
from ahnpl_cli.evaluation.benchmarks import benchmarks, optional_suites
from ahnpl_cli.evaluation.load_suites import cache_folder, load_suites
from ahnpl_cli.evaluation.scoring.items import Suite
from ahnpl_cli.evaluation.table_cells import Row
from ahnpl_cli.progress import Track, duration, silent
from ahnpl_cli.reporting.tables import Table
from ahnpl_cli.workers import worker_count

logger = logging.getLogger(__name__)

# Enough for a steady rate on a CPU, little beside what any suite holds.
SAMPLE_IMAGES = 64
SAMPLE_TEXTS = 256
WARM_UP = 8  # the first batch also allocates memory and chooses kernels
NOT_UNPACKED = "what lies in parquet or zip is not counted before a first evaluation unpacks it"


@dataclass(frozen=True, slots=True)
class PlannedSuite:
    """What one suite asks of a model.

    Attributes:
        name: the suite's.
        images: distinct images, with their crops, that are here.
        texts: distinct texts.
        missing: distinct images that are not here.
    """

    name: str
    images: int
    texts: int
    missing: int


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """What one model still has to compute.

    Attributes:
        name: what tables call it.
        cached_images: distinct images whose features are known.
        cached_texts: distinct texts whose features are known.
        seconds: of encoding the rest, estimated; None for a model that matches pair by pair.
    """

    name: str
    cached_images: int
    cached_texts: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class EvalPlan:
    """What an evaluation would do.

    Attributes:
        suites: one by one.
        images: distinct images over all suites, which is what is encoded.
        texts: distinct texts over all suites.
        models: in the order given.
    """

    suites: list[PlannedSuite]
    images: int
    texts: int
    models: list[PlannedModel]


def preview(
    names: Sequence[str],
    config: EvalConfig,
    sources: Sequence[ModelSource],
    *,
    track: Track = silent,
) -> EvalPlan:
    """Return what an evaluation would encode, and how long that takes; write nothing.

    Args:
        names: of suites, or files of captions with negatives.
        config: see `EvalConfig`.
        sources: the models.
        track: shows progress of reading.

    Raises:
        BenchmarkError: a suite is not here, or not laid out as published.
        ModelError: a model is unavailable.
    """
    optional = optional_suites(names)
    suites = load_suites(benchmarks(names), config, track, optional=optional, peek=True)
    tasks = [suite.task for suite in suites.values()]
    images = list(dict.fromkeys(chain.from_iterable(task.images() for task in tasks)))
    texts = list(dict.fromkeys(chain.from_iterable(task.texts() for task in tasks)))
    if not all(task.is_scorable for task in tasks):
        logger.warning(f"Some suites have no image here; {NOT_UNPACKED}.")
    models = [_planned_model(source, images, texts, config) for source in sources]
    planned = [_planned_suite(name, suite) for name, suite in suites.items()]
    return EvalPlan(planned, len(images), len(texts), models)


def _planned_suite(name: str, suite: Suite) -> PlannedSuite:
    task = suite.task
    images, texts = set(task.images()), set(task.texts())
    return PlannedSuite(name, len(images), len(texts), len(task.missing))


def _planned_model(
    source: ModelSource, images: Sequence[ImageRef], texts: Sequence[str], config: EvalConfig
) -> PlannedModel:
    """Return what is cached of a model, and an estimate of the rest, measured on a few."""
    if source.head:
        # It looks at pairs, not at images and texts: nothing is cached, and pairs differ in cost.
        return PlannedModel(source.label, 0, 0, None)
    backbone = source.load(config.device, force_quick_gelu=config.force_quick_gelu)
    new_images, new_texts = list(images), list(texts)
    if config.cache_features:
        folder = cache_folder(config) / "features"
        cache = FeatureCache(folder, backbone.info, keep=False, precision=config.precision)
        known = cache.holds([image_key(ref) for ref in images])
        new_images = [ref for ref, is_known in zip(images, known, strict=True) if not is_known]
        known = cache.holds([text_key(text) for text in texts])
        new_texts = [text for text, is_known in zip(texts, known, strict=True) if not is_known]
    return PlannedModel(
        source.label,
        len(images) - len(new_images),
        len(texts) - len(new_texts),
        _seconds(backbone, new_images, new_texts, config),
    )


def _seconds(
    backbone: Backbone, images: Sequence[ImageRef], texts: Sequence[str], config: EvalConfig
) -> float:
    """Return the seconds that encoding takes, from the time that a few need.

    The sample is spread over all, because a suite's captions may be longer than the next one's.
    """
    some_images = images[:: max(1, len(images) // SAMPLE_IMAGES)][:SAMPLE_IMAGES]
    some_texts = texts[:: max(1, len(texts) // SAMPLE_TEXTS)][:SAMPLE_TEXTS]
    workers = worker_count(config.workers)
    how: dict[str, Any] = {"batch_size": config.batch_size, "precision": config.precision}
    encode_images(backbone, some_images[:WARM_UP], **how)
    encode_texts(backbone, some_texts[:WARM_UP], **how)
    start = time.perf_counter()
    encode_images(backbone, some_images, workers=workers, **how)
    after_images = time.perf_counter()
    encode_texts(backbone, some_texts, **how)
    after_texts = time.perf_counter()
    an_image = (after_images - start) / max(1, len(some_images))
    a_text = (after_texts - after_images) / max(1, len(some_texts))
    return an_image * len(images) + a_text * len(texts)


def plan_tables(plan: EvalPlan) -> list[Table]:
    """Return what each suite holds, and what each model has to do."""
    rows: list[Row] = []
    for suite in plan.suites:
        rows.append((suite.name, suite.images, suite.texts, suite.missing))
    total = sum(suite.missing for suite in plan.suites)
    rows.append(("all, each once", plan.images, plan.texts, total))
    suites = Table("To encode", ("suite", "images", "texts", "images missing"), tuple(rows))
    of_models: list[Row] = []
    for model in plan.models:
        spoken = "-" if model.seconds is None else duration(model.seconds)
        of_models.append((model.name, model.cached_images, model.cached_texts, spoken))
    columns = ("model", "images cached", "texts cached", "time")
    note = (
        f"Dry run, nothing was written. The time is of encoding what is not cached, from up to "
        f"{SAMPLE_IMAGES} images and {SAMPLE_TEXTS} texts; scoring and intervals come after."
    )
    return [suites, Table("Models", columns, tuple(of_models), note)]
