"""Workflow: an input and a model to a folder of embeddings."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.feature_shards import model_key
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.config import EmbedConfig, parse_shard, worker_count
from ahnpl_cli.embedding import layout
from ahnpl_cli.embedding.plan import TABLES, Plan, in_shard
from ahnpl_cli.embedding.shards import Encoder, write_features, write_records
from ahnpl_cli.embedding.sources import check_source, image_root, read_source
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.files import disk_errors
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import KINDS, SCHEMA, CaptionRecord, EmbedReport

logger = logging.getLogger(__name__)

BYTES = {"float32": 4, "float16": 2}


def output_folder(config: EmbedConfig) -> Path:
    """Return where to write; each part of a sharded job has a folder of its own there."""
    folder = Path(config.output or "embeddings")
    if config.shard is None:
        return folder
    index, count = parse_shard(config.shard)
    return folder / f"part-{index:05d}-of-{count:05d}"


def _job(source: Path, config: EmbedConfig, backbone: Backbone) -> dict[str, Any]:
    """What decides the bytes of the output, besides the input's content."""
    return {
        "source": str(source),
        "model": model_key(backbone.info),
        "dtype": config.dtype,
        "rows_per_shard": config.rows_per_shard,
        "perturb": config.perturb,
        "shard": config.shard,
        "limit": config.limit,
    }


def _prepare(folder: Path, job: dict[str, Any], config: EmbedConfig) -> None:
    """Make the folder ready, refusing to mix two jobs.

    Raises:
        ConfigError: it holds embeddings made with other options.
    """
    # A job that ended before its first shard, such as one with a misspelt source, binds nobody.
    begun = any(layout.shard_paths(folder, stem) for stem in layout.STEMS)
    before = next((p for p in (folder / layout.JOB, folder / layout.INDEX) if p.is_file()), None)
    if begun and before is not None and not config.force and config.resume:
        made = layout.read_json(before)
        made = made.get("job", made)
        changed = [name for name in job if made.get(name) != job[name]]
        if changed:
            words = ", ".join(f"{name} {made.get(name)}, now {job[name]}" for name in changed)
            hint = "Choose another --output, or pass --force to overwrite."
            raise ConfigError(f"made with other options ({words})", where=str(folder), hint=hint)
    if config.force or not config.resume:
        layout.clear(folder)
    layout.sweep(folder)
    layout.write_json(folder / layout.JOB, job)
    # Without an index nobody takes a folder half rewritten for a finished one.
    (folder / layout.INDEX).unlink(missing_ok=True)


def _records(source: Path, config: EmbedConfig) -> Iterator[CaptionRecord]:
    index, count = parse_shard(config.shard)
    records = itertools.islice(read_source(source, on_error=config.on_error), config.limit)
    return (record for record in records if in_shard(record, index, count))


def _fill(plan: Plan, source: Path, config: EmbedConfig, track: Track) -> None:
    reading = track(_records(source, config), description="Reading", unit="records")
    plan.add_all(reading)
    plan.hash_images(image_root(source, config.image_root), config.on_error)
    if config.perturb and not all(plan.count(table) for table in TABLES):
        hint = "Make negatives first: ahnpl negatives captions.jsonl."
        raise ConfigError("--perturb needs images, captions and negatives", hint=hint)


def _head(plan: Plan, job: dict[str, Any], backbone: Backbone, files: list[Path]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "what": "embeddings",
        "job": job,
        "model": dataclasses.asdict(backbone.info),
        "dim": backbone.info.embed_dim,
        "kinds": list(KINDS),
        "files": [path.name for path in files],
    }


def _write(
    folder: Path, plan: Plan, encoder: Encoder, job: dict[str, Any], config: EmbedConfig
) -> tuple[list[Path], int]:
    """Write every file but the index's scaffolding; return the shards and how many were kept."""
    files: list[Path] = []
    kept = 0
    for stem in TABLES:
        made, old = write_features(folder, stem, plan, encoder, config.rows_per_shard)
        files += made
        kept += old
    made, _ = write_records(
        folder, plan, config.rows_per_shard, perturb=config.perturb, dtype=config.dtype
    )
    files += made
    for stale in {path for stem in layout.STEMS for path in layout.shard_paths(folder, stem)}:
        if stale not in files:
            stale.unlink()
    lists: dict[str, Any] = {layout.LISTED[stem]: plan.listing(stem) for stem in TABLES}
    lists["records"] = (row.id for row in plan.rows())
    lists["skipped"] = plan.skipped()
    layout.write_index(folder, _head(plan, job, encoder.backbone, files), lists)
    return files, kept


def _report(
    folder: Path, plan: Plan, config: EmbedConfig, backbone: Backbone, **more: Any
) -> EmbedReport:
    skipped = tuple(plan.skipped())
    return EmbedReport(
        folder=str(folder),
        model=backbone.info.name,
        dim=backbone.info.embed_dim,
        dtype=config.dtype,
        records=plan.count("record") - len(skipped),
        images=plan.count_images(),
        texts=plan.count("text"),
        negatives=plan.count("negative"),
        image_negatives=plan.count_pairs() if config.perturb else 0,
        skipped=skipped,
        **more,
    )


def _dry_run(source: Path, config: EmbedConfig, backbone: Backbone, track: Track) -> EmbedReport:
    with tempfile.TemporaryDirectory() as temporary:
        plan = Plan(Path(temporary) / layout.PLAN)
        _fill(plan, source, config, track)
        report = _report(output_folder(config), plan, config, backbone, dry_run=True)
        plan.close()
    rows = report.images + report.texts + report.negatives + report.image_negatives
    return dataclasses.replace(report, bytes=rows * report.dim * BYTES[config.dtype])


def embed(source: Path, config: EmbedConfig, *, track: Track = silent) -> EmbedReport:
    """Write features of images, captions and negatives; each distinct one once.

    Interrupted at any moment, the same command goes on and ends in the same bytes.

    Args:
        source: captions.jsonl or negatives.jsonl, a folder of images, or a `.txt` file of texts.
        config: options.
        track: shows progress.

    Raises:
        ConfigError: the output was made with other options, or options do not go together.
        DataError: a record or image is broken.
        ModelError: the model cannot be had.
    """
    check_source(source)
    backbone = load_backbone(
        model=config.model,
        pretrained=config.pretrained,
        checkpoint=config.checkpoint,
        device=config.device,
        force_quick_gelu=config.force_quick_gelu,
    )
    if config.dry_run:
        return _dry_run(source, config, backbone, track)
    folder = output_folder(config)
    logger.info("Embeddings go to %s.", folder)
    job = _job(source, config, backbone)
    folder.mkdir(parents=True, exist_ok=True)
    _prepare(folder, job, config)
    start = time.perf_counter()
    plan = Plan(folder / layout.PLAN)
    try:
        with disk_errors(plan.path):
            _fill(plan, source, config, track)
        encoder = Encoder(
            backbone,
            image_root(source, config.image_root),
            dtype=config.dtype,
            batch_size=config.batch_size,
            workers=worker_count(config.workers),
            on_error=config.on_error,
            track=track,
        )
        files, kept = _write(folder, plan, encoder, job, config)
        report = _report(
            folder,
            plan,
            config,
            backbone,
            bytes=sum(path.stat().st_size for path in files),
            shards=len(files),
            kept=kept,
            seconds=time.perf_counter() - start,
        )
    finally:
        plan.close()
    (folder / layout.JOB).unlink(missing_ok=True)
    return report
