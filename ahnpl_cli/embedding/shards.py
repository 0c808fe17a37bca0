"""Shards of features and of records, each computed from the distinct items and written whole.

A shard of features is what an engine gives a worker, whatever machine that is on; an existing one
is kept if it holds what it should, so work resumes where it stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.feature_cache import model_key, pack_keys, write_shard
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.tensors import Array, open_tensors, read_metadata, write_tensors
from ahnpl_cli.embedding.distinct_items import TABLES, DistinctItems, Item, RecordRows
from ahnpl_cli.embedding.layout import FEATURES, StoredRows, shard_path
from ahnpl_cli.engines import Engine
from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.similarity import image_negatives

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """What a worker is told once: everything that features depend on.

    Attributes:
        model: arguments of `load_backbone`.
        root: folder that image paths are relative to.
        dtype: what is stored, float32 or float16.
        batch_size: images or texts computed at once.
        workers: processes that decode images.
        on_error: stop at a broken image, or leave it out.
    """

    model: dict[str, Any]
    root: Path
    dtype: str = "float32"
    batch_size: int = 256
    workers: int = 0
    on_error: OnError = "stop"


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard of features to be written.

    Attributes:
        path: its file.
        stem: image, text or negative.
        items: what it holds.
    """

    path: Path
    stem: str
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Written:
    """A shard of features that is there.

    Attributes:
        path: its file.
        reasons: by key, why images could not be read.
        kept: whether it was up to date.
    """

    path: Path
    reasons: dict[str, str]
    kept: bool


class Encoder:
    """A model that computes features.

    Args:
        config: see `EncoderConfig`.
        track: shows progress.
    """

    def __init__(self, config: EncoderConfig, track: Track = silent) -> None:
        self.config, self.track = config, track
        self.backbone: Backbone = load_backbone(**config.model)

    def work(self, shard: Shard) -> Written:
        """Write a shard, unless it is there."""
        reasons = _kept_reasons(shard.path, shard.items, self)
        if reasons is not None:
            return Written(shard.path, reasons, kept=True)
        return Written(shard.path, _write(shard.path, shard.stem, shard.items, self), kept=False)

    def texts(self, items: list[Item]) -> Array:
        """Return features (N, D) of texts."""
        texts = [item.content for item in items]
        features = encode_texts(
            self.backbone, texts, batch_size=self.config.batch_size, track=self.track
        )
        return features.numpy().astype(self.config.dtype)

    def images(self, items: list[Item]) -> tuple[Array, dict[str, str]]:
        """Return features of the images that can be read, and by key why the others cannot."""
        refs = [ImageRef(self.config.root / item.content) for item in items]
        features = encode_images(
            self.backbone,
            refs,
            batch_size=self.config.batch_size,
            workers=self.config.workers,
            on_error=self.config.on_error,
            track=self.track,
        )
        broken = features.isnan().any(dim=1)
        reasons = {items[i].key: _reason(refs[i]) for i in broken.nonzero().flatten().tolist()}
        return features[~broken].numpy().astype(self.config.dtype), reasons


def _reason(ref: ImageRef) -> str:
    try:
        ref.load()
    except DataError as error:
        return error.what
    return "could not be read"


# Functions for an engine, which sends names of functions, and no objects that hold models.

_encoder: Encoder | None = None


def start(config: EncoderConfig, track: Track = silent) -> None:
    """Load the model of this process; called again with the same, the one it has stays."""
    global _encoder
    if _encoder is None or _encoder.config != config:
        _encoder = Encoder(config)
    _encoder.track = track


def current() -> Encoder:
    """Return what this process computes with."""
    assert _encoder is not None
    return _encoder


def stop() -> None:
    """Let go of the model of this process."""
    global _encoder
    _encoder = None


def work(shard: Shard) -> Written:
    """`Encoder.work` in this process."""
    return current().work(shard)


