"""What lies nearest to a record, an image or a text in a folder of embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ahnpl_cli.data.tensors import open_tensors
from ahnpl_cli.embedding.layout import FEATURES, LISTED, Table, shard_paths
from ahnpl_cli.errors import ConfigError, DataError

NEIGHBORS = 5


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A near neighbor of the query: its tensor, what it is, and its cosine."""

    name: str
    item: str
    similarity: float


def _row_of(index: dict[str, Any], folder: Path, query: str) -> tuple[str, int]:
    """Return tensor and row of a path, a text or a record's id.

    Raises:
        ConfigError: nothing has that name.
    """
    for stem, listing in LISTED.items():
        for row, (content, _) in enumerate(index.get(listing, [])):
            if content == query:
                return stem, row
    if query in index.get("records", []):
        return _row_of_record(folder, index["records"].index(query))
    hint = "Name a record's id, an image's path, or a text, as index.json has it."
    raise ConfigError(f"--neighbors {query!r} is not in {folder}", hint=hint)


def _row_of_record(folder: Path, number: int) -> tuple[str, int]:
    for path in shard_paths(folder, "records"):
        with open_tensors(path) as reader:
            images, texts = reader.get_tensor("image_row"), reader.get_tensor("text_row")
        if number < len(images):
            image = int(images[number])
            return ("image", image) if image >= 0 else ("text", int(texts[number]))
        number -= len(images)
    raise DataError("fewer records than index.json names", where=str(folder))


def neighbors(folder: Path, index: dict[str, Any], query: str) -> list[Neighbor]:
    """Return what lies nearest to a record's id, an image's path or a text, in every tensor.

    Raises:
        ConfigError: nothing has that name.
    """
    stem, row = _row_of(index, folder, query)
    vector = Table(folder, stem).take(np.array([row]))[0]
    nearest: list[Neighbor] = []
    for other, listing in LISTED.items():
        cosines = [shard.astype(np.float32) @ vector for shard in Table(folder, other).shards()]
        if not cosines:
            continue
        similarity = np.concatenate(cosines)
        count = len(similarity)
        if other == stem:
            similarity[row] = -np.inf  # The query itself.
            count -= 1
        best = np.argsort(-similarity, kind="stable")[: min(NEIGHBORS, count)]
        names = index[listing]
        for i in best:
            nearest.append(Neighbor(FEATURES[other], names[i][0], float(similarity[i])))
    return nearest
