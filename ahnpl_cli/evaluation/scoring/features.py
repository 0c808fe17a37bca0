"""Each distinct image and each distinct text of all suites, encoded once.

Also which texts are longer than a model's context: cut by every tokenizer, and seldom said. A foil
that differs from its caption only behind the cut becomes a tie, and so a wrong verdict. OpenAI's
own tokenizer raises instead, and the scripts of ARO, SugarCrepe++ and GNM with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.encode import Cache, Precision, encode_images, encode_texts
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError, DataError, ModelError
from ahnpl_cli.evaluation.scoring.items import Floats, Item, Scores
from ahnpl_cli.progress import Track, silent

if TYPE_CHECKING:
    from PIL.Image import Image


T = TypeVar("T")
PAIRS = 8192  # similarities computed at once: 16 MB a side at 512 dimensions


class FeatureTable:
    """One model's features of every image and text that the suites need.

    Args:
        refs: distinct images.
        image_features: (N, D) float32, L2-normalized.
        texts: distinct texts.
        text_features: (M, D) float32, L2-normalized.
    """

    def __init__(
        self,
        refs: Sequence[ImageRef],
        image_features: Floats,
        texts: Sequence[str],
        text_features: Floats,
    ) -> None:
        self._image_at = {ref: i for i, ref in enumerate(refs)}
        # Images and texts in one array: any pair is then a pair of row numbers.
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

    def similarities(self, items: Sequence[Item]) -> Iterator[tuple[Item, Scores]]:
        """Yield each item with its cosine similarities, image by image, caption by caption.

        A row-wise dot product, not a matrix product: equal features give equal similarities to
        the last bit wherever they stand in a batch, so that ties are real ties.
        """
        pairs: list[tuple[int, int]] = []
        for item in items:
            pairs.extend(self._pairs(item))
        rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        flat = _dot_rows(self._rows, rows).tolist()
        start = 0
        for item in items:
            end = start + item.n_similarities
            yield item, tuple(flat[start:end])
            start = end


def _dot_rows(rows: Floats, pairs: NDArray[np.int64]) -> Floats:
    """Return rows[i] . rows[j] for each pair (i, j), in fp32 and in blocks."""
    dots = np.empty(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), PAIRS):
        left, right = pairs[start : start + PAIRS].T
        dots[start : start + PAIRS] = (rows[left] * rows[right]).sum(axis=1, dtype=np.float32)
    return dots


class OwnModel(Protocol):
    """A model of your own that `evaluate` can score: two functions, any library.

    Features are rows of an array or tensor; they are brought to unit length here.
    """

    def encode_image(self, images: Sequence[Image]) -> Any:
        """Return (N, D) features of N RGB images."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Any:
        """Return (N, D) features of N texts."""
        ...


