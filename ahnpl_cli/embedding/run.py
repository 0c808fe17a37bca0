"""Workflow: an input and a model to a folder of embeddings."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.base import ModelInfo
from ahnpl_cli.backbones.feature_cache import model_key
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.config import EmbedConfig, parse_shard
from ahnpl_cli.data.tensors import is_ours
from ahnpl_cli.embedding import layout, shards
from ahnpl_cli.embedding.distinct_items import TABLES, DistinctItems
from ahnpl_cli.embedding.shards import EncoderConfig, Written, write_features, write_records
from ahnpl_cli.embedding.sources import Source, open_source, read_source
from ahnpl_cli.engines import Engine, open_engine
from ahnpl_cli.errors import BusyError, ConfigError, DataError
from ahnpl_cli.files import STDIN, disk_errors
from ahnpl_cli.outputs import foreign, lock, settle
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import KINDS, SCHEMA, EmbedReport
from ahnpl_cli.workers import worker_count

logger = logging.getLogger(__name__)

_BYTES = {"float32": 4, "float16": 2}
POLL = 2.0  # seconds between two looks at a part that reads the captions


def embed(paths: Sequence[Path], config: EmbedConfig, *, track: Track = silent) -> EmbedReport:
    """Write features of images, captions and negatives; each distinct one once.

    Interrupted at any moment, the same command continues and ends in the same bytes. With `--shard`
    it writes that part of the shards of features; without it, what is missing of them, and the
    records, whose rows can be numbered only when every image has been tried.

    Args:
        paths: captions in any format that `ahnpl negatives` reads, negatives, folders of images,
            or `.txt` files of texts.
        config: options.
        track: shows progress.

    Raises:
        ConfigError: the output was made with other options, or options do not go together.
        DataError: a record or image is broken.
        ModelError: the model is unavailable.
        BusyError: another process writes the same.
    """
    source = open_source(paths, config)
    if config.shard and STDIN in source.paths:
        what = "--shard reads its captions several times, and standard input can be read once"
        raise ConfigError(what, hint="Write them to a file.")
    try:
        return _embed(source, config, track)
    finally:
        shards.stop()


def _embed(source: Source, config: EmbedConfig, track: Track) -> EmbedReport:
    setup = _encoder_config(source, config)
    info = _model_info(setup, config, track)
    if config.dry_run:
        return _dry_run(source, config, info, track)

    folder = Path(config.output or "embeddings")
    logger.info("Embeddings go to %s.", folder)
    job = _job(source, config, info)
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    with contextlib.ExitStack() as stack:
        for name in _locks(folder, config.shard):
            stack.enter_context(lock(folder / name))
        distinct = _survey(folder, source, config, job, track)
        stack.callback(distinct.close)
        # Parts to come go by it; otherwise images may be others by the next run.
        stack.push(_drop_survey(folder / layout.ITEMS, keep=config.shard is not None))
        # Workers of this process show the bar of a shard too; those elsewhere cannot.
        arguments = (setup, track) if config.cluster.engine == "local" else (setup,)
        cpus = 1 + setup.workers
        with open_engine(config.cluster, 1, shards.start, arguments, cpus=cpus) as engine:
            written = _write_features(folder, distinct, engine, config, track)
        files = [shard.path for shard in written]
        if config.shard is None:
            files += _join(folder, distinct, files, info, job, config)
        report = dataclasses.replace(
            _report(folder, distinct, config, info),
            bytes=sum(path.stat().st_size for path in files),
            shards=len(files),
            kept=sum(shard.kept for shard in written),
            seconds=time.perf_counter() - begin,
            shard=config.shard,
        )
        if config.shard is None:
            (folder / layout.JOB).unlink(missing_ok=True)
    return report


def _encoder_config(source: Source, config: EmbedConfig) -> EncoderConfig:
    """Return what workers are told, on this machine or another."""
    cluster = config.cluster
    model = {
        "model": config.model,
        "pretrained": config.pretrained,
        "checkpoint": config.checkpoint,
        "force_quick_gelu": config.force_quick_gelu,
        "device": cluster.device(config.device) or config.device,
    }
    # An actor has the cores that it was given, and no others.
    decoders = worker_count(config.workers) if cluster.engine == "local" else config.workers or 0
    return EncoderConfig(
        model,
        source.root,
        dtype=config.dtype,
        batch_size=config.batch_size,
        workers=decoders,
        on_error=config.on_error,
    )


def _model_info(setup: EncoderConfig, config: EmbedConfig, track: Track) -> ModelInfo:
    """Return what the model is; loaded where this process will use it, else only looked at."""
    if config.cluster.engine == "local":
        shards.start(setup, track)
        return shards.current().backbone.info
    return load_backbone(**{**setup.model, "device": "cpu"}).info


def _dry_run(source: Source, config: EmbedConfig, info: ModelInfo, track: Track) -> EmbedReport:
    with tempfile.TemporaryDirectory() as temporary:
        distinct = DistinctItems(Path(temporary) / layout.ITEMS)
        _fill(distinct, source, config, Path(temporary), track)
        report = _report(Path(config.output or "embeddings"), distinct, config, info)
        distinct.close()
    rows = report.images + report.texts + report.negatives + report.image_negatives
    size = rows * report.dim * _BYTES[config.dtype]
    return dataclasses.replace(report, dry_run=True, bytes=size)


def _job(source: Source, config: EmbedConfig, info: ModelInfo) -> dict[str, Any]:
    """What decides the bytes of the output, besides the input's content."""
    return {
        "source": str(source),
        **dataclasses.asdict(config.captions),
        "model": model_key(info),
        "dtype": config.dtype,
        "rows_per_shard": config.rows_per_shard,
        "perturb": config.perturb,
        "limit": config.limit,
    }


