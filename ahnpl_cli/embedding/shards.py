"""Shards of features and of records, each computed from the plan alone and written whole.

A shard that is there already is kept if it holds what it should, so work goes on where it stopped.
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
from ahnpl_cli.backbones.feature_shards import model_key, pack_keys, write_shard
from ahnpl_cli.config import OnError
from ahnpl_cli.data.images import ImageRef, open_image
from ahnpl_cli.data.tensors import Array, open_tensors, read_metadata, write_tensors
from ahnpl_cli.embedding.layout import FEATURES, Table, shard_path
from ahnpl_cli.embedding.plan import Item, Plan, Row
from ahnpl_cli.errors import DataError
from ahnpl_cli.perturbation import image_negatives
from ahnpl_cli.progress import Track, silent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Encoder:
    """A model and how it is used: everything that features depend on.

    Attributes:
        backbone: the model.
        root: folder that image paths are relative to.
        dtype: what is stored, float32 or float16.
        batch_size: images or texts computed at once.
        workers: processes that decode images.
        on_error: stop at a broken image, or leave it out.
        track: shows progress.
    """

    backbone: Backbone
    root: Path
    dtype: str = "float32"
    batch_size: int = 256
    workers: int = 0
    on_error: OnError = "stop"
    track: Track = silent

    def texts(self, items: list[Item]) -> tuple[Array, dict[str, str]]:
        """Return features (N, D) of texts, and nothing broken."""
        texts = [item.content for item in items]
        found = encode_texts(self.backbone, texts, batch_size=self.batch_size, track=self.track)
        return found.numpy().astype(self.dtype), {}

    def images(self, items: list[Item]) -> tuple[Array, dict[str, str]]:
        """Return features of the images that can be read, and by key why the others cannot."""
        refs = [ImageRef(self.root / item.content) for item in items]
        found = encode_images(
            self.backbone,
            refs,
            batch_size=self.batch_size,
            workers=self.workers,
            on_error=self.on_error,
            track=self.track,
        )
        bad = found.isnan().any(dim=1)
        why = {items[i].key: _why(refs[i]) for i in bad.nonzero().flatten().tolist()}
        return found[~bad].numpy().astype(self.dtype), why


def _why(ref: ImageRef) -> str:
    try:
        open_image(ref)
    except DataError as error:
        return error.what
    return "its features are not numbers"


def _kept(path: Path, items: list[Item], encoder: Encoder) -> dict[str, str] | None:
    """Return what a shard that is there says was broken; None if it holds something else."""
    if not path.is_file():
        return None
    try:
        header = read_metadata(path)
        with open_tensors(path) as reader:
            keys = reader.get_tensor("keys")
    except (DataError, KeyError):
        return None
    why: dict[str, str] = header.get("skipped", {})
    same = header.get("model") == model_key(encoder.backbone.info)
    expected = pack_keys([item.key for item in items if item.key not in why])
    good = same and header.get("dtype") == encoder.dtype and np.array_equal(keys, expected)
    return why if good and not (why and encoder.on_error == "stop") else None


def write_features(
    folder: Path, stem: str, plan: Plan, encoder: Encoder, rows_per_shard: int
) -> tuple[list[Path], int]:
    """Write the shards of one tensor; return them, and how many were there already."""
    count = plan.count(stem)
    starts = range(0, count, rows_per_shard)
    written: list[Path] = []
    kept = place = 0
    for start in encoder.track(starts, description=f"{stem.capitalize()} shards", unit="shards"):
        items = plan.items(stem, start, start + rows_per_shard)
        path = shard_path(folder, stem, len(written))
        why = _kept(path, items, encoder)
        kept += why is not None
        if why is None:
            why = _write(path, stem, items, encoder)
        if stem == "image":
            place = plan.set_places(items, why, place)
        written.append(path)
    return written, kept


def _write(path: Path, stem: str, items: list[Item], encoder: Encoder) -> dict[str, str]:
    compute = encoder.images if stem == "image" else encoder.texts
    features, why = compute(items)
    keys = [item.key for item in items if item.key not in why]
    extra: dict[str, Any] = {"dtype": encoder.dtype, **({"skipped": why} if why else {})}
    write_shard(path, FEATURES[stem], features, keys, model_key(encoder.backbone.info), **extra)
    return why


def blocks(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """Group records so that neither they nor their negatives are more than `size`."""
    block: list[Row] = []
    negatives = 0
    for row in rows:
        full = len(block) == size or negatives + len(row.negatives) > size
        if block and full:
            yield block
            block, negatives = [], 0
        block.append(row)
        negatives += len(row.negatives)
    if block:
        yield block


def record_tensors(block: list[Row]) -> dict[str, Array]:
    """Return the arrays of a records shard; offsets count within the shard."""
    lengths = [len(row.negatives) for row in block]
    return {
        "image_row": np.array([row.image for row in block], dtype=np.int64),
        "text_row": np.array([row.text for row in block], dtype=np.int64),
        "negative_offsets": np.cumsum([0, *lengths], dtype=np.int64),
        "negative_row": np.array([n for row in block for n in row.negatives], dtype=np.int64),
        "negative_kind": np.array([k for row in block for k in row.kinds], dtype=np.uint8),
    }


def perturbed_features(
    records: dict[str, Array], images: Table, texts: Table, negatives: Table
) -> Array:
    """Return image negatives (T, D) of Eqs. 1-2, a row per entry of `negative_row`."""
    owner = np.repeat(np.arange(len(records["image_row"])), np.diff(records["negative_offsets"]))
    parts = (
        images.take(records["image_row"][owner]),
        texts.take(records["text_row"][owner]),
        negatives.take(records["negative_row"]),
    )
    image, text, negative = map(torch.from_numpy, parts)
    made: Array = image_negatives(image, text, negative.unsqueeze(1)).squeeze(1).numpy()
    return made


def write_records(
    folder: Path, plan: Plan, rows_per_shard: int, *, perturb: bool, dtype: str
) -> tuple[list[Path], int]:
    """Write who belongs together, and the image negatives; return the shards and the records."""
    tables = [Table(folder, stem) for stem in ("image", "text", "negative")] if perturb else []
    written: list[Path] = []
    count = 0
    for number, block in enumerate(blocks(plan.rows(), rows_per_shard)):
        arrays = record_tensors(block)
        path = shard_path(folder, "records", number)
        write_tensors(path, arrays)
        written.append(path)
        if perturb:
            beside = shard_path(folder, "perturbed", number)
            made = perturbed_features(arrays, *tables).astype(dtype)
            write_tensors(beside, {FEATURES["perturbed"]: made})
            written.append(beside)
        count += len(block)
    return written, count