def encode(
    backbone: Backbone,
    refs: Iterable[ImageRef],
    texts: Iterable[str],
    *,
    batch_size: int,
    workers: int = 0,
    cache: Cache | None = None,
    track: Track = silent,
    precision: Precision = "fp32",
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
        precision: what the towers compute in; similarities are fp32 always.

    Raises:
        BenchmarkError: an image cannot be decoded, or a crop lies outside of it.
        ModelError: a feature is not a number.
    """
    # All suites in one pass: SugarCrepe's 7,511 items show 1,560 photos, which others show as well.
    images = list(dict.fromkeys(refs))
    captions = list(dict.fromkeys(texts))
    with _benchmark_errors():
        image_features = encode_images(
            backbone,
            images,
            batch_size=batch_size,
            workers=workers,
            cache=cache,
            track=track,
            precision=precision,
        )
    text_features = encode_texts(
        backbone,
        captions,
        batch_size=batch_size,
        cache=cache,
        track=track,
        precision=precision,
    )
    for features in (image_features, text_features):
        if not bool(features.isfinite().all()):
            raise _not_finite(backbone)
    return FeatureTable(images, image_features.numpy(), captions, text_features.numpy())


@contextlib.contextmanager
def _benchmark_errors() -> Iterator[None]:
    """Say of a broken image that the benchmark is incomplete.

    A benchmark with an image left out is another benchmark, so there is no skipping here.
    """
    try:
        yield
    except DataError as error:
        hint = "Fetch the image again from the benchmark's authors."
        if error.what.startswith("crop "):
            hint = "Fetch the annotations again: this is no box that the authors publish."
        raise BenchmarkError(error.what, where=error.where, hint=hint) from error


def _not_finite(backbone: Backbone) -> ModelError:
    """Name the tensor that makes features NaN; without one, the forward pass does."""
    name = backbone.info.name
    for tensor_name, tensor in backbone.module.state_dict().items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            what = f"{tensor_name} holds values that are not numbers"
            return ModelError(what, where=name, hint="Train again, or take an earlier checkpoint.")
    hint = "Try another --device."
    return ModelError("its features are not numbers, its weights are", where=name, hint=hint)


def encode_with_own(
    model: OwnModel,
    refs: Iterable[ImageRef],
    texts: Iterable[str],
    *,
    batch_size: int,
    track: Track = silent,
) -> FeatureTable:
    """Encode each distinct image+crop and each distinct text once, by a model of the user's.

    Raises:
        BenchmarkError: an image cannot be decoded.
        ModelError: features are not numbers, or not one row each.
    """
    images = list(dict.fromkeys(refs))
    captions = list(dict.fromkeys(texts))
    image_rows: list[Floats] = []
    for batch in _batches(images, batch_size, track, "Encoding images"):
        with _benchmark_errors():
            pixels = [ref.load() for ref in batch]
        image_rows.append(_unit_rows(model.encode_image(pixels), len(batch), "encode_image"))
    text_rows: list[Floats] = []
    for texts_of_batch in _batches(captions, batch_size, track, "Encoding texts"):
        rows = _unit_rows(model.encode_text(texts_of_batch), len(texts_of_batch), "encode_text")
        text_rows.append(rows)
    dim = (image_rows or text_rows)[0].shape[1]
    empty = np.empty((0, dim), dtype=np.float32)
    return FeatureTable(
        images,
        np.concatenate([empty, *image_rows]),
        captions,
        np.concatenate([empty, *text_rows]),
    )


def _batches(items: list[T], size: int, track: Track, description: str) -> Iterator[list[T]]:
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    yield from track(batches, total=len(batches), description=description, unit="batches")


def _unit_rows(features: Any, count: int, method: str) -> Floats:
    """Return features as rows of unit length.

    Raises:
        ModelError: they are not `count` rows of numbers.
    """
    if hasattr(features, "detach"):
        features = features.detach().cpu().float().numpy()
    rows = np.asarray(features, dtype=np.float32)
    if rows.ndim != 2 or len(rows) != count:
        what = f"{method} returned shape {rows.shape}, not {count} rows"
        raise ModelError(what, hint="Return one row of features per input.")
    # Normalized here, since libraries differ in whether they do it.
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(rows).all() or not (length > 0).all():
        raise ModelError(f"{method} returned features that are not numbers, or zero")
    unit: Floats = rows / length
    return unit


TOKENIZED = 4096  # texts at once


def _used(backbone: Backbone, texts: Sequence[str]) -> list[int]:
    """Return how many positions of the context each text takes, its marks of start and end too."""
    used: list[int] = []
    for start in range(0, len(texts), TOKENIZED):
        tokens = backbone.tokenize(texts[start : start + TOKENIZED])
        # The last token that is no padding ends the text; ids before it may look like padding.
        positions = torch.arange(1, tokens.shape[1] + 1) * (tokens != backbone.pad_id)
        used += positions.amax(dim=1).tolist()
    return used


def _halves(text: str) -> Iterator[str]:
    """Yield a text in two parts at a blank, where tokenizers part too."""
    words = text.split()
    middle = len(words) // 2
    yield " ".join(words[:middle])
    yield " ".join(words[middle:])


def cut_texts(backbone: Backbone, texts: Iterable[str]) -> set[str]:
    """Return the texts of which the model does not see all."""
    context = backbone.info.context_length
    (marks,) = _used(backbone, [""])
    # A token holds one byte at least, so that most captions need no look.
    long = [text for text in dict.fromkeys(texts) if len(text.encode()) > context - marks]
    full = [text for text, used in zip(long, _used(backbone, long), strict=True) if used == context]
    return {text for text in full if _length(backbone, text, marks) > context}


def _length(backbone: Backbone, text: str, marks: int) -> int:
    """Return the positions that a text would take in a context without end."""
    length = marks
    parts = [text]
    while parts:
        part = parts.pop()
        (used,) = _used(backbone, [part])
        if used < backbone.info.context_length:
            length += used - marks
        elif " " in part.strip():
            parts.extend(_halves(part))
        else:
            # One word that fills the context: it is cut, or just fits.
            length += used - marks + 1
    return length