def _locks(folder: Path, shard: str | None) -> list[str]:
    """Return what has to be locked: the part that is written, or all that there are."""
    if shard is not None:
        index, count = parse_shard(shard)
        return [f"shard-{index:05d}-of-{count:05d}"]
    running = sorted(folder.glob(".shard-*-of-*.lock"))
    return [layout.INDEX, *(path.name.removeprefix(".").removesuffix(".lock") for path in running)]


def _survey(
    folder: Path, source: Source, config: EmbedConfig, job: dict[str, Any], track: Track
) -> DistinctItems:
    """Make the folder ready and find what is distinct; parts of a job share what the first found.

    Raises:
        ConfigError: the folder holds embeddings made with other options, or files of others.
    """
    path = folder / layout.ITEMS
    while True:
        try:
            with lock(path):
                _prepare(folder, job, config)
                state = _state_of(source, config)
                if path.is_file():
                    # A part that is running reads it too.
                    existing = DistinctItems(path, existing=True)
                    if existing.made_from() == state:
                        return existing
                    existing.close()
                return _make_survey(path, source, config, state, track)
        except BusyError:
            if config.shard is None:
                raise
            logger.info("Waiting for another part, which reads the captions for all.")
            time.sleep(POLL)


def _drop_survey(path: Path, *, keep: bool) -> Callable[..., None]:
    """Return what removes a survey at the end, and where an image turned out to be broken."""

    def leave(kind: type[BaseException] | None, *error: object) -> None:
        if not keep or (kind is not None and issubclass(kind, DataError)):
            path.unlink(missing_ok=True)

    return leave


def _make_survey(
    path: Path, source: Source, config: EmbedConfig, state: str, track: Track
) -> DistinctItems:
    temporary = path.with_name(f"{path.name}.new")
    distinct = DistinctItems(temporary)
    try:
        with disk_errors(path):
            _fill(distinct, source, config, path.parent, track)
            distinct.finish(state)
    except BaseException:
        distinct.close()
        temporary.unlink()
        raise
    # A part that still reads an older one keeps it.
    distinct.close()
    os.replace(temporary, path)
    return DistinctItems(path, existing=True)


