"""Many texts or images to features: each distinct one once, in the cheapest order.

Texts are sorted by length, so that a batch holds no padding to speak of; images are decoded by
worker processes, and copied to a GPU from pinned memory while it computes. With a `FeatureCache`,
what it knows is not computed again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.data.images import ImageRef, image_key, text_key
from ahnpl_cli.data.inputs import Pixels, concatenate, move, stack, trim
from ahnpl_cli.data.tar_shards import Picture
from ahnpl_cli.errors import DataError, ModelError, OnError
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.workers import worker_errors

logger = logging.getLogger(__name__)

# Token ids held at once, in batches: long enough to sort well, small beside the features.
_CHUNK = 64
# Images that a worker hands over at once: few, so that all workers have something to do.
_DECODED = 16
_HASHED = 8  # files at once: hashing leaves Python's lock, and a disk answers several
_UNIT_TOLERANCE = 1e-2  # far above what rounding does, far below what damage does
Precision = Literal["fp32", "bf16", "fp16"]
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
T = TypeVar("T", bound=Hashable)


class Cache(Protocol):
    """Features by content; see `feature_cache.FeatureCache`."""

    def get(self, keys: Sequence[str]) -> dict[str, Tensor]:
        """Return what is known: features (D,) by key."""
        ...

    def put(self, keys: Sequence[str], rows: Tensor) -> None:
        """Remember features (N, D) of keys."""
        ...

    def flush(self) -> None:
        """Write what was put and is still in memory."""
        ...


@contextlib.contextmanager
def number_format(device: str, precision: Precision) -> Iterator[None]:
    """Compute in a number format: fp32 as on a CPU, or shorter floats where these are faster.

    Args:
        device: where the model is.
        precision: fp32 means no autocast, and no TF32 either.
    """
    # cuDNN rounds convolutions, such as the one that cuts patches, to TF32's ten bits by default:
    # enough to decide close items otherwise than a CPU does.
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        if precision == "fp32":
            yield
        else:
            with torch.autocast(torch.device(device).type, dtype=_DTYPES[precision]):
                yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _by_length(tokens: Tensor, pad_id: int, batch_size: int) -> list[Tensor]:
    """Return row numbers in batches of about equal length, longest first to fail early."""
    order = (tokens != pad_id).sum(dim=1).argsort(descending=True, stable=True)
    return list(torch.split(order, batch_size))


@torch.inference_mode()
def _encode_chunk(backbone: Backbone, texts: Sequence[str], batch_size: int) -> Tensor:
    tokens = backbone.tokenize(texts)
    features: Tensor | None = None
    for rows in _by_length(tokens, backbone.pad_id, batch_size):
        batch = trim(tokens[rows], backbone.pad_id)
        encoded = backbone.encode_text(batch).float().cpu()
        if features is None:
            features = encoded.new_empty(len(texts), encoded.shape[1])
        features[rows] = encoded
    assert features is not None
    return features


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


class _Rows:
    """Features of distinct items, filled from a cache first and then computed."""

    def __init__(self, keys: Sequence[str] | None, count: int, dim: int, cache: Cache | None):
        self.features = torch.full((count, dim), float("nan"))
        self.keys, self.cache = keys, cache
        self.missing = list(range(count))
        if cache is not None and keys is not None:
            known = cache.get(keys)
            for row, key in enumerate(keys):
                if key in known:
                    self.features[row] = known[key]
            self.missing = [row for row, key in enumerate(keys) if key not in known]

    def fill(self, rows: list[int], features: Tensor) -> None:
        # A NaN or a zero would lose every comparison silently, and stay in the cache.
        lengths = features.norm(dim=-1)
        if not ((lengths - 1).abs() < _UNIT_TOLERANCE).all():
            broken = "of no length" if torch.isfinite(lengths).all() else "NaN or infinite"
            hint = "Try --device cpu, or another checkpoint."
            raise ModelError(f"the model gives features that are {broken}", hint=hint)
        self.features[rows] = features
        if self.cache is not None and self.keys is not None:
            self.cache.put([self.keys[row] for row in rows], features)

    def finish(self) -> Tensor:
        if self.cache is not None:
            self.cache.flush()
        return self.features


def _distinct(items: Iterable[T]) -> tuple[list[T], list[int]]:
    """Return the distinct items in order of first sight, and each item's number among them."""
    numbers: dict[T, int] = {}
    inverse = [numbers.setdefault(item, len(numbers)) for item in items]
    return list(numbers), inverse