def write_features(
    folder: Path,
    stem: str,
    distinct: DistinctItems,
    engine: Engine,
    rows_per_shard: int,
    *,
    part: tuple[int, int] = (0, 1),
    track: Track = silent,
) -> list[Written]:
    """Write shards of one tensor.

    Args:
        folder: of the embeddings.
        stem: image, text or negative.
        distinct: what there is to write.
        engine: who computes.
        rows_per_shard: items of a shard.
        part: which of how many stretches of shards; (0, 1) for all.
        track: shows progress.
    """
    starts = range(0, distinct.count(stem), rows_per_shard)
    index, count = part
    numbers = range(len(starts) * index // count, len(starts) * (index + 1) // count)
    # Read as they are needed: an engine holds a few shards of items, and no more.
    shards = (
        Shard(
            shard_path(folder, stem, number),
            stem,
            distinct.items(stem, starts[number], starts[number] + rows_per_shard),
        )
        for number in numbers
    )
    written = engine.map(work, shards)
    bar = f"{stem.capitalize()} shards"
    return list(track(written, total=len(numbers), description=bar, unit="shards"))


def _kept_reasons(path: Path, items: list[Item], encoder: Encoder) -> dict[str, str] | None:
    """Return what an existing shard calls broken; None if it does not hold these items."""
    if not path.is_file():
        return None
    try:
        header = read_metadata(path)
        with open_tensors(path) as reader:
            keys = reader.get_tensor("keys")
    except (DataError, KeyError):
        return None
    reasons: dict[str, str] = header.get("skipped", {})
    if header.get("model") != model_key(encoder.backbone.info):
        return None
    if header.get("dtype") != encoder.config.dtype:
        return None
    # What an earlier run skipped has to stop this one.
    if reasons and encoder.config.on_error == "stop":
        return None
    expected = pack_keys([item.key for item in items if item.key not in reasons])
    return reasons if np.array_equal(keys, expected) else None


def _write(path: Path, stem: str, items: list[Item], encoder: Encoder) -> dict[str, str]:
    """Compute and write one shard; return what is broken in it."""
    reasons: dict[str, str] = {}
    if stem == "image":
        features, reasons = encoder.images(items)
    else:
        features = encoder.texts(items)
    keys = [item.key for item in items if item.key not in reasons]
    header: dict[str, Any] = {"dtype": encoder.config.dtype}
    if reasons:
        header["skipped"] = reasons
    write_shard(path, FEATURES[stem], features, keys, model_key(encoder.backbone.info), **header)
    return reasons


def blocks(records: Iterator[RecordRows], size: int) -> Iterator[list[RecordRows]]:
    """Group records so that neither they nor their negatives are more than `size`."""
    block: list[RecordRows] = []
    negatives = 0
    for record in records:
        full = len(block) == size or negatives + len(record.negatives) > size
        if block and full:
            yield block
            block = []
            negatives = 0
        block.append(record)
        negatives += len(record.negatives)
    if block:
        yield block


def _record_tensors(block: list[RecordRows]) -> dict[str, Array]:
    """Return the arrays of a records shard; offsets count within the shard."""
    lengths = [len(record.negatives) for record in block]
    rows: list[int] = []
    kinds: list[int] = []
    for record in block:
        rows += record.negatives
        kinds += record.kinds
    return {
        "image_row": np.array([record.image for record in block], dtype=np.int64),
        "text_row": np.array([record.text for record in block], dtype=np.int64),
        "negative_offsets": np.cumsum([0, *lengths], dtype=np.int64),
        "negative_row": np.array(rows, dtype=np.int64),
        "negative_kind": np.array(kinds, dtype=np.uint8),
    }


def _perturbed_features(records: dict[str, Array], tables: dict[str, StoredRows]) -> Array:
    """Return image negatives (T, D) of Eqs. 1-2, a row per entry of `negative_row`."""
    lengths = np.diff(records["negative_offsets"])
    owner = np.repeat(np.arange(len(lengths)), lengths)
    rows = {
        "image": records["image_row"][owner],
        "text": records["text_row"][owner],
        "negative": records["negative_row"],
    }
    image, text, negative = (
        torch.from_numpy(tables[stem].take(numbers)) for stem, numbers in rows.items()
    )
    perturbed: Array = image_negatives(image, text, negative.unsqueeze(1)).squeeze(1).numpy()
    return perturbed


def write_records(
    folder: Path, distinct: DistinctItems, rows_per_shard: int, *, perturb: bool, dtype: str
) -> list[Path]:
    """Write which rows belong to each record, and the image negatives; return the shards."""
    # Read back as stored, so that half precision shows in the image negatives too.
    tables = {stem: StoredRows(folder, stem) for stem in TABLES} if perturb else {}
    paths: list[Path] = []
    for number, block in enumerate(blocks(distinct.records(), rows_per_shard)):
        tensors = _record_tensors(block)
        path = shard_path(folder, "records", number)
        write_tensors(path, tensors)
        paths.append(path)
        if perturb:
            perturbed = shard_path(folder, "perturbed", number)
            features = _perturbed_features(tensors, tables).astype(dtype)
            write_tensors(perturbed, {FEATURES["perturbed"]: features})
            paths.append(perturbed)
    return paths
