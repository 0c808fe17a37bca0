"""What `ahnpl embed` reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What `ahnpl embed` did.

    Attributes:
        folder: where the embeddings are.
        model: short name of the model.
        dim: D.
        dtype: what is stored.
        records: records whose parts all have rows.
        images: distinct images, by content.
        texts: distinct captions.
        negatives: distinct negative captions.
        image_negatives: rows of Eqs. 1-2; 0 without `--perturb`.
        skipped: (id, image, reason) of records left out for their image.
        bytes: of all shards; with `dry_run`, of their features.
        shards: files written or kept.
        kept: of them, features that were up to date.
        seconds: without loading the model.
        dry_run: whether nothing was written.
        shard: `I/N` where only a part of the features was written.
    """

    folder: str
    model: str
    dim: int
    dtype: str
    records: int
    images: int
    texts: int
    negatives: int
    image_negatives: int
    skipped: tuple[tuple[str, str, str], ...]
    bytes: int = 0
    shards: int = 0
    kept: int = 0
    seconds: float = 0.0
    dry_run: bool = False
    shard: str | None = None