def encode_texts(
    backbone: Backbone,
    texts: Sequence[str],
    *,
    batch_size: int = 256,
    cache: Cache | None = None,
    track: Track = silent,
    precision: Precision = "fp32",
) -> Tensor:
    """Return text_features (N, D), float32 on the CPU, L2-normalized, of N texts in their order.

    Args:
        backbone: the model.
        texts: equal ones are computed once.
        batch_size: texts computed at once.
        cache: features computed before.
        track: shows progress.
        precision: what the towers compute in; see `number_format`.
    """
    distinct, inverse = _distinct(texts)
    keys = [text_key(text) for text in distinct] if cache is not None else None
    rows = _Rows(keys, len(distinct), backbone.info.embed_dim, cache)
    chunks = _chunks(rows.missing, _CHUNK * batch_size)
    for chunk in track(chunks, total=len(chunks), description="Encoding texts", unit="chunks"):
        with number_format(backbone.device, precision):
            features = _encode_chunk(backbone, [distinct[row] for row in chunk], batch_size)
        rows.fill(list(chunk), features)
    return rows.finish()[inverse]


class _Images(Dataset[tuple[int, Any]]):
    """Decodes and transforms in a worker; a broken image comes back as its error."""

    def __init__(
        self, refs: Sequence[Picture], rows: list[int], transform: Callable[[Any], Pixels]
    ) -> None:
        self.refs, self.rows, self.transform = refs, rows, transform

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[int, Any]:
        row = self.rows[index]
        try:
            return row, self.transform(self.refs[row].load())
        except DataError as error:
            return row, (error.what, error.where, error.hint)


def _collate(items: list[tuple[int, Any]]) -> tuple[list[int], Pixels | None, list[Any]]:
    good = [(row, pixels) for row, pixels in items if not isinstance(pixels, tuple)]
    broken = [(row, error) for row, error in items if isinstance(error, tuple)]
    pixels = stack([pixels for _, pixels in good]) if good else None
    return [row for row, _ in good], pixels, broken


def _gather(
    loader: Iterable[tuple[list[int], Pixels | None, list[Any]]], batch_size: int, device: str
) -> Iterator[tuple[list[int], Pixels | None, list[Any]]]:
    """Join what workers hand over to batches of `batch_size` images on the model's device."""
    # From pinned memory only CUDA copies while the host goes on; elsewhere that would be a race.
    pinned = device.startswith("cuda")
    rows: list[int] = []
    parts: list[Pixels] = []
    broken: list[Any] = []
    for good, pixels, bad in loader:
        rows, broken = rows + good, broken + bad
        # Part by part, so that copies run while the next images are decoded, and joined there.
        parts += [] if pixels is None else [move(pixels, device, non_blocking=pinned)]
        if len(rows) >= batch_size:
            yield rows, concatenate(parts), broken
            rows, parts, broken = [], [], []
    yield rows, concatenate(parts) if parts else None, broken


def _report(broken: list[Any], on_error: OnError) -> None:
    """Stop at a broken image, or name it and go on."""
    for _, (what, where, hint) in broken:
        if on_error == "stop":
            raise DataError(what, where=where, hint=hint)
        logger.warning("Skipped %s: %s.", where, what)


def _image_keys(refs: Sequence[Picture], on_error: OnError) -> list[str]:
    """Hash each file; a missing one that is skipped later gets a key nothing has."""

    def key(ref: Picture) -> str:
        # Members of shards have no file whose content a cache knows.
        assert isinstance(ref, ImageRef)
        try:
            return image_key(ref)
        except DataError:
            if on_error == "stop":
                raise
            return text_key(f"missing:{ref.path}")

    with ThreadPoolExecutor(_HASHED) as pool:
        return list(pool.map(key, refs))


def encode_images(
    backbone: Backbone,
    refs: Sequence[Picture],
    *,
    batch_size: int = 256,
    workers: int = 0,
    cache: Cache | None = None,
    track: Track = silent,
    on_error: OnError = "stop",
    precision: Precision = "fp32",
) -> Tensor:
    """Return image_features (N, D), float32 on the CPU, L2-normalized, of N images in their order.

    Args:
        backbone: the model.
        refs: equal files and crops are decoded and computed once.
        batch_size: images computed at once.
        workers: processes that decode.
        cache: features computed before, found by the files' content; of images in files only.
        track: shows progress.
        on_error: `skip` names a broken image in a warning and leaves its row NaN.
        precision: what the towers compute in; see `number_format`.

    Raises:
        DataError: an image is broken, with `stop`.
    """
    distinct, inverse = _distinct(refs)
    keys = _image_keys(distinct, on_error) if cache is not None else None
    rows = _Rows(keys, len(distinct), backbone.info.embed_dim, cache)
    at_once = min(_DECODED, batch_size)
    loader = DataLoader(
        _Images(distinct, rows.missing, backbone.preprocess),
        batch_size=at_once,
        num_workers=min(workers, len(rows.missing) // at_once),
        collate_fn=_collate,
        pin_memory=backbone.device.startswith("cuda"),
    )
    decoded = track(loader, total=len(loader), description="Encoding images", unit="batches")
    with torch.inference_mode(), worker_errors():
        for good, pixels, broken in _gather(decoded, batch_size, backbone.device):
            _report(broken, on_error)
            if pixels is None:
                continue
            with number_format(backbone.device, precision):
                features = backbone.encode_image(pixels)
            rows.fill(good, features.float().cpu())
    return rows.finish()[inverse]
