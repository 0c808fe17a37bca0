"""The file format of features on disk, shared by the cache and by `ahnpl embed`.

A shard is a safetensors file with features (rows, D) and `keys` (rows, 32), the SHA-256 of each
row's content; its header names the model and which tensor holds the features. So a folder of
embeddings is a cache to read from.
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
from ahnpl_cli.data.tensors import open_tensors, read_metadata, write_tensors
from ahnpl_cli.errors import DataError

logger = logging.getLogger(__name__)

Keys = NDArray[np.bytes_]
KEY_BYTES = 32


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
class Shard:
    """Where features are, and the key of each row, as bytes (rows,)."""

    path: Path
    name: str
    keys: Keys


def read_shard(path: Path, model: str) -> Shard | None:
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
    return Shard(path, name, keys.view(f"S{KEY_BYTES}").ravel())
