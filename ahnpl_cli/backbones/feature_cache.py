"""Features on disk by what they are features of, so that no model computes them twice.

A shard is a safetensors file with features (rows, D) and `keys` (rows, 32), the SHA-256 of each
row's content; its header names the model, which tensor holds the features, and a checksum of both.
`ahnpl embed` writes the same format, so that a folder of embeddings is a cache to read from, and
one that was damaged is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ahnpl_cli.backbones.base import ModelInfo
from ahnpl_cli.backbones.load import default_folder
from ahnpl_cli.data.tensors import Array, open_tensors, read_metadata, write_tensors
from ahnpl_cli.errors import DataError

logger = logging.getLogger(__name__)

Keys = NDArray[np.bytes_]
KEY_BYTES = 32
_UNIT_TOLERANCE = 1e-3
# Rows kept in memory before a shard is written: an interruption loses no more than these.
BUFFER = 4096
EMBEDDINGS = Path("embeddings")
_ABANDONED = 3600  # seconds


def model_key(info: ModelInfo, precision: str = "fp32") -> str:
    """Return what decides features besides the content: the model, and what it computes in."""
    parts = [
        info.weights_sha256,
        info.encoder_sha256,
        info.activation,
        info.preprocess,
        info.context_length,
    ]
    if precision != "fp32":
        parts.append(precision)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def pack_keys(keys: Sequence[str]) -> NDArray[np.uint8]:
    """Return hexadecimal SHA-256 sums as bytes (N, 32)."""
    raw = np.frombuffer(b"".join(map(bytes.fromhex, keys)), dtype=np.uint8)
    return raw.reshape(-1, KEY_BYTES)


def _checksum(features: Array, keys: Array) -> str:
    digest = hashlib.sha256()
    for array in (keys, features):
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


def write_shard(
    path: Path, name: str, features: Array, keys: Sequence[str], model: str, **extra: Any
) -> None:
    """Write one shard, whole or not at all.

    Args:
        path: file to write.
        name: the features' tensor, such as `image_features`.
        features: (N, D).
        keys: hexadecimal SHA-256 of each row's content.
        model: `model_key` of the model.
        **extra: what else the header says.
    """
    packed = pack_keys(keys)
    checksum = _checksum(features, packed)
    header = {"features": name, "model": model, "sha256": checksum, **extra}
    write_tensors(path, {name: features, "keys": packed}, header)


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard whose features have not been read yet.

    Attributes:
        path: its file.
        name: the features' tensor.
        keys: the key of each row, as bytes (rows,).
    """

    path: Path
    name: str
    keys: Keys

    def features(self) -> NDArray[np.float32] | None:
        """Return the features (rows, D); None, with a warning, if they are not as written."""
        try:
            header = read_metadata(self.path)
            with open_tensors(self.path) as reader:
                features: NDArray[np.float32] = reader.get_tensor(self.name)
                keys = reader.get_tensor("keys")
        except Exception as error:
            # The file may have been exchanged or cut since its header was read.
            logger.warning("Ignored %s: %s.", self.path, error)
            return None
        if header.get("sha256") != _checksum(features, keys):
            logger.warning("Ignored %s: its checksum is not that of its content.", self.path)
            return None
        lengths = np.linalg.norm(features, axis=1)
        if not (np.abs(lengths - 1) <= _UNIT_TOLERANCE).all():
            logger.warning("Ignored %s: its features are not of unit length.", self.path)
            return None
        return features


def read_shard(path: Path, model: str) -> Shard | None:
    """Return a shard of this model in full precision; None for anything else, damaged or not."""
    try:
        header = read_metadata(path)
        name = header.get("features")
        if header.get("model") != model or not isinstance(name, str):
            return None
        with open_tensors(path) as reader:
            features = reader.get_slice(name)
            if features.get_dtype() != "F32":
                return None  # Half precision makes ties where there are none.
            keys = np.ascontiguousarray(reader.get_tensor("keys"))
            rows = features.get_shape()[0]
    except Exception as error:
        # A damaged header can hold anything, and a cache is never worth stopping for.
        logger.warning("Ignored %s", error if isinstance(error, DataError) else f"{path}: {error}")
        return None
    if keys.dtype != np.uint8 or keys.shape != (rows, KEY_BYTES):
        logger.warning("Ignored %s: its keys do not fit its features.", path)
        return None
    return Shard(path, name, keys.view(f"S{KEY_BYTES}").ravel())


