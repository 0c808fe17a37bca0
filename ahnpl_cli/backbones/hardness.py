"""How hard negatives are for a model: near to their caption, and preferred to it by the image."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from ahnpl_cli.backbones.base import Backbone, ModelInfo
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.feature_cache import known_features
from ahnpl_cli.data.images import ImageRef, image_key, text_key
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import KINDS, CaptionRecord, ConcretenessFifth, Hardness, Negative
from ahnpl_cli.stable_hash import stable_hash

SAMPLE = 1000  # records; the standard error of a share is then below 1.6 points
Placed = tuple[CaptionRecord, Path]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model makes of a sample of negatives.

    Attributes:
        kinds: by kind.
        fifths: by concreteness of the changed word; empty without five rated ones with images.
    """

    kinds: tuple[Hardness, ...]
    fifths: tuple[ConcretenessFifth, ...]


def placed(records: Iterable[CaptionRecord], root: Path) -> Iterator[Placed]:
    """Yield records with the paths of their images."""
    return ((record, root / record.image) for record in records)


class _Pair(NamedTuple):
    """Similarities of one negative.

    Attributes:
        negative: the record's.
        texts: S(T, T_n).
        own: S(I, T); None without the image.
        other: S(I, T_n); None without the image.
    """

    negative: Negative
    texts: Tensor
    own: Tensor | None
    other: Tensor | None


def _sample(records: Iterable[Placed], seed: int) -> list[Placed]:
    usable = (item for item in records if item[0].negatives)
    return heapq.nsmallest(SAMPLE, usable, key=lambda item: stable_hash(seed, item[0].id))


def _texts(sample: Iterable[Placed]) -> list[str]:
    every: dict[str, None] = {}
    for record, _ in sample:
        every[record.caption] = None
        for negative in record.negatives:
            every[negative.caption] = None
    return list(every)


def _images(sample: Iterable[Placed]) -> list[Path]:
    distinct = dict.fromkeys(path for _, path in sample)
    return [path for path in distinct if path.is_file()]


def _pairs(
    sample: list[Placed], images: dict[Path, Tensor], texts: dict[str, Tensor]
) -> Iterator[_Pair]:
    """Yield the similarities of every negative; those without features are left out."""
    for record, path in sample:
        image = images.get(path)
        text = texts.get(record.caption)
        for negative in record.negatives:
            changed = texts.get(negative.caption)
            if text is None or changed is None:
                continue
            if image is None:
                yield _Pair(negative, text @ changed, None, None)
            else:
                yield _Pair(negative, text @ changed, image @ text, image @ changed)


def _summary(kind: str, similarities: list[float], gaps: list[float]) -> Hardness:
    n = len(gaps)
    return Hardness(
        kind=kind,
        n=len(similarities),
        text_similarity=sum(similarities) / len(similarities),
        with_image=n,
        right=100 * sum(gap > 0 for gap in gaps) / n if n else None,
        gap=sum(gaps) / n if n else None,
    )


def _fifths(pairs: Iterable[_Pair]) -> tuple[ConcretenessFifth, ...]:
    """Return similarities by fifth of concreteness (Slipform's Figure 4); none of fewer than 5."""
    rated: list[tuple[float, float, float]] = []
    for pair in pairs:
        concreteness = pair.negative.concreteness
        if concreteness is not None and pair.own is not None and pair.other is not None:
            rated.append((concreteness, float(pair.own), float(pair.other)))
    if len(rated) < 5:
        return ()
    rated.sort(key=lambda row: row[0])
    ends = [fifth * len(rated) // 5 for fifth in range(6)]
    return tuple(_fifth(rated[start:end]) for start, end in pairwise(ends))


def _fifth(rows: list[tuple[float, float, float]]) -> ConcretenessFifth:
    n = len(rows)
    return ConcretenessFifth(
        low=rows[0][0],
        high=rows[-1][0],
        n=n,
        positive=sum(own for _, own, _ in rows) / n,
        negative=sum(other for _, _, other in rows) / n,
        right=100 * sum(own > other for _, own, other in rows) / n,
    )


def _by_kind(pairs: Iterable[_Pair]) -> tuple[Hardness, ...]:
    """Return the numbers by kind."""
    similarities: dict[str, list[float]] = defaultdict(list)
    gaps: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        kind = pair.negative.kind
        similarities[kind].append(float(pair.texts))
        if pair.own is not None and pair.other is not None:
            gaps[kind].append(float(pair.own - pair.other))
    return tuple(_summary(k, similarities[k], gaps[k]) for k in KINDS if similarities[k])


def measure(
    records: Iterable[Placed],
    backbone: Backbone,
    *,
    seed: int,
    track: Track = silent,
) -> Measured:
    """Return how hard a sample of negatives is, by kind and by fifth of concreteness.

    What `ahnpl embed` or `ahnpl eval` computed is taken from there.

    Args:
        records: captions with negatives; read once, a sample is kept. Images that are missing are
            left out.
        backbone: the model.
        seed: of the sample.
        track: shows progress.
    """
    cache = known_features(backbone.info)
    sample = _sample(records, seed)
    paths = _images(sample)
    texts = _texts(sample)
    refs = [ImageRef(path) for path in paths]
    images = encode_images(backbone, refs, cache=cache, track=track)
    features = encode_texts(backbone, texts, cache=cache, track=track)
    image_features = dict(zip(paths, images, strict=True))
    text_features = dict(zip(texts, features, strict=True))
    pairs = list(_pairs(sample, image_features, text_features))
    return Measured(_by_kind(pairs), _fifths(pairs))


def recall(records: Iterable[Placed], info: ModelInfo, *, seed: int) -> tuple[Hardness, ...]:
    """Return how hard a sample of negatives is as far as its features are on disk.

    Args:
        records: captions with negatives; read once, a sample is kept.
        info: of the model; nothing is computed with it.
        seed: of the sample.
    """
    cache = known_features(info)
    sample = _sample(records, seed)
    texts = {text_key(text): text for text in _texts(sample)}
    paths = {path: image_key(ImageRef(path)) for path in _images(sample)}
    text_features = cache.get(list(texts))
    pictures = cache.get(list(dict.fromkeys(paths.values())))
    images = {path: pictures[key] for path, key in paths.items() if key in pictures}
    by_text = {texts[key]: row for key, row in text_features.items()}
    return _by_kind(_pairs(sample, images, by_text))
