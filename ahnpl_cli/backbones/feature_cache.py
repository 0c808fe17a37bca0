"""Features on disk by what they are features of, so that no model computes them twice."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ahnpl_cli.backbones.base import ModelInfo
from ahnpl_cli.backbones.feature_shards import (
    KEY_BYTES,
    Keys,
    Shard,
    model_key,
    pack_keys,
    read_shard,
    write_shard,
)
from ahnpl_cli.backbones.locate import default_folder

logger = logging.getLogger(__name__)

# Rows kept in memory before a shard is written: an interruption loses no more than these.
BUFFER = 4096
EMBEDDINGS = Path("embeddings")
_ABANDONED = 3600  # seconds


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