def _state_of(source: Source, config: EmbedConfig) -> str:
    """Return what the distinct items follow from, and the time when the source was changed."""
    changed = [path.stat().st_mtime_ns for path in source.paths if path != STDIN]
    # Standard input is never the same twice, and nor is a folder in whose depth a file changed.
    changes = STDIN in source.paths or any(path.is_dir() for path in source.paths)
    once = time.time_ns() if changes and not config.shard else 0
    places = [str(path.resolve()) for path in (*source.paths, source.root)]
    reading = dataclasses.asdict(config.captions)
    return json.dumps([places, changed, reading, config.limit, config.on_error, once])


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
    if config.shard is not None:
        # Other parts may be at work here: nothing of theirs is removed.
        layout.write_job(folder, job)
        return
    if state == "fresh":
        for path in written:
            path.unlink()
    layout.sweep(folder)
    layout.write_job(folder, job)
    # Without an index nobody takes a folder half rewritten for a finished one.
    (folder / layout.INDEX).unlink(missing_ok=True)


def _fill(
    distinct: DistinctItems, source: Source, config: EmbedConfig, folder: Path, track: Track
) -> None:
    """Collect what is distinct; pictures that lie inside a file are written out below `folder`."""
    records = itertools.islice(read_source(source, folder / layout.EXTRACTED), config.limit)
    distinct.add_all(track(records, description="Reading records", unit="records"))
    distinct.hash_images(source.root, config.on_error)
    if config.perturb and not all(distinct.count(table) for table in TABLES):
        hint = "Make negatives first: ahnpl negatives captions.jsonl."
        raise ConfigError("--perturb needs images, captions and negatives", hint=hint)


def _write_features(
    folder: Path, distinct: DistinctItems, engine: Engine, config: EmbedConfig, track: Track
) -> list[Written]:
    """Write the shards of features of all tensors, or the part of them that is asked for."""
    every: list[Written] = []
    for stem in TABLES:
        written = write_features(
            folder,
            stem,
            distinct,
            engine,
            config.rows_per_shard,
            part=parse_shard(config.shard),
            track=track,
        )
        every += written
        if stem == "image" and config.shard is None:
            for shard in written:
                distinct.mark_broken(shard.reasons)
            # Only now, when each has been tried, is it known which images have rows.
            distinct.number_images()
    return every


def _join(
    folder: Path,
    distinct: DistinctItems,
    features: list[Path],
    info: ModelInfo,
    job: dict[str, Any],
    config: EmbedConfig,
) -> list[Path]:
    """Write the records and the index of a folder whose features are all there; return the files.

    Args:
        folder: of the embeddings.
        distinct: what there is, with the rows of images.
        features: shards of features.
        info: the model.
        job: see `_job`.
        config: options.
    """
    records = write_records(
        folder, distinct, config.rows_per_shard, perturb=config.perturb, dtype=config.dtype
    )
    files = [*features, *records]
    # Shards of an input that was longer once.
    for stale in set(layout.written_files(folder)) - set(files):
        stale.unlink()
    head = {
        "schema": SCHEMA,
        "what": layout.WHAT,
        "job": job,
        "model": dataclasses.asdict(info),
        "dim": info.embed_dim,
        "kinds": list(KINDS),
        "files": [path.name for path in files],
    }
    lists: dict[str, Any] = {layout.LISTED[stem]: distinct.listing(stem) for stem in TABLES}
    lists["records"] = (record.id for record in distinct.records())
    lists["skipped"] = distinct.skipped()
    layout.write_index(folder, head, lists)
    return records


def _report(
    folder: Path, distinct: DistinctItems, config: EmbedConfig, info: ModelInfo
) -> EmbedReport:
    skipped = tuple(distinct.skipped())
    return EmbedReport(
        folder=str(folder),
        model=info.name,
        dim=info.embed_dim,
        dtype=config.dtype,
        records=distinct.count("record") - len(skipped),
        images=distinct.count_images(),
        texts=distinct.count("text"),
        negatives=distinct.count("negative"),
        image_negatives=distinct.count_pairs() if config.perturb else 0,
        skipped=skipped,
    )
