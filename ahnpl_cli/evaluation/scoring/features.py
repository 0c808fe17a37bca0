"""Each distinct image and each distinct text of all suites, encoded once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.encode import Cache, encode_images, encode_texts
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError, DataError
from ahnpl_cli.evaluation.scoring.items import Floats, Item, n_similarities
from ahnpl_cli.progress import Track, silent

PAIRS = 8192  # similarities computed at once: 16 MB a side at 512 dimensions


class FeatureTable:
    """One model's features of every image and text asked for.

    Args:
        refs: distinct images.
        image_features: (N, D) float32, L2-normalised.
        texts: distinct texts.
        text_features: (M, D) float32, L2-normalised.
    """

    def __init__(
        self,
        refs: Sequence[ImageRef],
        image_features: Floats,
        texts: Sequence[str],
        text_features: Floats,
    ) -> None:
        self._image_at = {ref: i for i, ref in enumerate(refs)}
        self._text_at = {text: i + len(refs) for i, text in enumerate(texts)}
        self._rows = np.concatenate([image_features, text_features]).astype(np.float32)

    def images(self, refs: Sequence[ImageRef]) -> Floats:
        """Return (N, D) image_features."""
        return self._rows[[self._image_at[ref] for ref in refs]]

    def texts(self, texts: Sequence[str]) -> Floats:
        """Return (N, D) text_features."""
        return self._rows[[self._text_at[text] for text in texts]]

    def _pairs(self, item: Item) -> Iterator[tuple[int, int]]:
        texts = [self._text_at[text] for text in item.texts]
        if item.text_only:
            for i, text in enumerate(texts):
                yield from ((text, other) for other in texts[i + 1 :])
        else:
            for ref in item.images:
                yield from ((self._image_at[ref], text) for text in texts)

    def similarities(self, items: Sequence[Item]) -> Iterator[tuple[Item, tuple[float, ...]]]:
        """Yield each item with its cosine similarities, image by image, caption by caption.

        A row-wise dot product, not a matrix product: equal features give equal similarities to
        the last bit wherever they stand in a batch, so that ties are real ties.
        """
        pairs = np.array([p for item in items for p in self._pairs(item)], dtype=np.int64)
        flat = dot_rows(self._rows, pairs.reshape(-1, 2)).tolist()
        start = 0
        for item in items:
            end = start + n_similarities(item)
            yield item, tuple(flat[start:end])
            start = end


def dot_rows(rows: Floats, pairs: NDArray[np.int64]) -> Floats:
    """Return rows[i] . rows[j] for each pair (i, j), in fp32 and in blocks."""
    made = np.empty(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), PAIRS):
        left, right = pairs[start : start + PAIRS].T
        made[start : start + PAIRS] = (rows[left] * rows[right]).sum(axis=1, dtype=np.float32)
    return made


def encode(
    backbone: Backbone,
    refs: Iterable[ImageRef],
    texts: Iterable[str],
    *,
    batch_size: int,
    workers: int = 0,
    cache: Cache | None = None,
    track: Track = silent,
) -> FeatureTable:
    """Encode each distinct image+crop and each distinct text once.

    Args:
        backbone: the model.
        refs: images of all suites, with repeats.
        texts: texts of all suites, with repeats.
        batch_size: images or texts computed at once.
        workers: processes that decode images.
        cache: features on disk from earlier runs.
        track: shows progress.

    Raises:
        BenchmarkError: an image cannot be decoded, or a crop lies outside of it.
    """
    images, captions = list(dict.fromkeys(refs)), list(dict.fromkeys(texts))
    try:
        image_features = encode_images(
            backbone, images, batch_size=batch_size, workers=workers, cache=cache, track=track
        )
    except DataError as error:
        # A benchmark with an image left out is another benchmark, so there is no skipping here.
        hint = "Fetch the image again from the benchmark's authors."
        raise BenchmarkError(error.what, where=error.where, hint=hint) from error
    text_features = encode_texts(
        backbone, captions, batch_size=batch_size, cache=cache, track=track
    )
    return FeatureTable(images, image_features.numpy(), captions, text_features.numpy())
