"""Features on disk by what they are features of, so that no model computes them twice.

A shard is a safetensors file with features (rows, D) and `keys` (rows, 32), the SHA-256 of each
row's content; its header names the model and which tensor holds the features. `ahnpl embed` writes
the same shards, so a folder of embeddings is a cache to read from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ahnpl_cli.backbones.base import ModelInfo
from ahnpl_cli.data.tensors import open_tensors, read_metadata, write_tensors
from ahnpl_cli.errors import DataError

logger = logging.getLogger(__name__)

Keys = NDArray[np.bytes_]
KEY_BYTES = 32
# Rows kept in memory before a shard is written: an interruption loses no more than these.
BUFFER = 4096
EMBEDDINGS = Path("embeddings")


def model_key(info: ModelInfo) -> str:
    """Return what decides features besides the content: weights, activation, preprocessing."""
    parts = (info.weights_sha256, info.activation, info.preprocess, info.context_length)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def pack_keys(keys: Sequence[str]) -> NDArray[np.uint8]:
    """Return hexadecimal SHA-256 sums as bytes (N, 32)."""
    raw = np.frombuffer(b"".join(map(bytes.fromhex, keys)), dtype=np.uint8)
    return raw.reshape(-1, KEY_BYTES)


def write_shard(
    path: Path, name: str, features: NDArray[Any], keys: Sequence[str], model: str, **extra: Any
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
    header = {"features": name, "model": model, **extra}
    write_tensors(path, {name: features, "keys": pack_keys(keys)}, header)


@dataclass(frozen=True, slots=True)
class _Shard:
    path: Path
    name: str
    keys: Keys


def _read_shard(path: Path, model: str) -> _Shard | None:
    """Return a shard of this model in full precision, or None."""
    try:
        header = read_metadata(path)
        name = header.get("features")
        if header.get("model") != model or not isinstance(name, str):
            return None
        with open_tensors(path) as reader:
            if reader.get_slice(name).get_dtype() != "F32":
                return None  # Half precision makes ties where there are none.
            keys = np.ascontiguousarray(reader.get_tensor("keys"))
    except DataError as error:
        logger.warning("Ignored %s", error)
        return None
    return _Shard(path, name, keys.view(f"S{KEY_BYTES}").ravel())


def default_folder() -> Path:
    """Return where features are kept: $AHNPL_CACHE, or ahnpl in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("AHNPL_CACHE") or Path(base) / "ahnpl") / "features"


class FeatureCache:
    """Features of one model, found by the SHA-256 of their content.

    Safe to interrupt and to share: shards are written whole, and never changed.

    Args:
        folder: where features of all models are kept; each model has a folder of its own there.
        info: the model.
        also: further folders to read, such as what `ahnpl embed` wrote; default: `embeddings` in
            the working folder.
        keep: whether what is put is written; without it, the cache is only read.
    """

    def __init__(
        self,
        folder: Path,
        info: ModelInfo,
        also: Sequence[Path] = (EMBEDDINGS,),
        *,
        keep: bool = True,
    ) -> None:
        self.keep = keep
        self.model = model_key(info)
        self.folder = folder / self.model
        self._shards: list[_Shard] = []
        self._fresh: dict[str, Tensor] = {}
        self._lookup: tuple[Keys, NDArray[np.int64]] | None = None
        for place in (self.folder, *also):
            for path in sorted(place.rglob("*.safetensors")):
                self._add(path)

    def _add(self, path: Path) -> None:
        shard = _read_shard(path, self.model)
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
        wanted = pack_keys(keys).view(f"S{KEY_BYTES}").ravel()
        if not len(known) or not len(wanted):
            return np.full(len(wanted), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        return np.where(known[at] == wanted, order[at], -1)

    def get(self, keys: Sequence[str]) -> dict[str, Tensor]:
        """Return what is known: features (D,), float32, by key."""
        found = {key: self._fresh[key] for key in keys if key in self._fresh}
        rows = self._find(keys)
        start = 0
        for shard in self._shards:
            inside = np.flatnonzero((rows >= start) & (rows < start + len(shard.keys)))
            if len(inside):
                with open_tensors(shard.path) as reader:
                    features = torch.from_numpy(reader.get_tensor(shard.name))
                picked = features[torch.from_numpy(rows[inside] - start)]
                found.update(zip((keys[i] for i in inside.tolist()), picked, strict=True))
            start += len(shard.keys)
        return found

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
        write_shard(path, "features", features, keys, self.model)
        self._fresh = {}
        self._add(path)


def known_features(info: ModelInfo) -> FeatureCache:
    """Return what `eval` kept on this machine and `embed` left in `embeddings` here, to read."""
    return FeatureCache(default_folder(), info, keep=False)
