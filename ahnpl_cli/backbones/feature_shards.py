"""The file format of features on disk, shared by the cache and by `ahnpl embed`.

A shard is a safetensors file with features (rows, D) and `keys` (rows, 32), the SHA-256 of each
row's content; its header names the model, which tensor holds the features, and a checksum of both.
So a folder of embeddings is a cache to read from, and one that was damaged is noticed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.backbones.base import ModelInfo
from ahnpl_cli.data.tensors import Array, open_tensors, read_metadata, write_tensors
from ahnpl_cli.errors import DataError

logger = logging.getLogger(__name__)

Keys = NDArray[np.bytes_]
KEY_BYTES = 32
_UNIT_TOLERANCE = 1e-3


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
