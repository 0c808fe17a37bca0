"""How hard negatives are for a model: near to their caption, and preferred to it by the image."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ahnpl_cli.backbones.base import Backbone, ModelInfo
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.feature_cache import known_features
from ahnpl_cli.data.images import ImageRef, image_key, text_key
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import KINDS, CaptionRecord, ConcretenessFifth, Hardness
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


def _sample(records: Iterable[Placed], seed: int) -> list[Placed]:
    usable = (item for item in records if item[0].negatives)
    return heapq.nsmallest(SAMPLE, usable, key=lambda item: stable_hash(seed, item[0].id))


def _texts(sample: Iterable[Placed]) -> list[str]:
    every = (text for r, _ in sample for text in (r.caption, *(n.caption for n in r.negatives)))
    return list(dict.fromkeys(every))


def _images(sample: Iterable[Placed]) -> list[Path]:
    return [path for path in dict.fromkeys(path for _, path in sample) if path.is_file()]


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


def _fifths(
    sample: list[Placed], images: dict[Path, Tensor], texts: dict[str, Tensor]
) -> tuple[ConcretenessFifth, ...]:
    """Return similarities by fifth of concreteness (Slipform's Figure 4); none of fewer than 5."""
    rated: list[tuple[float, float, float]] = []
    for record, path in sample:
        image, text = images.get(path), texts.get(record.caption)
        for negative in record.negatives:
            other = texts.get(negative.caption)
            known = image is not None and text is not None and other is not None
            if known and negative.concreteness is not None:
                cosines = (float(image @ text), float(image @ other))  # type: ignore[operator]
                rated.append((negative.concreteness, *cosines))
    rated.sort(key=lambda row: row[0])
    fifths = []
    for fifth in range(5 if len(rated) >= 5 else 0):
        rows = rated[fifth * len(rated) // 5 : (fifth + 1) * len(rated) // 5]
        concreteness, positive, negatives = zip(*rows, strict=True)
        wins = sum(own > other for _, own, other in rows)
        fifths.append(
            ConcretenessFifth(
                low=concreteness[0],
                high=concreteness[-1],
                n=len(rows),
                positive=sum(positive) / len(rows),
                negative=sum(negatives) / len(rows),
                right=100 * wins / len(rows),
            )
        )
    return tuple(fifths)


def _tabulate(
    sample: list[Placed], images: dict[Path, Tensor], texts: dict[str, Tensor]
) -> tuple[Hardness, ...]:
    """Return the numbers by kind; pairs whose texts have no features are left out."""
    similarities: dict[str, list[float]] = defaultdict(list)
    gaps: dict[str, list[float]] = defaultdict(list)
    for record, path in sample:
        text, image = texts.get(record.caption), images.get(path)
        for negative in record.negatives:
            other = texts.get(negative.caption)
            if text is None or other is None:
                continue
            similarities[negative.kind].append(float(text @ other))
            if image is not None:
                gaps[negative.kind].append(float(image @ text - image @ other))
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
    sample, cache = _sample(records, seed), known_features(backbone.info)
    paths, texts = _images(sample), _texts(sample)
    refs = [ImageRef(path) for path in paths]
    images = encode_images(backbone, refs, cache=cache, track=track)
    features = encode_texts(backbone, texts, cache=cache, track=track)
    image_features = dict(zip(paths, images, strict=True))
    text_features = dict(zip(texts, features, strict=True))
    by_kind = _tabulate(sample, image_features, text_features)
    return Measured(by_kind, _fifths(sample, image_features, text_features))


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
    return _tabulate(sample, images, {texts[key]: row for key, row in text_features.items()})
