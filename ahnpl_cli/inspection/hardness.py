"""How hard negatives are for a model: near to their caption, and preferred to it by the image."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.inspection.examples import draw_key
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import KINDS, CaptionRecord

SAMPLE = 1000  # records; the standard error of a share is then below 1.6 points


@dataclass(frozen=True, slots=True)
class Hardness:
    """One kind of negatives under a model.

    Attributes:
        kind: its name.
        n: negatives sampled.
        text_similarity: mean cosine of T and T_neg.
        with_image: of them, those whose image is there.
        right: percent of those with S(I,T) > S(I,T_neg); None without images.
        gap: mean S(I,T) - S(I,T_neg); None without images.
    """

    kind: str
    n: int
    text_similarity: float
    with_image: int
    right: float | None
    gap: float | None


def _image_features(backbone: Backbone, paths: list[Path], track: Track) -> dict[Path, Tensor]:
    there = [path for path in dict.fromkeys(paths) if path.is_file()]
    if not there:
        return {}
    features = encode_images(backbone, [ImageRef(path) for path in there], track=track)
    return dict(zip(there, features, strict=True))


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


def measure(
    records: Iterable[CaptionRecord],
    root: Path,
    backbone: Backbone,
    *,
    seed: int,
    track: Track = silent,
) -> tuple[Hardness, ...]:
    """Return how hard a sample of negatives is, by kind.

    Args:
        records: captions with negatives; read once, a sample is kept.
        root: folder that image paths are relative to; images that are missing are left out.
        backbone: the model.
        seed: of the sample.
        track: shows progress.
    """
    usable = (record for record in records if record.negatives)
    sample = heapq.nsmallest(SAMPLE, usable, key=lambda record: draw_key(seed, record))
    images = _image_features(backbone, [root / record.image for record in sample], track)
    texts = [t for r in sample for t in (r.caption, *(n.caption for n in r.negatives))]
    features = encode_texts(backbone, texts, track=track)
    parts = torch.split(features, [1 + len(record.negatives) for record in sample])
    similarities: dict[str, list[float]] = defaultdict(list)
    gaps: dict[str, list[float]] = defaultdict(list)
    for record, rows in zip(sample, parts, strict=True):
        image = images.get(root / record.image)
        for negative, row in zip(record.negatives, rows[1:], strict=True):
            similarities[negative.kind].append(float(rows[0] @ row))
            if image is not None:
                gaps[negative.kind].append(float(image @ rows[0] - image @ row))
    return tuple(_summary(k, similarities[k], gaps[k]) for k in KINDS if similarities[k])