class FeatureCache:
    """Features of one model, found by the SHA-256 of their content.

    Safe to interrupt and to share: shards are written whole, and never changed. What is damaged is
    computed again, and where nothing can be written, work goes on without.

    Args:
        folder: where features of all models are kept; each model has a folder of its own there.
        info: the model.
        also: further folders to read, such as what `ahnpl embed` wrote; default: `embeddings` in
            the working folder.
        keep: whether what is put is written; without it, the cache is only read.
        precision: what the towers compute in: rounded features are no others' features.
    """

    def __init__(
        self,
        folder: Path,
        info: ModelInfo,
        also: Sequence[Path] = (EMBEDDINGS,),
        *,
        keep: bool = True,
        precision: str = "fp32",
    ) -> None:
        self.keep = keep
        self.model = model_key(info, precision)
        self.folder = folder / self.model
        self._also = tuple(also)
        self._announced: set[Path] = set()
        self._shards: list[Shard] = []
        self._fresh: dict[str, Tensor] = {}
        self._lookup: tuple[Keys, NDArray[np.int64]] | None = None
        if keep:
            self._sweep()
        for root in (self.folder, *also):
            for path in sorted(root.rglob("*.safetensors")):
                self._add(path)

    def _sweep(self) -> None:
        """Delete what a process that was killed while writing left here, an hour ago or more."""
        for path in self.folder.glob(".*.tmp*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()

    def _add(self, path: Path) -> None:
        shard = read_shard(path, self.model)
        if shard is not None:
            self._shards.append(shard)
            self._lookup = None

    def _sorted(self) -> tuple[Keys, NDArray[np.int64]]:
        """All keys in order, and where each stands among the rows of all shards."""
        if self._lookup is None:
            empty = np.empty(0, dtype=f"S{KEY_BYTES}")
            keys = np.concatenate([empty, *(shard.keys for shard in self._shards)])
            order = np.argsort(keys, kind="stable")
            self._lookup = keys[order], order
        return self._lookup

    def _find(self, keys: Sequence[str]) -> NDArray[np.int64]:
        """Return each key's row among all shards, or -1."""
        known, order = self._sorted()
        requested = pack_keys(keys).view(f"S{KEY_BYTES}").ravel()
        if not len(known) or not len(requested):
            return np.full(len(requested), -1, dtype=np.int64)
        # searchsorted gives where a key would stand, which is behind the end for the largest.
        position = np.minimum(np.searchsorted(known, requested), len(known) - 1)
        return np.where(known[position] == requested, order[position], -1)

    def holds(self, keys: Sequence[str]) -> list[bool]:
        """Return whether each key is on disk, without reading features."""
        return [row >= 0 for row in self._find(keys).tolist()]

    def get(self, keys: Sequence[str]) -> dict[str, Tensor]:
        """Return what is known: features (D,), float32, by key."""
        features_by_key = {key: self._fresh[key] for key in keys if key in self._fresh}
        rows = self._find(keys)
        start = 0
        damaged: list[Shard] = []
        for shard in self._shards:
            inside = np.flatnonzero((rows >= start) & (rows < start + len(shard.keys)))
            if len(inside):
                # Read now and not kept: all features of a cache may be more than memory holds.
                features = shard.features()
                if features is None:
                    damaged.append(shard)
                else:
                    self._announce(shard)
                    picked = torch.from_numpy(features[rows[inside] - start])
                    names = [keys[i] for i in inside.tolist()]
                    features_by_key.update(zip(names, picked, strict=True))
            start += len(shard.keys)
        if damaged:
            # Another shard may hold what these seemed to.
            self._shards = [shard for shard in self._shards if shard not in damaged]
            self._lookup = None
            missing = [key for key in keys if key not in features_by_key]
            return {**features_by_key, **self.get(missing)}
        return features_by_key

    def _announce(self, shard: Shard) -> None:
        """Say once that features come from a folder that the user may have forgotten."""
        for folder in self._also:
            if shard.path.is_relative_to(folder) and folder not in self._announced:
                self._announced.add(folder)
                logger.info("Features in %s are used where they fit.", folder)

    def put(self, keys: Sequence[str], rows: Tensor) -> None:
        """Remember features (N, D) by key; written when enough have come, and by `flush`."""
        if not self.keep:
            return
        self._fresh.update(zip(keys, rows.float().cpu(), strict=True))
        if len(self._fresh) >= BUFFER:
            self.flush()

    def flush(self) -> None:
        """Write what was put and is still in memory."""
        if not self._fresh:
            return
        keys = list(self._fresh)
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:16]
        path = self.folder / f"{name}.safetensors"
        features = torch.stack([self._fresh[key] for key in keys]).numpy()
        self._fresh = {}
        try:
            write_shard(path, "features", features, keys, self.model)
        except OSError as error:
            self.keep = False
            reason = error.strerror or error
            logger.warning("Features are not kept: %s cannot be written (%s).", path, reason)
            return
        self._add(path)


def known_features(info: ModelInfo) -> FeatureCache:
    """Return the features that `eval` cached and `embed` left in `embeddings` here, to read."""
    return FeatureCache(default_folder(), info, keep=False)
