"""Nearest images that join a batch with their captions and negatives (NegCLIP).

Yuksekgonul et al. 2023, 4: beside negative captions, images that CLIP takes for similar are hard
negatives of each other. Their code looks up each image's three nearest by CLIP's features once, and
puts one of them, with a caption of its own, behind every pair of a batch.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.encode import encode_images
from ahnpl_cli.backbones.feature_cache import known_features
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.dataset import TrainingSet
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.tensors import open_tensors, read_metadata, write_tensors
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.progress import Track
from ahnpl_cli.runs import NEIGHBORS
from ahnpl_cli.stable_hash import stable_hash
from ahnpl_cli.training.distributed import gather_rows, of_first_process, world_size
from ahnpl_cli.training.schedule import Order, PacedOrder
from ahnpl_cli.workers import worker_count

logger = logging.getLogger(__name__)
Ints = NDArray[np.int64]
BLOCK = 1024  # images encoded, and compared with all others, at once


@dataclass(frozen=True)
class Neighbors:
    """The nearest images of each image.

    Attributes:
        nearest: numbers of images, the nearest first (M, n); of an image that is not used, its own.
        key: hash of what they were found from.
        is_new: whether they were found now, and are not in the run's folder yet.
    """

    nearest: Ints
    key: str
    is_new: bool

    def save(self, run: Path) -> None:
        """Write what a resumed run reads instead of encoding every image again."""
        if self.is_new:
            write_tensors(run / NEIGHBORS, {"nearest": self.nearest}, {"key": self.key})


@dataclass(frozen=True)
class NeighborOrder(PacedOrder):
    """An order of batches in which each pair brings a pair of a similar image.

    Attributes:
        pairs_alone: the order of the pairs themselves.
        data: the pairs.
        nearest: numbers of each image's nearest images (M, n).
    """

    pairs_alone: Order
    data: TrainingSet
    nearest: Ints

    @property
    def batch_size(self) -> int:
        """Pairs a step, neighbors included."""
        return 2 * self.pairs_alone.batch_size

    @property
    def paced_by(self) -> Order:
        """The pairs themselves."""
        return self.pairs_alone

    def rows(self, step: int) -> Ints:
        """Return the pairs of a step counted from 0, each with its neighbor behind it.

        The neighbor is one of the nearest images that the batch does not hold yet, if there is one,
        with one of its captions, both drawn by a hash. The whole batch is drawn in every process,
        so that their number changes nothing.
        """
        data, epoch = self.data, self.epoch(step)
        rows = self.pairs_alone.rows(step)
        in_batch = set(data.picture_of[data.rows[rows]].tolist())
        beside: list[int] = []
        for row in rows.tolist():
            number = int(data.rows[row])
            drawn = stable_hash(self.seed, epoch, data.ids[number], "neighbor")
            nearest = self.nearest[data.picture_of[number]].tolist()
            start = drawn % len(nearest)
            candidates = nearest[start:] + nearest[:start]
            fresh = (picture for picture in candidates if picture not in in_batch)
            picture = next(fresh, candidates[0])
            in_batch.add(picture)
            shown = self._rows_of(picture)
            beside.append(int(shown[drawn // len(nearest) % len(shown)]))
        return np.stack([rows, np.array(beside, np.int64)], axis=1).ravel()

    @cached_property
    def _by_picture(self) -> tuple[Ints, Ints]:
        """Places among the rows that are used, sorted by their images, and these images."""
        shown = self.data.picture_of[self.data.rows]
        places = np.argsort(shown, kind="stable")
        return places, shown[places]

    def _rows_of(self, picture: int) -> Ints:
        """Return the pairs that show an image, as places among the rows that are used."""
        places, shown = self._by_picture
        first, end = np.searchsorted(shown, [picture, picture + 1])
        return places[first:end]

    def with_batches_of(self, size: int) -> NeighborOrder:
        """Return the order of smaller batches, for a trial."""
        half = self.pairs_alone.with_batches_of(max(1, size // 2))
        return NeighborOrder(half, self.data, self.nearest)


def find_neighbors(
    config: TrainConfig,
    run: Path,
    backbone: Backbone,
    data: TrainingSet,
    images: Ints,
    count: int,
    *,
    track: Track,
) -> Neighbors:
    """Return each image's nearest images by the start's features.

    What `ahnpl embed` or `ahnpl eval` computed is taken from there, and what the run found before
    from its folder. Several processes share the work, in blocks that are the same for any number.

    Args:
        config: every option.
        run: folder of the run.
        backbone: the start.
        data: the pairs.
        images: fingerprints of the images; empty if they are not known.
        count: n, how many nearest ones are kept.
        track: shows progress.

    Raises:
        ConfigError: there is one image alone.
        DataError: an image cannot be decoded, and `--on-error` is stop.
    """
    used = np.unique(data.picture_of[data.rows])
    if len(used) < 2:
        raise ConfigError("--image-neighbors needs two images", hint="Leave it out.")
    count = min(count, len(used) - 1)
    if config.dry_run:
        # What a step costs does not depend on which images they are.
        return Neighbors(_stand_in(len(data.pictures), used, count), "", is_new=False)
    identity = (backbone.info.weights_sha256, count, data.sha256(), used.tobytes().hex())
    key = hashlib.sha256(f"{identity} {images.tobytes().hex()}".encode()).hexdigest()
    # One process looks, so that all of them do the same next.
    known = of_first_process(_saved(run, key))
    if known is not None:
        return Neighbors(known, key, is_new=False)
    features = _encode(config, backbone, data, used, track)
    similar = _nearest(features.to(backbone.device), count).cpu()
    mean = (features * features[similar[:, 0]]).sum(1).nanmean()
    logger.info("Image neighbors: %d of each image; the nearest at S(I,I') %.3f.", count, mean)
    nearest = np.tile(np.arange(len(data.pictures))[:, None], count)
    nearest[used] = used[similar.numpy()]
    return Neighbors(nearest, key, is_new=True)


def _stand_in(pictures: int, used: Ints, count: int) -> Ints:
    """Return the next images in the order of the data."""
    nearest = np.tile(np.arange(pictures)[:, None], count)
    for place in range(count):
        nearest[used, place] = np.roll(used, -1 - place)
    return nearest


def _saved(run: Path, key: str) -> Ints | None:
    """Return what the run found before, if it was from the same model and images."""
    path = run / NEIGHBORS
    try:
        if read_metadata(path).get("key") != key:
            return None
        with open_tensors(path) as reader:
            nearest: Ints = reader.get_tensor("nearest")
    except DataError:
        # Not there, or damaged: they are found again, from the same model.
        return None
    return nearest


def _encode(
    config: TrainConfig, backbone: Backbone, data: TrainingSet, used: Ints, track: Track
) -> Tensor:
    """Return the features of some images (M, D); NaN where one cannot be decoded."""
    pictures = [data.pictures[number] for number in used.tolist()]
    in_files = all(isinstance(picture, ImageRef) for picture in pictures)
    cache = known_features(backbone.info) if in_files else None
    backbone.module.eval()

    def encode(rows: slice) -> Tensor:
        return encode_images(
            backbone,
            pictures[rows],
            workers=worker_count(config.workers),
            cache=cache,
            track=track,
            on_error=config.on_error,
        )

    return _shared_blocks(len(pictures), encode, backbone.device)


def _nearest(features: Tensor, count: int) -> Tensor:
    """Return the rows most similar to each row, without itself (M, n)."""

    def compare(rows: slice) -> Tensor:
        # A feature that is not known is near to none.
        cosines = (features[rows] @ features.T).nan_to_num(-2.0)
        own = torch.arange(rows.start, rows.start + len(cosines), device=features.device)
        cosines[own - rows.start, own] = -3.0
        return cosines.topk(count, dim=1).indices

    return _shared_blocks(len(features), compare, features.device)


def _shared_blocks(count: int, compute: Callable[[slice], Tensor], device: Any) -> Tensor:
    """Return what is computed of blocks of rows, each in one of the processes, in order."""
    starts = range(0, count, BLOCK)
    rank = dist.get_rank() if dist.is_initialized() else 0
    own = [compute(slice(start, start + BLOCK)) for start in starts[rank :: world_size()]]
    if world_size() == 1:
        return torch.cat(own)
    # A process without a block has to know the width of the others' rows.
    shapes: list[Any] = [None] * world_size()
    dist.all_gather_object(shapes, (own[0].shape[1], own[0].dtype) if own else None)
    width, dtype = shapes[0]
    joined = torch.cat(own) if own else torch.empty(0, width, dtype=dtype)
    parts = [torch.split(part.cpu(), BLOCK) for part in gather_rows(joined.to(device))]
    blocks = [parts[n % len(parts)][n // len(parts)] for n in range(len(starts))]
    return torch.cat(blocks)
