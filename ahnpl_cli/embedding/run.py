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
from ahnpl_cli.config import EmbedConfig, parse_shard
from ahnpl_cli.data.tensors import is_ours
from ahnpl_cli.embedding import layout
from ahnpl_cli.embedding.distinct_items import TABLES, DistinctItems
from ahnpl_cli.embedding.shards import Encoder, write_features, write_records
from ahnpl_cli.embedding.sources import check_source, image_root, read_source
from ahnpl_cli.engines.local import worker_count
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.files import disk_errors
from ahnpl_cli.outputs import foreign, lock, settle
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import KINDS, SCHEMA, CaptionRecord, EmbedReport
from ahnpl_cli.stable_hash import stable_hash

logger = logging.getLogger(__name__)

_BYTES = {"float32": 4, "float16": 2}


def embed(source: Path, config: EmbedConfig, *, track: Track = silent) -> EmbedReport:
    """Write features of images, captions and negatives; each distinct one once.

    Interrupted at any moment, the same command continues and ends in the same bytes.

    Args:
        source: captions.jsonl or negatives.jsonl, a folder of images, or a `.txt` file of texts.
        config: options.
        track: shows progress.

    Raises:
        ConfigError: the output was made with other options, or options do not go together.
        DataError: a record or image is broken.
        ModelError: the model is unavailable.
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

    folder = _output_folder(config)
    logger.info("Embeddings go to %s.", folder)
    job = _job(source, config, backbone)
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / layout.INDEX):
        _prepare(folder, job, config)
        start = time.perf_counter()
        distinct = DistinctItems(folder / layout.ITEMS)
        try:
            with disk_errors(distinct.path):
                _fill(distinct, source, config, track)
            encoder = Encoder(
                backbone,
                image_root(source, config.image_root),
                dtype=config.dtype,
                batch_size=config.batch_size,
                workers=worker_count(config.workers),
                on_error=config.on_error,
                track=track,
            )
            files, kept = _write(folder, distinct, encoder, job, config)
            report = dataclasses.replace(
                _report(folder, distinct, config, backbone),
                bytes=sum(path.stat().st_size for path in files),
                shards=len(files),
                kept=kept,
                seconds=time.perf_counter() - start,
            )
        finally:
            distinct.close()
        (folder / layout.JOB).unlink(missing_ok=True)
    return report


def _dry_run(source: Path, config: EmbedConfig, backbone: Backbone, track: Track) -> EmbedReport:
    with tempfile.TemporaryDirectory() as temporary:
        distinct = DistinctItems(Path(temporary) / layout.ITEMS)
        _fill(distinct, source, config, track)
        report = _report(_output_folder(config), distinct, config, backbone)
        distinct.close()
    rows = report.images + report.texts + report.negatives + report.image_negatives
    size = rows * report.dim * _BYTES[config.dtype]
    return dataclasses.replace(report, dry_run=True, bytes=size)


def _output_folder(config: EmbedConfig) -> Path:
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
    """Make the folder ready, refusing to mix two jobs or to touch files of others.

    Raises:
        ConfigError: it holds embeddings made with other options, or files that are not ours.
        DataError: what it says of its own options is damaged.
    """
    written = layout.written_files(folder)
    try:
        kept = layout.read_job(folder)
    except DataError:
        if not config.force:
            raise
        kept = None
    if kept is None and not config.force:
        for path in written:
            if not is_ours(path):
                raise foreign(path, "ahnpl embed")
    # A job that ended before its first shard, such as one with a misspelt source, binds nobody.
    begun = kept is not None and bool(written)
    # The input may have grown since, so even a finished job is gone through again.
    state = settle(folder, job, kept if begun else None, force=config.force, resume=config.resume)
    if state == "fresh":
        for path in written:
            path.unlink()
    layout.sweep(folder)
    layout.write_job(folder, job)
    # Without an index nobody takes a folder half rewritten for a finished one.
    (folder / layout.INDEX).unlink(missing_ok=True)


def in_shard(record: CaptionRecord, index: int, count: int) -> bool:
    """Whether a record is of part `index`; captions of one image are never parted."""
    return stable_hash(record.image or record.caption, digest="sha256") % count == index


def _records(source: Path, config: EmbedConfig) -> Iterator[CaptionRecord]:
    index, count = parse_shard(config.shard)
    for record in itertools.islice(read_source(source, on_error=config.on_error), config.limit):
        if count == 1 or in_shard(record, index, count):
            yield record


def _fill(distinct: DistinctItems, source: Path, config: EmbedConfig, track: Track) -> None:
    reading = track(_records(source, config), description="Reading records", unit="records")
    distinct.add_all(reading)
    distinct.hash_images(image_root(source, config.image_root), config.on_error)
    if config.perturb and not all(distinct.count(table) for table in TABLES):
        hint = "Make negatives first: ahnpl negatives captions.jsonl."
        raise ConfigError("--perturb needs images, captions and negatives", hint=hint)


def _write(
    folder: Path,
    distinct: DistinctItems,
    encoder: Encoder,
    job: dict[str, Any],
    config: EmbedConfig,
) -> tuple[list[Path], int]:
    """Write every file; return the shards and how many of them existed already."""
    files: list[Path] = []
    kept = 0
    for stem in TABLES:
        shards, existing = write_features(folder, stem, distinct, encoder, config.rows_per_shard)
        files += shards
        kept += existing
    files += write_records(
        folder, distinct, config.rows_per_shard, perturb=config.perturb, dtype=config.dtype
    )
    # Shards of an input that was longer once.
    for stale in set(layout.written_files(folder)) - set(files):
        stale.unlink()
    head = {
        "schema": SCHEMA,
        "what": layout.WHAT,
        "job": job,
        "model": dataclasses.asdict(encoder.backbone.info),
        "dim": encoder.backbone.info.embed_dim,
        "kinds": list(KINDS),
        "files": [path.name for path in files],
    }
    lists: dict[str, Any] = {layout.LISTED[stem]: distinct.listing(stem) for stem in TABLES}
    lists["records"] = (record.id for record in distinct.records())
    lists["skipped"] = distinct.skipped()
    layout.write_index(folder, head, lists)
    return files, kept


def _report(
    folder: Path, distinct: DistinctItems, config: EmbedConfig, backbone: Backbone
) -> EmbedReport:
    skipped = tuple(distinct.skipped())
    return EmbedReport(
        folder=str(folder),
        model=backbone.info.name,
        dim=backbone.info.embed_dim,
        dtype=config.dtype,
        records=distinct.count("record") - len(skipped),
        images=distinct.count_images(),
        texts=distinct.count("text"),
        negatives=distinct.count("negative"),
        image_negatives=distinct.count_pairs() if config.perturb else 0,
        skipped=skipped,
    )
